import type { ReceivedMessage } from '../../client/index.js';

/**
 * A transactional message as `execute` and `check` see it: as its consumers will, if it is committed.
 *
 * @publicApi
 */
export class TransactionMessage<T = unknown> {
  constructor(
    /** The message itself, immutable. */
    readonly message: ReceivedMessage,
    /** As the connection's converter reads it: what was sent, after its way through JSON. */
    readonly payload: T,
  ) {}

  /** The same in `execute`, in every `check` and for the consumers: a key for what the local transaction stores. */
  get transactionId(): string {
    return this.message.messageId;
  }

  get topic(): string {
    return this.message.topic;
  }

  get tag(): string | undefined {
    return this.message.tag;
  }

  get keys(): readonly string[] {
    return this.message.keys;
  }
}
