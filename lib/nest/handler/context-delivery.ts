import type { ReceivedMessage } from '../../client/index.js';
import type { BatchDelivery, DeliveringListener, IdempotentDelivery } from '../../idempotency/index.js';
import { MessagingError } from '../../protocol/index.js';

/** What a context keeps for idempotency; made when that first asks for it. */
export class ContextDelivery implements IdempotentDelivery {
  isTaken = false;
  private transaction: { readonly handle: unknown } | undefined;
  private controller: AbortController | undefined;
  private lost: Error | undefined;
  private look: (() => void) | undefined;
  private readonly forward = (): void => this.controller!.abort(this.signal.reason);

  constructor(
    readonly listener: DeliveringListener,
    readonly messages: readonly ReceivedMessage[],
    readonly signal: AbortSignal,
    readonly batch: BatchDelivery | undefined,
    readonly several = false,
  ) {}

  /** What the handler sees: fires also when the lease is lost. Only who asks for it pays. */
  get handlerSignal(): AbortSignal {
    this.look?.();
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.signal.aborted) this.forward();
      else if (this.lost !== undefined) this.controller.abort(this.lost);
      else this.signal.addEventListener('abort', this.forward, { once: true });
    }
    return this.controller.signal;
  }

  get openTransaction(): unknown {
    if (this.transaction === undefined) throw noTransaction();
    return this.transaction.handle;
  }

  abort(reason: Error): void {
    this.lost = reason;
    this.controller?.abort(reason);
  }

  watch(look: () => void): void {
    this.look = look;
  }

  setTransaction(transaction: { readonly handle: unknown } | undefined): void {
    this.transaction = transaction;
  }

  end(): void {
    this.look = undefined;
    this.signal.removeEventListener('abort', this.forward);
  }
}

/** Of a context whose listener has none, or whose handler has ended. */
export function noTransaction(): MessagingError {
  return new MessagingError(
    'BAD_ARGUMENT',
    'context.transaction: there is none. It is there while the handler of an @Idempotent listener with a transactional ' +
      'store (SqlInbox) runs, and over when the handler has settled',
  );
}
