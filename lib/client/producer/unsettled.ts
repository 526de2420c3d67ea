import type { Clock } from '../../platform/index.js';

/** How many sends are under way; shutting down waits for them. */
export class Unsettled {
  private count = 0;
  private whenNone: (() => void) | undefined;

  begin(): void {
    this.count++;
  }

  end(): void {
    if (--this.count === 0) this.whenNone?.();
  }

  /** Resolves with what is left: 0, or more when the time is over. */
  async none(clock: Clock, budgetMillis: number): Promise<number> {
    if (this.count > 0) {
      await new Promise<void>((resolve) => {
        const timer = clock.after(budgetMillis, resolve);
        this.whenNone = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    return this.count;
  }
}
