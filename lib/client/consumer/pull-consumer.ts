import { type HeaderMatch, MessagingError } from '../../protocol/index.js';
import type { ClientCore } from '../connection/client-core.js';
import { ConsumeMode } from '../consume-mode.js';
import type { Inbox } from '../dispatch/inbox.js';
import { PostponeError } from '../settle/control-errors.js';
import { ACKNOWLEDGED } from '../settle/settle.js';
import type { ConsumerState } from './consumer-state.js';
import { PushConsumer } from './push-consumer.js';
import type { ReceivedMessage } from './received-message.js';

/** What a pull consumer is told. */
export interface PullConsumerOptions {
  /** Its members share the messages; no listener may be in it. */
  group: string;
  topic: string;
  /** `a || b`, with wildcards for words; default `*`, everything. */
  tag?: string | undefined;
  /** SQL92 on the properties, instead of a tag. */
  selector?: string | undefined;
  /** Properties that the message must have. */
  headers?: HeaderMatch | undefined;
  /** Where a group begins that never registered before. Default: `latest`. */
  from?: 'latest' | 'earliest' | Date;
  /** Retries after the first attempt, then dead letter. Default: 16. */
  maxReconsumeTimes?: number;
  /** Milliseconds before the next attempt of what was given back. Default: the broker's ladder. */
  backoff?: readonly number[] | ((attempt: number) => number);
  /** Messages that are fetched at a time. Default: 32. */
  pullBatchSize?: number;
}

export interface PollOptions {
  /** Default: 32. */
  maxMessages?: number;
  /** How long to wait for the first one, in milliseconds. Default: 1,000. */
  timeoutMillis?: number;
}

const DEFAULT_MESSAGES = 32;
const DEFAULT_TIMEOUT_MILLIS = 1000;

/**
 * Takes messages when it is asked for them, and keeps each unsettled until it is acknowledged, given back or rejected. The
 * group's position in a queue is that of its first message that is none of these: after a crash everything from there on
 * comes again. Queues are divided among the members of the group as with listeners.
 */
export class PullConsumer implements AsyncIterable<ReceivedMessage> {
  /** @internal */
  readonly consumer: PushConsumer;
  private readonly inbox: Inbox;
  private closing: Promise<void> | undefined;

  /** @internal */
  constructor(core: ClientCore, options: PullConsumerOptions, left: () => void) {
    const {
      group,
      from,
      maxReconsumeTimes,
      pullBatchSize = DEFAULT_MESSAGES,
      topic,
      tag,
      selector,
      headers,
      backoff,
    } = options;
    const mode = ConsumeMode.CONCURRENT;
    this.consumer = new PushConsumer(core, { group, mode, from, maxReconsumeTimes, pullBatchSize }, left, true);
    this.inbox = this.consumer.inbox!;
    this.consumer.add({ name: 'pull', topic, tag, selector, headers, backoff, handle: () => {} });
  }

  /** Makes the group known, stores its start position, and begins to fetch. Rejects when no broker can be reached. */
  async start(): Promise<void> {
    await this.consumer.register();
    await this.consumer.start();
  }

  /** What is there, or what comes first within the time; nothing when nothing comes, while paused, and after `close`. */
  async poll(options: PollOptions = {}): Promise<ReceivedMessage[]> {
    const { maxMessages = DEFAULT_MESSAGES, timeoutMillis = DEFAULT_TIMEOUT_MILLIS } = options;
    if (!Number.isInteger(maxMessages) || maxMessages < 1) {
      throw new MessagingError('BAD_ARGUMENT', `poll: maxMessages must be a whole number above 0, not ${maxMessages}`);
    }
    if (!Number.isFinite(timeoutMillis) || timeoutMillis < 0) {
      throw new MessagingError('BAD_ARGUMENT', `poll: timeoutMillis must be milliseconds, not ${timeoutMillis}`);
    }
    return this.inbox.poll(maxMessages, timeoutMillis);
  }

  /**
   * The message is dealt with. Stored with the group's position, within seconds; `commit` stores it now.
   * Throws BAD_ARGUMENT for a message that was not polled here, or is settled; one that another member may have by now is
   * left alone and counted (`lateOutcomes`).
   */
  acknowledge(message: ReceivedMessage): Promise<void> {
    return this.inbox.settle(message, ACKNOWLEDGED);
  }

  /** Gives it back: it comes again, as a retry, to any member. Default delay: `backoff`, otherwise the broker's ladder. */
  async retryLater(message: ReceivedMessage, delayMillis?: number, error?: unknown): Promise<void> {
    if (delayMillis !== undefined && !(Number.isFinite(delayMillis) && delayMillis >= 0)) {
      throw new MessagingError('BAD_ARGUMENT', `retryLater: ${delayMillis} is no delay in milliseconds`);
    }
    const reason = error ?? new Error('given back by the pull consumer');
    await this.inbox.settle(message, { kind: 'retry', delayMillis, error: reason });
  }

  /**
   * Keeps it unsettled, and gives it out again in `delayMillis`, here; it does not count as an attempt.
   * Throws BAD_ARGUMENT as `acknowledge` does, and for a delay that is none or longer than a day.
   */
  async postpone(message: ReceivedMessage, delayMillis: number): Promise<void> {
    let error: PostponeError;
    try {
      error = new PostponeError(delayMillis);
    } catch (cause) {
      throw new MessagingError('BAD_ARGUMENT', `postpone: ${delayMillis} is no delay up to a day`, { cause });
    }
    this.inbox.postpone(message, { kind: 'postpone', delayMillis, suspendListener: false, error });
  }

  /** It can never succeed: a dead letter, with the reason. */
  reject(message: ReceivedMessage, reason: unknown): Promise<void> {
    return this.inbox.settle(message, { kind: 'dead-letter', error: reason });
  }

  /** Resolves when the brokers have the positions, synced to disk. Throws QUEUE_UNAVAILABLE when one cannot be stored. */
  async commit(): Promise<void> {
    if (await this.consumer.secure()) return;
    throw new MessagingError(
      'QUEUE_UNAVAILABLE',
      `The positions of the group ${this.consumer.settings.group} could not all be stored; commit() again, or leave it to the next regular time`,
    );
  }

  /** Fetches and gives out nothing more; what was polled can be settled. */
  pause(): void {
    this.consumer.pause();
  }

  resume(): void {
    this.consumer.resume();
  }

  state(): ConsumerState {
    return this.consumer.state();
  }

  /**
   * Gives out nothing more, waits so long for what was polled to be settled, stores the positions and leaves the group.
   * What is not settled comes again, here or elsewhere.
   */
  close(budgetMillis = 0): Promise<void> {
    this.inbox.close();
    return (this.closing ??= this.consumer.stop(budgetMillis));
  }

  /** Message by message until `close`; each wants to be settled. */
  async *[Symbol.asyncIterator](): AsyncIterator<ReceivedMessage> {
    while (this.closing === undefined) yield* await this.poll({ maxMessages: 1 });
  }
}
