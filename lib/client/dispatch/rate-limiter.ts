import type { Clock, Timer } from '../../platform/index.js';

/** So many messages in so many milliseconds. */
export interface RateLimit {
  readonly limit: number;
  readonly intervalMillis: number;
}

/**
 * What a timer may be late by and is made up for: without it a limit of one message each tenth of a millisecond would come
 * to one per timer. No more than this, so that a stalled process does not begin with a burst.
 */
const CATCH_UP_MILLIS = 20;

/**
 * Spaces the beginnings of handlers evenly: `limit` per interval, each its share of the interval after the one before. One
 * timer at the most, and none while nothing waits.
 */
export class RateLimiter {
  private readonly spacing: number;
  /** On the monotonic clock: when the next one may begin. */
  private next = Number.NEGATIVE_INFINITY;
  private timer: Timer | undefined;
  /** What the last timer was late by: messages that begin now make up for it. */
  private late = 0;

  constructor(
    { limit, intervalMillis }: RateLimit,
    private readonly clock: Clock,
    private readonly wake: () => void = () => {},
  ) {
    this.spacing = intervalMillis / limit;
  }

  /** Whether a handler may begin now; otherwise it wakes when one may. */
  mayBegin(nothingWaits: boolean): boolean {
    if (nothingWaits) return true;
    if (this.timer !== undefined) return false;
    const wait = this.next - this.clock.monotonic();
    if (wait <= 0) return true;
    this.timer = this.clock.after(wait, () => {
      this.timer = undefined;
      this.late = Math.min(this.clock.monotonic() - this.next, CATCH_UP_MILLIS);
      this.wake();
    });
    return false;
  }

  /** Counts messages whose handler begins now. */
  begin(messages: number): void {
    const now = this.clock.monotonic();
    this.next = Math.max(this.next, now - this.late) + this.spacing * messages;
  }

  /** Counts messages whose handler begins when the returned milliseconds are over. */
  reserve(messages: number): number {
    const now = this.clock.monotonic();
    const at = Math.max(this.next, now);
    this.next = at + this.spacing * messages;
    return at - now;
  }
}
