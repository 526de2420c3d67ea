import type { PullConsumer, ReceivedMessage } from '../../client/index.js';
import type { Clock } from '../../platform/index.js';
import { undecodable } from '../handler/failure-settler.js';
import { type Duration, type MessageConverter, parseDuration } from '../payload/index.js';

/** A message that was asked for, until it is settled. @publicApi */
export interface PulledMessage<T = unknown> {
  readonly message: ReceivedMessage;
  readonly payload: T;
}

/**
 * Takes messages when it is asked for them; each stays unsettled until it is acknowledged, given back or rejected. The
 * group's position in a queue is its first message that is none of these. Closes with the application.
 *
 * @publicApi
 */
export class MessagePuller<T = unknown> implements AsyncIterable<PulledMessage<T>> {
  /** @internal */
  constructor(
    private readonly consumer: PullConsumer,
    private readonly converter: MessageConverter,
    private readonly clock: Clock,
  ) {}

  /** What is there, or what comes first within `timeout` (1 s); at most `maxMessages` (32). */
  async poll(options: { maxMessages?: number; timeout?: Duration } = {}): Promise<PulledMessage<T>[]> {
    const { maxMessages, timeout = 1000 } = options;
    const end = this.clock.monotonic() + parseDuration(timeout, 'poll: timeout');
    for (;;) {
      const timeoutMillis = Math.max(0, end - this.clock.monotonic());
      const messages = await this.consumer.poll({ maxMessages, timeoutMillis });
      const pulled = messages.map((message) => this.decode(message)).filter((one) => one !== undefined);
      if (pulled.length > 0 || messages.length === 0) return pulled;
    }
  }

  /** It is dealt with. Throws BAD_ARGUMENT for one that was not pulled here, or is settled. */
  acknowledge({ message }: PulledMessage<T>): Promise<void> {
    return this.consumer.acknowledge(message);
  }

  /** It comes again, as a retry. Default delay: `backoff`, otherwise the ladder. */
  async retryLater({ message }: PulledMessage<T>, delay?: Duration, reason?: unknown): Promise<void> {
    const millis = delay === undefined ? undefined : parseDuration(delay, 'retryLater');
    await this.consumer.retryLater(message, millis, reason);
  }

  /** It stays unsettled here and is given out again after the delay, at most a day; not counted as an attempt. */
  async postpone({ message }: PulledMessage<T>, delay: Duration): Promise<void> {
    await this.consumer.postpone(message, parseDuration(delay, 'postpone'));
  }

  /** It can never succeed: a dead letter with the reason, an error or a text. */
  reject({ message }: PulledMessage<T>, reason: unknown): Promise<void> {
    return this.consumer.reject(message, reason);
  }

  /** Resolves when the group's positions are stored for certain; by itself that happens every few seconds. */
  commit(): Promise<void> {
    return this.consumer.commit();
  }

  /** Nothing more is fetched and given out. */
  pause(): void {
    this.consumer.pause();
  }

  resume(): void {
    this.consumer.resume();
  }

  /** What was not settled comes again. */
  close(): Promise<void> {
    return this.consumer.close();
  }

  /** Message by message until `close`; each wants to be settled. */
  async *[Symbol.asyncIterator](): AsyncIterator<PulledMessage<T>> {
    for await (const message of this.consumer) {
      const pulled = this.decode(message);
      if (pulled !== undefined) yield pulled;
    }
  }

  private decode(message: ReceivedMessage): PulledMessage<T> | undefined {
    try {
      return { message, payload: this.converter.decode(message.body, message.contentType, undefined) as T };
    } catch (error) {
      // As with a listener: it will never be readable, here or elsewhere.
      void this.consumer.reject(message, undecodable(error, message));
      return undefined;
    }
  }
}
