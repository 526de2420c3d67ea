import type { Clock } from '../../platform/index.js';

/** Handlers between two looks at the clock. */
const ROW = 32;
/** How long handlers that end at once may follow each other before the event loop gets a turn, in milliseconds. */
const LONGEST_MILLIS = 5;

/**
 * Handlers that end at once would be called one after the other until nothing is left, which may be a thousand messages:
 * this says when a row of them has held the host's event loop long enough.
 */
export class TurnShare {
  private calls = 0;
  private since = 0;

  constructor(private readonly clock: Clock) {}

  /** A row begins. */
  begin(): void {
    this.calls = 0;
  }

  /** Asked after each handler. */
  get over(): boolean {
    if (++this.calls % ROW !== 0) return false;
    const now = this.clock.monotonic();
    if (this.calls === ROW) {
      this.since = now;
      return false;
    }
    return now - this.since > LONGEST_MILLIS;
  }
}
