import type { Clock, Timer } from '../../platform/index.js';

/** What a suspended listener shows of itself. */
export interface SuspensionInfo {
  /** Milliseconds since 1970. */
  readonly until: number;
  /** What it could not do without. */
  readonly reason: string;
}

/**
 * The time that a listener has asked to be left alone, because it could handle nothing now: without it a store that is
 * away would be asked once for every message of the backlog. Only time ends it.
 */
export class Suspension {
  private timer: Timer | undefined;
  /** On the monotonic clock. */
  private until = 0;
  private shown: SuspensionInfo | undefined;

  get active(): boolean {
    return this.timer !== undefined;
  }

  get info(): SuspensionInfo | undefined {
    return this.shown;
  }

  /** The later end counts. False: it was suspended already. */
  begin(clock: Clock, millis: number, reason: string, wake: () => void): boolean {
    const until = clock.monotonic() + millis;
    const begun = this.timer === undefined;
    if (!begun && until <= this.until) return false;
    this.timer?.cancel();
    this.until = until;
    this.shown = { until: clock.now() + millis, reason };
    this.timer = clock.after(millis, () => {
      this.end();
      wake();
    });
    return begun;
  }

  end(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.shown = undefined;
  }
}
