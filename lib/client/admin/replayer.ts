import {
  checkGroup,
  checkTopic,
  encodeOffsetMessageId,
  ExtensionProperty,
  getProperty,
  isDeadLetterTopic,
  isRetryTopic,
  isSendableTopic,
  type MessageRecord,
  MessagingError,
  PropertyName,
  RequestCode,
  retryTopic,
} from '../../protocol/index.js';
import { asMessagingError } from '../connection/response-error.js';
import { ReceivedMessage } from '../consumer/received-message.js';
import type { Producer } from '../producer/producer.js';
import { againProperties, keptIdempotency, type SentAgain } from '../producer/sent-again.js';
import type { AdminCalls } from './admin-calls.js';
import { checkOptions, option } from './check-options.js';
import type { GroupAdmin } from './group-admin.js';
import { Pace } from './pace.js';
import { bodyOf } from './queue-reader.js';
import {
  checkRange,
  openRange,
  RANGE_RULES,
  type ReplayPlace,
  type ReplayQueue,
  type ReplayRange,
} from './replay-range.js';

/** Who gets the messages: one group and no other, or a topic with all its groups. @publicApi */
export type ReplayTarget =
  | {
      group: string;
      /** Of which topic they come to the group. Default: the one that they are in. */
      as?: string;
      topic?: undefined;
    }
  | { topic: string; group?: undefined };

/** @publicApi */
export interface ReplayOptions {
  /**
   * What the replay is called. Repeated under one name it stamps each message as before, so that a listener can tell.
   * Default: a name of its own for every call.
   */
  id?: string;
  /**
   * Whether a listener with `@Idempotent` that has handled a message passes its copy over. Default: false, what is replayed
   * is handled whatever was handled before.
   */
  keepIdempotency?: boolean;
  /** At most so many messages a second. Default: as fast as it goes. */
  ratePerSecond?: number;
  /** Ends the work after the messages that are under way. */
  signal?: AbortSignal;
}

/** @publicApi */
export interface ReplayReport {
  id: string;
  /** False when it was ended by the signal, or by the failure in `error`; go on with `from: next` and the same `id`. */
  complete: boolean;
  replayed: number;
  /** Messages that the conditions left out. */
  passedOver: number;
  /** Messages that can never be sent, as one that is too large by now; the others went on. */
  failed: number;
  /** What is left, queue by queue. */
  next: ReplayPlace[];
  /** The last failure. */
  error?: MessagingError;
}

const TARGET_RULES = { group: option.text, as: option.text, topic: option.text } as const;
const OPTION_RULES = {
  id: {
    what: 'a text of 1 to 64 letters, digits, _, - and .',
    accepts: (value: unknown) => /^[\w.-]{1,64}$/.test(String(value)),
  },
  keepIdempotency: option.flag,
  ratePerSecond: option.rate,
  signal: option.signal,
} as const;

/** Groups that an error names: a topic may have thousands. */
const MOST_NAMED = 10;

/** Called with each queue when what is in front of its new offset was sent. False ends the replay. */
type Advance = (queue: ReplayQueue) => Promise<boolean>;

/** Sends stored messages once more, queue by queue in their order, a handful at a time. */
export class Replayer {
  constructor(
    private readonly calls: AdminCalls,
    private readonly groups: GroupAdmin,
  ) {}

  /**
   * What a group has still to settle is sent elsewhere, and its position goes along: a step is sent first, so that a crash
   * in between repeats it, with the same stamps if `id` is the same, and loses nothing.
   */
  async move(group: string, topic: string, target: ReplayTarget, options: ReplayOptions): Promise<ReplayReport> {
    const { core } = await this.calls.parts();
    checkGroup(group, core.settings.namespace);
    checkTopic(topic, core.settings.namespace);
    await this.checkMember(group, topic);
    if (target.topic === topic)
      throw new MessagingError('BAD_ARGUMENT', `The backlog of ${group} lies in ${topic} already; name another topic`);
    const atRest = async (): Promise<MessagingError | undefined> => {
      const { members } = await this.groups.lag(group, { topic, ages: false });
      return members.length === 0 ? undefined : isAtWork(group, members);
    };
    const problem = await atRest();
    if (problem !== undefined) throw problem;
    const places: ReplayPlace[] = [];
    for (const { rows } of await this.groups.progress(group, topic)) {
      for (const { queue, consumerOffset, brokerOffset } of rows) {
        const { brokerName, queueId } = queue;
        if (consumerOffset < brokerOffset)
          places.push({ brokerName, queueId, offset: consumerOffset, end: brokerOffset });
      }
    }
    let late: MessagingError | undefined;
    const advance: Advance = async ({ reader, offset }) => {
      // A member that came meanwhile has a position of its own, which must not be taken back.
      late = await atRest();
      if (late !== undefined) return false;
      const { queueId } = reader.queue;
      const header = { topic, group, timestamp: -1, isForce: true, queueId, offset };
      await this.calls.ask(reader.address, RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, header);
      return true;
    };
    const report = await this.replay({ topic, from: places }, target, options, advance);
    if (late !== undefined) report.error = late;
    return report;
  }

  async replay(
    range: ReplayRange,
    target: ReplayTarget,
    options: ReplayOptions,
    advance?: Advance,
  ): Promise<ReplayReport> {
    const { core, producer } = await this.calls.parts();
    checkOptions('backlog.replay', range, RANGE_RULES);
    checkOptions('backlog.replay', target as { group?: string; as?: string; topic?: string }, TARGET_RULES);
    checkOptions('backlog.replay', options, OPTION_RULES);
    checkTopic(range.topic, core.settings.namespace);
    checkRange(range);
    if (target.group !== undefined && target.topic !== undefined)
      throw new MessagingError('BAD_ARGUMENT', 'backlog.replay: either a group gets the messages, or a topic');
    if (target.group === undefined && (target as { as?: string }).as !== undefined)
      throw new MessagingError('BAD_ARGUMENT', 'backlog.replay: `as` is for a group; a topic gets messages as its own');
    const route = await this.calls.route(range.topic);
    if (target.group === undefined) await this.checkTarget(target.topic);
    else await this.checkMember(target.group, target.as ?? range.topic);
    const { clock, random } = core.platform;
    const id = options.id ?? `${clock.now().toString(36)}-${random.below(0x7fff_ffff).toString(36)}`;
    const queues = await openRange(this.calls, range, route);
    const report: ReplayReport = { id, complete: false, replayed: 0, passedOver: 0, failed: 0, next: [] };
    const pace = new Pace(clock, options.ratePerSecond, options.signal);
    await new ReplayRun(
      producer,
      range,
      target,
      options.keepIdempotency === true,
      pace,
      report,
      core.settings.compressOverBytes,
      advance,
    ).run(queues);
    report.next = queues
      .filter(({ offset, end }) => offset < end)
      .map(({ reader, offset, end }) => {
        const { brokerName, queueId } = reader.queue;
        return { brokerName, queueId, offset, end };
      });
    report.complete = report.next.length === 0;
    return report;
  }

  private async checkTarget(topic: string | undefined): Promise<void> {
    if (topic === undefined)
      throw new MessagingError('BAD_ARGUMENT', 'backlog.replay: name the group or the topic that gets the messages');
    checkTopic(topic, (await this.calls.parts()).core.settings.namespace);
    if (isSendableTopic(topic) && !isRetryTopic(topic) && !isDeadLetterTopic(topic)) return;
    throw new MessagingError(
      'BAD_ARGUMENT',
      `Messages are replayed to a group, or to a topic of your own; not to ${topic}`,
    );
  }

  /** @throws MessagingError GROUP_NOT_FOUND, BAD_ARGUMENT, NOT_SUPPORTED. */
  private async checkMember(group: string, topic: string): Promise<void> {
    checkGroup(group, (await this.calls.parts()).core.settings.namespace);
    await this.groups.progress(group, topic);
    const readers = await this.groups.of(topic);
    if (!readers.includes(group)) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `The group ${group} has never subscribed to ${topic}; it would not know what to do with its messages. ` +
          `Groups that have: ${readers.slice(0, MOST_NAMED).join(', ') || 'none'}`,
      );
    }
    if ((await this.calls.routeIfAny(retryTopic(group))) !== undefined) return;
    throw new MessagingError(
      'NOT_SUPPORTED',
      `The group ${group} is a broadcast group: nothing can be sent to it alone. Replay to a topic`,
    );
  }
}

function isAtWork(group: string, members: readonly string[]): MessagingError {
  return new MessagingError(
    'BAD_ARGUMENT',
    `The group ${group} is at work (${members.join(', ')}): what it handles would be moved as well. Stop its listeners first`,
  );
}

class ReplayRun {
  constructor(
    private readonly producer: Producer,
    private readonly range: ReplayRange,
    private readonly target: ReplayTarget,
    private readonly keepIdempotency: boolean,
    private readonly pace: Pace,
    private readonly report: ReplayReport,
    private readonly compressOverBytes: number,
    private readonly advance: Advance | undefined,
  ) {}

  /** A page of each queue in turn, so that none runs far ahead of the others. */
  async run(queues: readonly ReplayQueue[]): Promise<void> {
    for (let open = queues; open.length > 0; open = open.filter(({ offset, end }) => offset < end)) {
      for (const queue of open) if (queue.offset < queue.end && !(await this.page(queue))) return;
    }
  }

  /** False when the replay is over for now. */
  private async page(queue: ReplayQueue): Promise<boolean> {
    const { reader, end } = queue;
    const before = queue.offset;
    try {
      const { records, nextOffset } = await reader.read(before);
      for (let from = 0; from < records.length; from += this.pace.step) {
        const step = records.slice(from, from + this.pace.step).filter(({ queueOffset }) => queueOffset < end);
        if (await this.send(queue, step)) continue;
        if (queue.offset > before) await this.advance?.(queue);
        return false;
      }
      // Behind what has expired meanwhile. Where nothing more can be read, it is at its end.
      queue.offset = nextOffset > before ? Math.max(queue.offset, nextOffset) : end;
      return this.advance === undefined || (await this.advance(queue));
    } catch (error) {
      const failure = asMessagingError(error, `Replaying ${this.range.topic}`);
      if (!failure.retryable) throw failure;
      this.report.error = failure;
      return false;
    }
  }

  /**
   * They leave in their order, together. A process that dies in here has sent some of them, and sends them again with the
   * same stamps when it is asked to go on.
   */
  private async send(queue: ReplayQueue, records: readonly MessageRecord[]): Promise<boolean> {
    const { report } = this;
    const wanted: { record: MessageRecord; body: Buffer }[] = [];
    for (const record of records) {
      const body = await bodyOf(record);
      if (this.wants(queue, record, body)) wanted.push({ record, body });
    }
    if (!(await this.pace.take(wanted.length))) return false;
    const sent = await this.together(wanted.map(({ record, body }) => this.message(record, body)));
    report.passedOver += records.length - wanted.length;
    for (const [at, outcome] of sent.entries()) {
      if (outcome.status === 'fulfilled') {
        report.replayed++;
        continue;
      }
      report.error = asMessagingError(outcome.reason, `Replaying ${this.range.topic}`);
      if (report.error.retryable) {
        queue.offset = wanted[at]!.record.queueOffset;
        return false;
      }
      report.failed++;
    }
    const last = records.at(-1);
    if (last !== undefined) queue.offset = last.queueOffset + 1;
    return true;
  }

  private async together(messages: readonly SentAgain[]): Promise<PromiseSettledResult<unknown>[]> {
    const send = (message: SentAgain): Promise<unknown> => this.producer.sendAgain(message);
    // The lanes of keys see to their order. To a group all goes to one queue, and a body that is compressed would be overtaken.
    const oneByOne =
      this.target.group !== undefined && messages.some(({ body }) => body.length >= this.compressOverBytes);
    if (!oneByOne) return Promise.allSettled(messages.map(send));
    const results: PromiseSettledResult<unknown>[] = [];
    for (const message of messages) results.push(...(await Promise.allSettled([send(message)])));
    return results;
  }

  private wants({ reader }: ReplayQueue, record: MessageRecord, body: Buffer): boolean {
    const { topic, tag, where } = this.range;
    if (tag !== undefined && getProperty(record.properties, PropertyName.TAGS) !== tag) return false;
    if (where === undefined) return true;
    const { queueOffset, properties } = record;
    const { brokerName } = reader.queue;
    return where(new ReceivedMessage(record, { topic, brokerName, attempt: 1, body, queueOffset, properties }));
  }

  private message(record: MessageRecord, body: Buffer): SentAgain {
    const { properties, queueId, queueOffset } = record;
    const messageId = getProperty(properties, PropertyName.UNIQUE_KEY) ?? `${queueId}-${queueOffset}`;
    const stamp = [ExtensionProperty.REPLAYED, `${this.report.id}:${messageId}`] as const;
    const kept = this.keepIdempotency ? [keptIdempotency(properties)] : [];
    const storedId = encodeOffsetMessageId(record.storeHost, record.physicalOffset);
    if (this.target.group === undefined) {
      const shardingKey = getProperty(properties, PropertyName.SHARDING_KEY);
      const again = againProperties(properties, storedId, [stamp, ...kept]);
      return { topic: this.target.topic, body, properties: again, shardingKey };
    }
    // As a first attempt of the group, and of no other.
    const more = againProperties(properties, storedId, [
      stamp,
      ...kept,
      [PropertyName.RETRY_TOPIC, this.target.as ?? this.range.topic],
      [PropertyName.ORIGIN_MESSAGE_ID, messageId],
      [ExtensionProperty.ORIGIN_QUEUE_ID, queueId],
      [ExtensionProperty.ORIGIN_QUEUE_OFFSET, queueOffset],
    ]);
    return { topic: retryTopic(this.target.group), body, properties: more, shardingKey: undefined };
  }
}
