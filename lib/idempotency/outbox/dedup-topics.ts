import type { OutgoingMessage, SendOptions, SendResult } from '../../client/index.js';
import type { Clock } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';

/** What the relay needs of a producer. */
export interface RelayProducer {
  send(message: OutgoingMessage, options?: SendOptions): Promise<SendResult>;
  /** All or nothing, in order. */
  sendBatch(messages: readonly OutgoingMessage[], options?: SendOptions): Promise<SendResult>;
}

/** A topic may be given de-duplication, or lose it, with a restart of its broker. */
const KNOWN_FOR_MILLIS = 5 * 60_000;
const MOST_TOPICS = 10_000;

interface Known {
  readonly deduplicates: boolean;
  /** On the monotonic clock. */
  readonly until: number;
}

/**
 * Sends messages with their unique id as `dedupId` where the topic de-duplicates. A broker of ours refuses a `dedupId` on
 * other topics, and Apache's ignores it: the first message to a topic finds out.
 */
export class DedupTopics {
  private readonly known = new Map<string, Known>();
  /** By topic: the message that finds out. */
  private readonly asking = new Map<string, Promise<unknown>>();

  constructor(
    private readonly producer: RelayProducer,
    private readonly clock: Clock,
  ) {}

  async send(message: OutgoingMessage & { readonly messageId: string }, options: SendOptions): Promise<SendResult> {
    // An id of the application's own is kept: it names the effect, whoever sends it.
    if (message.dedupId !== undefined) return this.producer.send(message, options);
    const { topic } = message;
    if (this.deduplicates(topic) === undefined) {
      const asking = this.asking.get(topic);
      if (asking === undefined) return this.ask(message, options);
      await asking.catch(() => undefined);
    }
    return this.deduplicates(topic) === false ? this.producer.send(message, options) : this.tryWithId(message, options);
  }

  /** Several of one key, on a topic that is known not to de-duplicate: a batch carries no ids. */
  sendTogether(messages: readonly OutgoingMessage[], options: SendOptions): Promise<SendResult> {
    return this.producer.sendBatch(messages, options);
  }

  /** Undefined: not known. */
  deduplicates(topic: string): boolean | undefined {
    const known = this.known.get(topic);
    return known !== undefined && this.clock.monotonic() < known.until ? known.deduplicates : undefined;
  }

  private ask(message: OutgoingMessage & { readonly messageId: string }, options: SendOptions): Promise<SendResult> {
    const { topic } = message;
    const asking = this.tryWithId(message, options).finally(() => this.asking.delete(topic));
    this.asking.set(topic, asking);
    return asking;
  }

  private async tryWithId(
    message: OutgoingMessage & { readonly messageId: string },
    options: SendOptions,
  ): Promise<SendResult> {
    const { topic, messageId } = message;
    let result: SendResult;
    try {
      result = await this.producer.send({ ...message, dedupId: messageId }, options);
    } catch (error) {
      if (!(error instanceof MessagingError) || error.code !== 'PROPERTIES_INVALID') throw error;
      // It may be the id that was refused, or what the message has besides: without the id only the latter is left.
      result = await this.producer.send(message, options);
      this.remember(topic, false);
      return result;
    }
    this.remember(topic, result.duplicate !== undefined);
    return result;
  }

  private remember(topic: string, deduplicates: boolean): void {
    if (this.known.size >= MOST_TOPICS) this.known.clear();
    this.known.set(topic, { deduplicates, until: this.clock.monotonic() + KNOWN_FOR_MILLIS });
  }
}
