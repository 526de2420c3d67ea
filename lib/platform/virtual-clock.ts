import { nextTick } from 'node:process';
import { setImmediate } from 'node:timers';
import type { Clock, Timer } from './clock.js';
import { sleepOn } from './sleep.js';

class VirtualTimer implements Timer {
  cancelled = false;

  constructor(
    public due: number,
    public order: number,
    readonly callback: () => void,
    readonly period: number | undefined,
  ) {}

  cancel(): void {
    this.cancelled = true;
  }

  before(other: VirtualTimer): boolean {
    return this.due < other.due || (this.due === other.due && this.order < other.order);
  }
}

/** Turns without new work after which everything that can happen by itself has happened. */
const QUIET_TURNS = 2;

/**
 * Time that stands still until `advance` is called. Timers fire in the order of their time, those of one time in the
 * order in which they were asked for; between two firings promise chains and deferred callbacks settle.
 *
 * What is deferred runs by itself in the next turn of the loop, so a test may simply await what only needs deferring.
 */
export class VirtualClock implements Clock {
  private elapsed = 0;
  private wallShift = 0;
  private order = 0;
  /** Binary heap, the earliest first. */
  private readonly timers: VirtualTimer[] = [];
  private deferred: (() => void)[] = [];

  /** `start`: the wall time at which the clock begins, in milliseconds since 1970. */
  constructor(private readonly start = 1_767_225_600_000) {}

  now(): number {
    return Math.floor(this.start + this.wallShift + this.elapsed);
  }

  monotonic(): number {
    return this.elapsed;
  }

  /** Lets the wall time jump (an operator, NTP); timers and `monotonic` do not notice. */
  jumpWallTime(milliseconds: number): void {
    this.wallShift += milliseconds;
  }

  after(milliseconds: number, callback: () => void): Timer {
    return this.add(new VirtualTimer(this.elapsed + Math.max(0, milliseconds), this.order++, callback, undefined));
  }

  every(milliseconds: number, callback: () => void): Timer {
    const period = Math.max(1, milliseconds);
    return this.add(new VirtualTimer(this.elapsed + period, this.order++, callback, period));
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, milliseconds, signal);
  }

  defer(callback: () => void): void {
    if (this.deferred.push(callback) === 1) setImmediate(this.runDeferred);
  }

  afterJobs(callback: () => void): void {
    nextTick(callback);
  }

  /** Milliseconds from now at which the timers that are asked for are due, the next one first. */
  get pending(): number[] {
    return this.timers
      .filter((timer) => !timer.cancelled)
      .map((timer) => timer.due - this.elapsed)
      .toSorted((a, b) => a - b);
  }

  /** Fires what is due within the next `milliseconds`, each at its time, and stands at their end. */
  async advance(milliseconds: number): Promise<void> {
    const target = this.elapsed + milliseconds;
    await this.settle();
    while (this.fireNext(target)) await this.settle();
    this.elapsed = Math.max(this.elapsed, target);
    await this.settle();
  }

  /**
   * For those who settle in their own way: fires the one timer that is due next within `milliseconds`; false for none.
   * @param together Periodic timers that follow within so many milliseconds fire along with a periodic one, each at its
   * time, but without settling in between: an hour of housekeeping is then a few hundred steps, not thousands.
   */
  step(milliseconds: number, together = 0): boolean {
    const target = this.elapsed + milliseconds;
    const first = this.nextWithin(target);
    if (first === undefined) return false;
    const until = Math.min(target, first.due + together);
    this.fireNext(target);
    if (first.period === undefined) return true;
    for (let next = this.nextWithin(until); next?.period !== undefined; next = this.nextWithin(until)) {
      // What it has deferred comes first.
      if (this.deferred.length > 0) break;
      this.fireNext(until);
    }
    return true;
  }

  /** Stands `milliseconds` later without firing anything: to be called when nothing is due until then. */
  skip(milliseconds: number): void {
    this.elapsed += milliseconds;
  }

  /** Goes from timer to timer until `condition` holds; throws when it does not within `limit` milliseconds (default one day). */
  async advanceUntil(condition: () => boolean, limit = 86_400_000): Promise<void> {
    const target = this.elapsed + limit;
    await this.settle();
    while (!condition()) {
      if (!this.fireNext(target)) throw new Error(`The condition did not hold within ${limit} virtual milliseconds`);
      await this.settle();
    }
  }

  /** Resolves when promise chains, deferred callbacks and operations of the in-memory file systems have come to rest. */
  async settle(): Promise<void> {
    // One turn drains the whole queue of microtasks, however deep; a second one sees what that has deferred by itself.
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      if (this.deferred.length > 0) quiet = -1;
    }
  }

  private readonly runDeferred = (): void => {
    const ready = this.deferred;
    this.deferred = [];
    let at = 0;
    try {
      while (at < ready.length) ready[at++]!();
    } finally {
      // A callback that throws must not swallow those behind it.
      if (at < ready.length) {
        this.deferred.unshift(...ready.slice(at));
        setImmediate(this.runDeferred);
      }
    }
  };

  private nextWithin(target: number): VirtualTimer | undefined {
    while (this.timers[0]?.cancelled === true) this.removeFirst();
    const timer = this.timers[0];
    return timer === undefined || timer.due > target ? undefined : timer;
  }

  private fireNext(target: number): boolean {
    const timer = this.nextWithin(target);
    if (timer === undefined) return false;
    this.removeFirst();
    this.elapsed = Math.max(this.elapsed, timer.due);
    if (timer.period !== undefined) {
      timer.due += timer.period;
      timer.order = this.order++;
      this.add(timer);
    }
    timer.callback();
    return true;
  }

  private add(timer: VirtualTimer): VirtualTimer {
    const heap = this.timers;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!timer.before(heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = timer;
    return timer;
  }

  private removeFirst(): void {
    const heap = this.timers;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.before(heap[child]!)) child++;
      if (!heap[child]!.before(last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}
