import {
  createRequest,
  DEFAULT_TOPIC,
  ExtensionCode,
  PACKS_SINCE,
  propertiesLength,
  type PropertyParts,
  type RemotingCommand,
  type SendPackHeader,
} from '../../protocol/index.js';
import type { Channel } from '../../remoting/index.js';
import type { ClientCore } from '../connection/client-core.js';
import { PackCall, type PackedAttempts, type PackWay } from './pack-call.js';
import type { SendCall } from './send-call.js';
import type { SendUnit } from './send-unit.js';

/** Bounds of one pack: enough to make what each costs small, small enough to keep client, broker and disk busy at once. */
const MOST_MESSAGES = 256;
const MOST_BYTES = 1024 * 1024;
/** A longer message is worth a request of its own. */
const LARGEST_MESSAGE = 256 * 1024;
/** After a broker has refused a whole pack, perhaps for one of its topics, sends go one by one for so long. */
const REST_MILLIS = 1000;
/** A column in which all have the same. Nobody changes what a pack carries. */
const ZEROS: readonly number[] = new Array<number>(MOST_MESSAGES).fill(0);

/**
 * On the way to one broker: what is sent while an earlier send is unanswered waits until all that runs now has run, which
 * is before anything else can come in, and travels as one request. A send that finds nothing under way goes at once.
 *
 * The order of calls stays: whatever goes past this has to `flush` first.
 */
export class PackGatherer implements PackWay {
  /** Sends that have not been answered. */
  private unanswered = 0;
  /** Filled up to `gathered`, and used again for each pack, so that it grows once. */
  private readonly waiting: (SendCall | undefined)[] = [];
  private gathered = 0;
  private bytes = 0;
  private scheduled = false;
  /** Whether the broker has said on this channel that it takes packs. */
  private takes = false;
  private asked = false;
  /** On the monotonic clock. */
  private restsUntil = 0;

  constructor(
    readonly channel: Channel,
    private readonly address: string,
    private readonly core: ClientCore,
    private readonly attempts: PackedAttempts,
    private readonly requestOf: (call: SendCall) => RemotingCommand,
  ) {}

  get remoteAddress(): string {
    return this.channel.remoteAddress;
  }

  send(call: SendCall): void {
    const { unit } = call;
    if (this.unanswered === 0 || !isPackable(unit) || !this.takesPacks(call.startedAt)) {
      this.flush();
      this.sendAlone(call);
      return;
    }
    this.waiting[this.gathered++] = call;
    this.unanswered++;
    this.bytes += unit.body.length + propertiesLength(unit);
    if (this.gathered >= MOST_MESSAGES || this.bytes >= MOST_BYTES) this.flush();
    else if (!this.scheduled) {
      this.scheduled = true;
      this.core.platform.clock.afterJobs(this.flushLater);
    }
  }

  /** Sends what has been gathered. */
  flush(): void {
    const { waiting, gathered } = this;
    if (gathered === 0) return;
    const calls = waiting.slice(0, gathered) as SendCall[];
    waiting.fill(undefined, 0, gathered);
    this.gathered = 0;
    this.bytes = 0;
    if (gathered === 1) {
      this.unanswered--;
      this.sendAlone(calls[0]!);
    } else this.sendTogether(calls);
  }

  settled(sends: number): void {
    this.unanswered -= sends;
  }

  rest(): void {
    this.restsUntil = this.core.platform.clock.monotonic() + REST_MILLIS;
  }

  private readonly flushLater = (): void => {
    this.scheduled = false;
    this.flush();
  };

  private sendAlone(call: SendCall): void {
    this.unanswered++;
    call.underWay = this;
    this.channel.call(this.requestOf(call), call.unit.deadline - call.startedAt, call);
  }

  private sendTogether(calls: SendCall[]): void {
    const { core, channel } = this;
    const { clock } = core.platform;
    const born = clock.now();
    const topics = [calls[0]!.unit.topic];
    const sameTopic = calls.every(({ unit }) => unit.topic === topics[0]);
    const pack = new Pack(
      core.producerGroup,
      core.settings.defaultTopicQueues,
      topics,
      sameTopic ? ZEROS : calls.map(({ unit }) => placeIn(topics, unit.topic)),
      calls.map(queueIdOf),
      calls.map(() => born),
      calls.map(partsOf),
      calls.map(bodyOf),
    );
    const request = createRequest(ExtensionCode.SEND_PACK, pack);
    const call = new PackCall(this, this.attempts, calls, clock);
    channel.call(request, call.lastDeadline - clock.monotonic(), call);
  }

  private takesPacks(now: number): boolean {
    if (this.takes) return this.restsUntil <= now;
    const greeting = this.core.brokers.greetingOf(this.address);
    if (greeting?.channel === this.channel) {
      this.takes = greeting.extensions >= PACKS_SINCE;
      return this.takes;
    }
    // A client that only sends greets nobody before its first round of heartbeats. Whoever sends one by one need not know.
    if (!this.asked) {
      this.asked = true;
      this.core.heartbeats.repeat(this.address).catch((error: Error) => {
        this.core.platform.logger.debug(`What ${this.address} can do is not known yet: ${error.message}`);
      });
    }
    return false;
  }
}

/** Young, and so are the arrays, which `map` makes of their final size; see SendUnit. */
class Pack implements SendPackHeader {
  readonly defaultTopic = DEFAULT_TOPIC;
  readonly sysFlags = ZEROS;
  private texts: readonly string[] | undefined = undefined;

  constructor(
    readonly producerGroup: string,
    readonly defaultTopicQueueNums: number,
    readonly topics: readonly string[],
    readonly topicOf: readonly number[],
    readonly queueIds: readonly number[],
    readonly bornTimestamps: readonly number[],
    readonly parts: readonly (PropertyParts & { readonly properties: string })[],
    readonly bodies: readonly Buffer[],
  ) {}

  /** For the wire. */
  get properties(): readonly string[] {
    this.texts ??= this.parts.map(({ properties }) => properties);
    return this.texts;
  }
}

function queueIdOf({ queue }: SendCall): number {
  return queue!.queueId;
}

function partsOf({ unit }: SendCall): SendUnit {
  return unit;
}

function bodyOf({ unit }: SendCall): Buffer {
  return unit.body;
}

/** The place of the topic, which is added when it has none. */
function placeIn(topics: string[], topic: string): number {
  const place = topics.indexOf(topic);
  return place < 0 ? topics.push(topic) - 1 : place;
}

function isPackable(unit: SendUnit): boolean {
  return (
    unit.batch === undefined &&
    unit.dedupId === undefined &&
    unit.transactionGroup === undefined &&
    unit.body.length <= LARGEST_MESSAGE
  );
}
