/** Milliseconds: from a fast disk to one that hangs. */
const BOUNDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000] as const;

/** How long the syncs of the log took that succeeded. */
export interface FlushTimes {
  readonly count: number;
  readonly totalMillis: number;
  /** How many took no longer than so many milliseconds, in rising order; each counts those of the ones before it. */
  readonly within: readonly { readonly millis: number; readonly count: number }[];
}

/** Counts each sync into the class of its duration: once a batch, never once a message. */
export class FlushClock {
  private count = 0;
  private totalMillis = 0;
  private readonly classes: number[] = BOUNDS.map(() => 0);

  add(millis: number): void {
    this.count++;
    this.totalMillis += millis;
    const index = BOUNDS.findIndex((bound) => millis <= bound);
    if (index >= 0) this.classes[index]!++;
  }

  times(): FlushTimes {
    let sum = 0;
    const within = BOUNDS.map((millis, index) => ({ millis, count: (sum += this.classes[index]!) }));
    return { count: this.count, totalMillis: this.totalMillis, within };
  }
}
