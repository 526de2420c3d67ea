import type { Logger } from '@nestjs/common';
import type { ReceivedMessage } from '../../client/index.js';
import { DELIVERY, type DeliveringListener } from '../../idempotency/index.js';
import { ContextDelivery, noTransaction } from './context-delivery.js';

/**
 * One delivery of a message to one listener: the second argument of a handler, and what `@Ctx()` and
 * `switchToRpc().getContext()` give. `Tx` is what the listener's transactional store calls a transaction.
 *
 * @publicApi
 */
export class MessageContext<T = unknown, Tx = unknown> {
  readonly #signal: AbortSignal;
  readonly #listener: DeliveringListener | undefined;
  #delivery: ContextDelivery | undefined;

  constructor(
    /** The message as it was received, immutable. */
    readonly message: ReceivedMessage,
    /** The payload as it was decoded, before any pipe. */
    readonly payload: T,
    /** The consumer group of the listener. */
    readonly group: string,
    /** The connection of the listener. */
    readonly connection: string,
    signal: AbortSignal,
    /** Logs under the listener's name. */
    readonly logger: Logger,
    listener?: DeliveringListener,
  ) {
    this.#signal = signal;
    this.#listener = listener;
  }

  /**
   * Aborted when the time for the handler is over, or the lease of an idempotent listener lost: its message may then be
   * given to another member of the group.
   */
  get signal(): AbortSignal {
    return this.#delivery === undefined ? this.#signal : this.#delivery.handlerSignal;
  }

  /**
   * The transaction in which the message is marked as handled: what the handler writes in it is there exactly when the mark
   * is. Of `@Idempotent` listeners with a transactional store, while the handler runs.
   * @throws MessagingError BAD_ARGUMENT for others, and afterwards.
   */
  get transaction(): Tx {
    if (this.#delivery === undefined) throw noTransaction();
    return this.#delivery.openTransaction as Tx;
  }

  /** 1 for the first attempt. */
  get attempt(): number {
    return this.message.attempt;
  }

  /** The topic that the message was sent to. */
  get topic(): string {
    return this.message.topic;
  }

  /** @internal */
  get [DELIVERY](): ContextDelivery | undefined {
    if (this.#listener === undefined) return undefined;
    return (this.#delivery ??= new ContextDelivery(this.#listener, [this.message], this.#signal, undefined));
  }
}
