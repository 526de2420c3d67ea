import type { Clock, Timer } from '../../platform/index.js';
import type { Delivery } from '../consumer/process-queue.js';

interface Waiting {
  readonly delivery: Delivery;
  /** On the monotonic clock. */
  readonly at: number;
}

/**
 * Messages that wait, unsettled, to be given to their listener again. They stay in their queues, whose limits bound what can
 * be here; one timer for all of them, and none while there is none.
 */
export class Postponed {
  /** The next one first. */
  private waiting: Waiting[] = [];
  private timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    /** Their time has come. */
    private readonly due: (deliveries: readonly Delivery[]) => void,
  ) {}

  add(delivery: Delivery, delayMillis: number): void {
    const at = this.clock.monotonic() + Math.max(1, delayMillis);
    // Delays are mostly equal: what comes later is later.
    let place = this.waiting.length;
    while (place > 0 && this.waiting[place - 1]!.at > at) place--;
    this.waiting.splice(place, 0, { delivery, at });
    if (place > 0) return;
    this.timer?.cancel();
    this.arm();
  }

  /** Takes out those whose queue was taken away: another member has them. */
  sweep(): Delivery[] {
    const gone = this.waiting.filter(({ delivery }) => delivery.queue.draining);
    if (gone.length === 0) return [];
    this.waiting = this.waiting.filter(({ delivery }) => !delivery.queue.draining);
    this.timer?.cancel();
    this.arm();
    return gone.map(({ delivery }) => delivery);
  }

  private arm(): void {
    const first = this.waiting[0];
    this.timer = first && this.clock.after(Math.max(0, first.at - this.clock.monotonic()), this.look);
  }

  private readonly look = (): void => {
    const now = this.clock.monotonic();
    const end = this.waiting.findIndex(({ at }) => at > now);
    const due = this.waiting.splice(0, end < 0 ? this.waiting.length : end);
    this.arm();
    this.due(due.map(({ delivery }) => delivery));
  };
}
