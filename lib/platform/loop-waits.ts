/** What a lone message or a few take; more is worth the way to the thread pool. */
const MOST_BYTES = 16 * 1024;
/** Longer than this, and the way to the thread pool is the small part of it. */
const QUICK_MILLIS = 0.3;
/** Of the loop's time, what quick waits may take in the long run. */
const SHARE = 0.25;
/** A longer wait counts so many times, so that waits of a slow disk take half a percent of the loop's time. */
const SLOW_FACTOR = 50;
/** What an idle loop saves up, in milliseconds of waiting. */
const MOST_SAVED_MILLIS = 5;

/**
 * Which small synced writes an event loop makes by itself instead of handing them to the thread pool and being woken by it:
 * each of the two wake-ups takes as long as a quick disk, and now and then a thread waits for a processor for milliseconds.
 * Only for a loop that is the broker's own, which has little else to do while a lone message waits for the disk.
 */
export class LoopWaits {
  private saved = MOST_SAVED_MILLIS;
  private countedAt: number;

  /** @param now milliseconds from any point on, with fractions */
  constructor(private readonly now: () => number = () => performance.now()) {
    this.countedAt = now();
  }

  /** Whether a write of so many bytes may be waited for now. */
  allow(bytes: number): boolean {
    if (bytes > MOST_BYTES) return false;
    const now = this.now();
    this.saved = Math.min(MOST_SAVED_MILLIS, this.saved + (now - this.countedAt) * SHARE);
    this.countedAt = now;
    return this.saved > 0;
  }

  /** Does what was allowed, and counts how long it took, also when it fails. */
  during(write: () => void): void {
    const began = this.now();
    try {
      write();
    } finally {
      const took = this.now() - began;
      this.saved -= took <= QUICK_MILLIS ? took : took * SLOW_FACTOR;
    }
  }
}
