import type { Clock } from '../../platform/index.js';

/** One call in so many is timed: two looks at the clock for each message would cost more than some handlers do. */
const EVERY = 16;

/** How long a listener's handler takes, of a share of its calls. */
export class HandlerTimes {
  count = 0;
  millis = 0;
  private left = 1;

  /** Whether this call is to be timed. */
  due(): boolean {
    if (--this.left > 0) return false;
    this.left = EVERY;
    return true;
  }

  /** Passes on what the call gives or throws. */
  timed<T>(clock: Clock, call: () => T | Promise<T>): T | Promise<T> {
    const start = clock.monotonic();
    const done = (): void => {
      this.count++;
      this.millis += clock.monotonic() - start;
    };
    let outcome: T | Promise<T>;
    try {
      outcome = call();
    } catch (error) {
      done();
      throw error;
    }
    if (outcome instanceof Promise) return outcome.finally(done);
    done();
    return outcome;
  }
}
