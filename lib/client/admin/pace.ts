import type { Clock } from '../../platform/index.js';

/** Holds work to a number of messages a second, counted from the beginning: what was late is made up for. */
export class Pace {
  private readonly start: number;
  private done = 0;

  constructor(
    private readonly clock: Clock,
    private readonly perSecond: number | undefined,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.start = clock.monotonic();
  }

  /** How many may be done together, so that a slow pace is no row of bursts. */
  get step(): number {
    return this.perSecond === undefined ? Number.MAX_SAFE_INTEGER : Math.max(1, Math.ceil(this.perSecond / 10));
  }

  /** Waits until so many more may be done; false when the signal has fired. */
  async take(count: number): Promise<boolean> {
    if (this.signal?.aborted === true) return false;
    if (this.perSecond === undefined) return true;
    const due = this.start + (this.done / this.perSecond) * 1000;
    this.done += count;
    const wait = due - this.clock.monotonic();
    if (wait <= 0) return true;
    try {
      await this.clock.sleep(wait, this.signal);
      return true;
    } catch {
      return false;
    }
  }
}
