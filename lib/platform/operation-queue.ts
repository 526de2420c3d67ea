import type { Clock } from './clock.js';
import { type FaultPlan, type Operation, type OperationName } from './fault-plan.js';
import { FileSystemError } from './file-system-error.js';

/** How long operations take; without it each one takes a microtask. */
export interface Latency {
  readonly clock: Clock;
  /** Milliseconds; 0 for a microtask. */
  readonly of: (name: OperationName, path: string) => number;
}

export interface CrashPoint {
  /** Number of the operation at which the power fails. */
  readonly at: number;
  /** Whether that operation itself still takes effect (its answer never comes). Default false. */
  readonly done?: boolean;
  /** What callers get from then on: nothing ever (default, as after a real loss of power), or EIO. */
  readonly answers?: 'never' | 'EIO';
}

interface Waiting {
  readonly name: OperationName;
  readonly path: string;
  readonly perform: (operation: Operation, fault: 'EIO' | 'ENOSPC' | 'short' | undefined) => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** Carries out the operations of a simulated disk one after another, each some time after it was asked for. */
export class OperationQueue {
  /** All operations that were carried out or failed. */
  readonly log: Operation[] = [];
  readonly listeners: ((operation: Operation) => void)[] = [];
  readonly whenCrashed: Promise<void>;
  crashed = false;
  private crash: CrashPoint | undefined;
  private announceCrash!: () => void;
  private readonly waiting: Waiting[] = [];
  private running = false;

  constructor(
    private readonly faults: FaultPlan,
    private readonly latency: Latency | undefined,
  ) {
    this.whenCrashed = new Promise((resolve) => {
      this.announceCrash = resolve;
    });
  }

  crashAt(point: CrashPoint): void {
    this.crash = point;
  }

  submit<T>(name: OperationName, path: string, perform: Waiting['perform']): Promise<T> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ name, path, perform, resolve: resolve as Waiting['resolve'], reject });
      if (!this.running) {
        this.running = true;
        this.schedule();
      }
    });
  }

  private schedule(): void {
    const next = this.waiting[0]!;
    const milliseconds = this.latency === undefined ? 0 : this.latency.of(next.name, next.path);
    if (milliseconds > 0) this.latency!.clock.after(milliseconds, this.runNext);
    else queueMicrotask(this.runNext);
  }

  private readonly runNext = (): void => {
    const next = this.waiting.shift()!;
    this.run(next);
    if (this.waiting.length > 0) this.schedule();
    else this.running = false;
  };

  private run(next: Waiting): void {
    const operation: Operation = { number: this.log.length, name: next.name, path: next.path };
    if (this.crash !== undefined && operation.number >= this.crash.at) {
      this.runCrashed(next, operation, this.crash);
      return;
    }
    for (const listener of this.listeners) listener(operation);
    this.log.push(operation);
    const fault = this.faults.hit(operation);
    try {
      next.resolve(next.perform(operation, fault) as never);
    } catch (error) {
      next.reject(error);
    }
  }

  private runCrashed(next: Waiting, operation: Operation, point: CrashPoint): void {
    if (!this.crashed) {
      this.crashed = true;
      if (point.done === true) {
        try {
          next.perform(operation, undefined);
        } catch {
          // It had no effect; its caller, who would have been told, is gone.
        }
      }
      this.announceCrash();
    }
    if (point.answers === 'EIO') next.reject(new FileSystemError('EIO', next.name, next.path));
  }
}
