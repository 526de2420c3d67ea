import type { Delivery, ProcessQueue } from '../consumer/process-queue.js';

/** Fires when any message of the batch may go to another member. `close` lets go of the queues. */
export class BatchSignal {
  private readonly abort = new AbortController();
  private readonly queues: ReadonlySet<ProcessQueue>;
  private readonly fire = (): void => this.abort.abort();

  constructor(deliveries: readonly Delivery[]) {
    this.queues = new Set(deliveries.map(({ queue }) => queue));
    for (const { handlerSignal } of this.queues) {
      if (handlerSignal.aborted) this.fire();
      else handlerSignal.addEventListener('abort', this.fire);
    }
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  close(): void {
    for (const { handlerSignal } of this.queues) handlerSignal.removeEventListener('abort', this.fire);
  }
}
