import {
  createRequest,
  type MessagingError,
  OFFSET_RESET,
  PullSysFlag,
  RequestCode,
  ResponseCode,
  type PullMessageRequestHeader,
  type PullMessageResponseHeader,
  type RemotingCommand,
} from '../../protocol/index.js';
import type { ClientCore } from '../connection/client-core.js';
import { ConsumeMode } from '../consume-mode.js';
import type { ConsumerActivity } from './consumer-activity.js';
import type { ConsumerSettings } from '../options.js';
import type { Delivery, ProcessQueue } from './process-queue.js';
import { pullLimits } from './pull-limits.js';
import type { PulledBodyDecoder } from './pulled-body.js';
import { responseError } from '../connection/response-error.js';
import { MASTER_ID } from '../connection/topic-route.js';

/** How long a broker may hold a pull, and how long the client waits for it: RocketMQ's numbers. */
const SUSPEND_MILLIS = 15_000;
const PULL_TIMEOUT_MILLIS = 30_000;

const FIRST_PAUSE_MILLIS = 100;
const LONGEST_PAUSE_MILLIS = 3000;
const FLOW_CONTROL_PAUSE_MILLIS = 20;

/** What pulling depends on beside the queue itself. */
export interface PullGate {
  /** Resolves at once, or when the group goes on after a pause. */
  resumed(): Promise<void> | undefined;
  paused(): boolean;
  /** Orderly queues are read only while locked; one that is not is given up. */
  mayRead(queue: ProcessQueue): boolean;
  /** Gives the queue up and asks for it again, with the position that it has then. */
  renounce(queue: ProcessQueue): void;
  /** The same after somebody has moved the group's position: ours counts for nothing. */
  moved(queue: ProcessQueue): void;
}

/** An answer, and where it came from. */
interface Answered {
  readonly response: RemotingCommand;
  readonly address: string;
  readonly millis: number;
}

/** The next pull of a queue when it is under way already; undefined comes from a queue that was given up meanwhile. */
interface Ahead {
  pull: Promise<Answered | undefined> | undefined;
}

/** Long polling: one loop and one open request per queue. */
export class PullService {
  constructor(
    private readonly core: ClientCore,
    private readonly settings: ConsumerSettings,
    private readonly decoder: PulledBodyDecoder,
    private readonly activity: ConsumerActivity,
    private readonly gate: PullGate,
    private readonly subscriptionVersion: () => number,
    private readonly deliver: (queue: ProcessQueue, deliveries: Delivery[]) => void,
  ) {}

  start(queue: ProcessQueue): void {
    void this.loop(queue);
  }

  private async loop(queue: ProcessQueue): Promise<void> {
    const { clock } = this.core.platform;
    const ahead: Ahead = { pull: undefined };
    while (!queue.draining) {
      const paused = ahead.pull === undefined ? this.gate.resumed() : undefined;
      if (paused !== undefined) await paused;
      else if (ahead.pull === undefined && queue.full) await queue.room();
      else if (!this.gate.mayRead(queue)) return;
      else {
        const pause = await this.pullOnce(queue, ahead);
        if (pause > 0) await this.pause(queue, pause);
        // Without this a long backlog would be read and handled in one turn of the host's event loop.
        else await new Promise<void>((resolve) => clock.defer(resolve));
      }
    }
  }

  /** Returns how long to wait before the next pull. Never rejects: a queue is pulled until it is taken away. */
  private async pullOnce(queue: ProcessQueue, ahead: Ahead): Promise<number> {
    const { counters, platform } = this.core;
    try {
      const pull = ahead.pull ?? this.ask(queue);
      ahead.pull = undefined;
      const answered = await pull;
      if (answered === undefined || queue.draining) return 0;
      queue.lastPullAt = platform.clock.now();
      return await this.take(queue, answered, ahead);
    } catch (error) {
      if (queue.draining) return 0;
      counters.pullFailed++;
      queue.suggestedBrokerId = MASTER_ID;
      const text = `Pulling ${queue.key} for the group ${this.settings.group} failed: ${(error as Error).message}`;
      // One line per outage, not one per attempt.
      if (queue.failures++ === 0) platform.logger.warn(text);
      else platform.logger.debug(text);
      return Math.min(FIRST_PAUSE_MILLIS * 2 ** Math.min(queue.failures - 1, 10), LONGEST_PAUSE_MILLIS);
    }
  }

  private async ask(queue: ProcessQueue): Promise<Answered | undefined> {
    const { brokers, counters, platform } = this.core;
    counters.pulls++;
    const address = this.address(queue);
    const channel = brokers.peek(address) ?? (await brokers.open(address));
    if (queue.draining) return undefined;
    const asked = platform.clock.monotonic();
    const response = await channel.invoke(this.request(queue, address), PULL_TIMEOUT_MILLIS);
    return { response, address, millis: platform.clock.monotonic() - asked };
  }

  /**
   * Asks for what follows before the messages at hand are handled, so that the broker works meanwhile. Not when nothing
   * lies there yet: that pull is to tell the broker how far the group has come.
   */
  private askAhead(queue: ProcessQueue, ahead: Ahead, maxOffset: number): void {
    if (maxOffset <= queue.nextOffset || queue.full || this.gate.paused() || !this.gate.mayRead(queue)) return;
    ahead.pull = this.ask(queue);
    // The loop sees an error when it comes to it.
    ahead.pull.catch(() => undefined);
  }

  private async take(queue: ProcessQueue, { response, address, millis }: Answered, ahead: Ahead): Promise<number> {
    if (queue.topicGone && response.code !== ResponseCode.TOPIC_NOT_EXIST) {
      // What has come back under the name is another topic, whose offsets begin anew.
      this.gate.renounce(queue);
      return 0;
    }
    switch (response.code) {
      case ResponseCode.SUCCESS: {
        const header = this.follow(queue, response);
        const decoded = this.decoder.decode(queue, response.body ?? Buffer.alloc(0), header.nextBeginOffset);
        const { deliveries, nextOffset } = decoded instanceof Promise ? await decoded : decoded;
        if (queue.draining) return 0;
        queue.append(deliveries, nextOffset);
        this.activity.notePull(queue.topic, deliveries.length, millis);
        this.askAhead(queue, ahead, header.maxOffset);
        if (deliveries.length > 0 && !queue.draining) this.deliver(queue, deliveries);
        return 0;
      }
      case ResponseCode.PULL_NOT_FOUND:
      case ResponseCode.PULL_RETRY_IMMEDIATELY:
        queue.nextOffset = this.follow(queue, response).nextBeginOffset;
        return 0;
      case ResponseCode.PULL_OFFSET_MOVED: {
        const { nextBeginOffset, minOffset, maxOffset } = this.follow(queue, response);
        if (response.remark === OFFSET_RESET) {
          this.gate.moved(queue);
          return 0;
        }
        this.core.platform.logger.warn(
          `The group ${this.settings.group} wanted ${queue.key} from offset ${queue.nextOffset} on, which is outside ${minOffset} to ` +
            `${maxOffset}: expired before it was read, or cut off. It goes on at ${nextBeginOffset}`,
        );
        queue.nextOffset = nextBeginOffset;
        return 0;
      }
      case ResponseCode.FLOW_CONTROL:
        return FLOW_CONTROL_PAUSE_MILLIS;
      case ResponseCode.TOPIC_NOT_EXIST:
        // A slave may only not have heard of it yet.
        if (queue.suggestedBrokerId === MASTER_ID) queue.topicGone = true;
        throw this.refusal(response, address);
      case ResponseCode.SUBSCRIPTION_NOT_EXIST:
      case ResponseCode.SUBSCRIPTION_NOT_LATEST:
      case ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST:
      case ResponseCode.FILTER_DATA_NOT_EXIST:
      case ResponseCode.FILTER_DATA_NOT_LATEST:
        await this.core.heartbeats.repeat(address);
        throw this.refusal(response, address);
      default:
        throw this.refusal(response, address);
    }
  }

  private refusal(response: RemotingCommand, address: string): MessagingError {
    const error = responseError(response, 'The pull');
    this.core.brokers.leaveIfGoing(address, error);
    return error;
  }

  private follow(queue: ProcessQueue, response: RemotingCommand): PullMessageResponseHeader {
    const header = response.header as PullMessageResponseHeader;
    queue.suggestedBrokerId = header.suggestWhichBrokerId;
    queue.failures = 0;
    return header;
  }

  private address(queue: ProcessQueue): string {
    const { routes, brokers } = this.core;
    if (queue.suggestedBrokerId !== MASTER_ID) {
      const address = routes.address(queue.brokerName, queue.suggestedBrokerId);
      if (address !== undefined) return address;
    }
    return brokers.master(queue.brokerName);
  }

  private request(queue: ProcessQueue, address: string): RemotingCommand {
    const { group, mode, pullBatchSize } = this.settings;
    const ours = (this.core.brokers.greetingOf(address)?.extensions ?? 0) > 0;
    const limits = pullLimits(pullBatchSize, ours, queue);
    // A successor of a topic that is gone must not take this position for one in itself.
    const commits = mode !== ConsumeMode.BROADCAST && queue.suggestedBrokerId === MASTER_ID && !queue.topicGone;
    const header: PullMessageRequestHeader = {
      consumerGroup: group,
      topic: queue.topic,
      queueId: queue.queueId,
      queueOffset: queue.nextOffset,
      maxMsgNums: limits.messages,
      sysFlag: PullSysFlag.SUSPEND | (commits ? PullSysFlag.COMMIT_OFFSET : 0),
      commitOffset: commits ? queue.committedOffset : 0,
      suspendTimeoutMillis: SUSPEND_MILLIS,
      subVersion: this.subscriptionVersion(),
      subscription: undefined,
      expressionType: 'TAG',
      maxMsgBytes: limits.bytes,
    };
    return createRequest(RequestCode.PULL_MESSAGE, header);
  }

  private async pause(queue: ProcessQueue, milliseconds: number): Promise<void> {
    try {
      await this.core.platform.clock.sleep(milliseconds, queue.stopping);
    } catch {
      // The queue is taken away: the loop sees that by itself.
    }
  }
}
