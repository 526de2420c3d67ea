import type { Clock, Timer } from '../../platform/index.js';
import type { Delivery } from '../consumer/process-queue.js';
import type { BatchLimit } from '../options.js';

/** The next batch of a listener: ready when it is full, or when its first message has waited long enough. */
export class BatchCollector {
  private items: Delivery[] = [];
  private due = false;
  private timer: Timer | undefined;

  constructor(
    private readonly limit: BatchLimit,
    private readonly clock: Clock,
    private readonly wake: () => void,
  ) {}

  get ready(): boolean {
    return this.items.length >= this.limit.size || (this.due && this.items.length > 0);
  }

  /** Takes what is there until the batch is full. */
  fill(next: () => Delivery | undefined): void {
    while (this.items.length < this.limit.size) {
      const delivery = next();
      if (delivery === undefined) break;
      this.items.push(delivery);
    }
    if (this.items.length === 0 || this.due || this.timer !== undefined) return;
    this.timer = this.clock.after(this.limit.timeoutMillis, () => {
      this.timer = undefined;
      this.due = true;
      this.wake();
    });
  }

  /** Without those whose queue was taken away meanwhile: another member has them. */
  take(): Delivery[] {
    const batch = this.items.filter(({ queue }) => !queue.draining);
    this.items = [];
    this.due = false;
    this.timer?.cancel();
    this.timer = undefined;
    return batch;
  }
}
