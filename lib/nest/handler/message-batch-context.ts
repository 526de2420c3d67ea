import type { Logger } from '@nestjs/common';
import type { ReceivedMessage } from '../../client/index.js';
import { type BatchDelivery, DELIVERY, type DeliveringListener } from '../../idempotency/index.js';
import { MessagingError } from '../../protocol/index.js';
import { ContextDelivery, noTransaction } from './context-delivery.js';

/** How the messages of a batch are settled each for itself. */
export interface IdempotentBatch {
  readonly listener: DeliveringListener | undefined;
  readonly batch: BatchDelivery;
}

/**
 * One delivery of a batch to a listener: the second argument of its handler, and what `@Ctx()` and
 * `switchToRpc().getContext()` give. `Tx` is what the listener's transactional store calls a transaction.
 *
 * @publicApi
 */
export class MessageBatchContext<Tx = unknown> {
  #messages: readonly ReceivedMessage[];
  readonly #failures = new Map<ReceivedMessage, unknown>();
  readonly #signal: AbortSignal;
  readonly #idempotent: IdempotentBatch | undefined;
  #delivery: ContextDelivery | undefined;

  constructor(
    messages: readonly ReceivedMessage[],
    /** The consumer group of the listener. */
    readonly group: string,
    /** The connection of the listener. */
    readonly connection: string,
    signal: AbortSignal,
    /** Logs under the listener's name. */
    readonly logger: Logger,
    idempotent?: IdempotentBatch,
  ) {
    this.#messages = messages;
    this.#signal = signal;
    this.#idempotent = idempotent;
  }

  /**
   * Aborted when the time for the handler is over, or the lease of an idempotent listener lost: its messages may then be
   * given to another member of the group.
   */
  get signal(): AbortSignal {
    return this.#delivery === undefined ? this.#signal : this.#delivery.handlerSignal;
  }

  /**
   * The one transaction of the batch, as `MessageContext.transaction`. A message that fails rolls back what was written for
   * the others as well; they come again at once, without it.
   * @throws MessagingError BAD_ARGUMENT when there is none.
   */
  get transaction(): Tx {
    if (this.#delivery === undefined) throw noTransaction();
    return this.#delivery.openTransaction as Tx;
  }

  /**
   * The messages as they were received, in the order of the payloads. In the handler: without those that a pipe refused, or
   * that were handled before.
   */
  get messages(): readonly ReceivedMessage[] {
    return this.#messages;
  }

  /**
   * Lets one message of the batch fail as if a handler of its own had thrown the error; the others are not concerned.
   * @param index Its place among the payloads.
   * @throws MessagingError BAD_ARGUMENT when there is none at that place.
   */
  fail(index: number, error: unknown): void {
    const message = this.#messages[index];
    if (message === undefined) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `fail: the batch has no message ${String(index)}, only 0 to ${this.#messages.length - 1}`,
      );
    }
    this.#failures.set(message, error);
  }

  /** @internal */
  get [DELIVERY](): ContextDelivery | undefined {
    const { listener, batch } = this.#idempotent ?? {};
    if (listener === undefined) return undefined;
    return (this.#delivery ??= new ContextDelivery(listener, this.#messages, this.#signal, batch));
  }

  /** @internal */
  static failures(context: MessageBatchContext): ReadonlyMap<ReceivedMessage, unknown> {
    return context.#failures;
  }

  /** @internal */
  static keep(context: MessageBatchContext, messages: readonly ReceivedMessage[]): void {
    context.#messages = messages;
  }
}
