import type { Clock, Timer } from '../platform/index.js';
import { storeFailure } from './store-failure.js';

interface PendingCall {
  readonly deadline: number;
  expire(): void;
}

/**
 * Waits for a store no longer than a limit: a client that queues commands while its server is away would otherwise hold the
 * handler's place for ever. One timer for all calls.
 */
export class StoreCalls {
  /** In the order of their deadlines, as all have the same limit. */
  private readonly pending = new Set<PendingCall>();
  private timer: Timer | undefined;

  constructor(
    private readonly store: string,
    private readonly limitMillis: number,
    private readonly clock: Clock,
  ) {}

  /**
   * Checks that the store gives one answer for each of `count`.
   * @param late Gets an answer that came after the limit.
   * @throws MessagingError IDEMPOTENCY_STORE_FAILED; whatever the store rejects with.
   */
  call<T>(verb: string, count: number, ask: () => Promise<T[]>, late?: (answers: T[]) => void): Promise<T[]> {
    return new Promise((resolve, reject) => {
      const call: PendingCall = {
        deadline: this.clock.monotonic() + this.limitMillis,
        expire: () => {
          reject(storeFailure(`${verb}: the store ${this.store} did not answer within ${this.limitMillis} ms`));
        },
      };
      const settle = (answers: T[]): void => {
        if (!this.pending.delete(call)) return late?.(answers);
        if (Array.isArray(answers) && answers.length === count) return resolve(answers);
        reject(
          storeFailure(`${verb}: the store ${this.store} must give ${count} answers, one for each in their order`),
        );
      };
      const fail = (error: unknown): void => {
        this.pending.delete(call);
        reject(error as Error);
      };
      this.pending.add(call);
      this.timer ??= this.clock.after(this.limitMillis, this.look);
      try {
        ask().then(settle, fail);
      } catch (error) {
        fail(error);
      }
    });
  }

  private readonly look = (): void => {
    this.timer = undefined;
    const now = this.clock.monotonic();
    for (const call of this.pending) {
      if (call.deadline > now) {
        this.timer = this.clock.after(call.deadline - now, this.look);
        return;
      }
      this.pending.delete(call);
      call.expire();
    }
  };
}
