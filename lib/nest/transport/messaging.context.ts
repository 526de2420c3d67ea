import { BaseRpcContext } from '@nestjs/microservices';
import type { ReceivedMessage } from '../../client/index.js';
import { DELIVERY, type DeliveringListener } from '../../idempotency/index.js';
import { ContextDelivery, noTransaction } from '../handler/context-delivery.js';
import { PASSAGE, type Passage } from './rpc-passage.js';

/**
 * One delivery of a message to one handler: what `@Ctx()` and `switchToRpc().getContext()` give.
 *
 * @publicApi
 */
export class MessagingContext<Tx = unknown> extends BaseRpcContext<[message: ReceivedMessage, pattern: string]> {
  /** @internal */
  readonly [PASSAGE]: Passage = { entered: false, failure: undefined };
  readonly #signal: AbortSignal;
  readonly #listener: DeliveringListener | undefined;
  readonly #isEvent: boolean;
  #delivery: ContextDelivery | undefined;

  constructor(
    message: ReceivedMessage,
    pattern: string,
    /** The consumer group of the handler. */
    readonly group: string,
    signal: AbortSignal,
    listener?: DeliveringListener,
    isEvent = true,
  ) {
    super([message, pattern]);
    this.#signal = signal;
    this.#listener = listener;
    this.#isEvent = isEvent;
  }

  /**
   * Aborted when the time for the handler is over, or the lease of an idempotent handler lost: its message may then be given
   * to another member of the group.
   */
  get signal(): AbortSignal {
    return this.#delivery === undefined ? this.#signal : this.#delivery.handlerSignal;
  }

  /**
   * As `MessageContext.transaction`.
   * @throws MessagingError BAD_ARGUMENT when there is none.
   */
  get transaction(): Tx {
    if (this.#delivery === undefined) throw noTransaction();
    return this.#delivery.openTransaction as Tx;
  }

  /** The message as it was received, immutable. */
  get message(): ReceivedMessage {
    return this.args[0];
  }

  /** The pattern of the handler, as `topic:tag`. */
  get pattern(): string {
    return this.args[1];
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
    // Of a request all values of a stream are the reply.
    const several = !this.#isEvent;
    return (this.#delivery ??= new ContextDelivery(this.#listener, [this.message], this.#signal, undefined, several));
  }
}
