import { performance } from 'node:perf_hooks';
import { nextTick } from 'node:process';
import { clearTimeout, setImmediate, setTimeout } from 'node:timers';
import type { Clock, Timer } from './clock.js';
import { sleepOn } from './sleep.js';

/** Node turns a longer delay into 1 ms, so that a timer of a month would fire at once. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

class SystemTimer implements Timer {
  private handle: NodeJS.Timeout | undefined;

  /** `period` is undefined for a timer that fires once. */
  constructor(
    private due: number,
    private readonly callback: () => void,
    private readonly period: number | undefined,
  ) {
    this.arm();
  }

  cancel(): void {
    clearTimeout(this.handle);
    this.due = Number.POSITIVE_INFINITY;
  }

  private arm(): void {
    const remaining = Math.max(0, Math.ceil(this.due - performance.now()));
    this.handle = setTimeout(this.fire, Math.min(remaining, LONGEST_TIMEOUT));
    this.handle.unref();
  }

  private readonly fire = (): void => {
    // The loop's clock is cut to whole milliseconds, so that Node fires up to 1 ms early; a delayed message never may.
    if (performance.now() < this.due) {
      if (this.due !== Number.POSITIVE_INFINITY) this.arm();
      return;
    }
    if (this.period !== undefined) {
      // Periods missed while the machine slept are not made up for.
      this.due = Math.max(this.due + this.period, performance.now());
      this.arm();
    }
    this.callback();
  };
}

/** The machine's time. */
export class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  after(milliseconds: number, callback: () => void): Timer {
    return new SystemTimer(performance.now() + milliseconds, callback, undefined);
  }

  every(milliseconds: number, callback: () => void): Timer {
    const period = Math.max(1, milliseconds);
    return new SystemTimer(performance.now() + period, callback, period);
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, milliseconds, signal);
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }

  afterJobs(callback: () => void): void {
    nextTick(callback);
  }
}
