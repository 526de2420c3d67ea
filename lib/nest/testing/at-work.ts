import { AsyncLocalStorage } from 'node:async_hooks';
// Not the global ones: a test that fakes timers must still come to an end.
import { clearTimeout, setTimeout } from 'node:timers';

interface HandlerAtWork {
  readonly what: string;
  /** Sends and requests of the handler that are under way. */
  operations: number;
}

/** One for all kits: every storage that was ever used is carried along by every promise of the process (Node 20). */
const currentHandler = new AsyncLocalStorage<HandlerAtWork>();

/**
 * What is under way. A handler that waits for one of its own sends waits for the broker, hence for virtual time at the
 * most; any other one waits for something real, such as a database, and has to be awaited.
 */
export class AtWork {
  /** Called when an operation begins. */
  onOperation: (() => void) | undefined;
  private readonly operations = new Set<{ readonly what: string }>();
  private steps = 0;
  private readonly handlers = new Set<HandlerAtWork>();
  private waiting: (() => void)[] = [];

  /** A step in the life of an application. */
  async step<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.steps++;
    try {
      return await this.operation(what, work);
    } finally {
      this.steps--;
    }
  }

  /** A send or a request. */
  async operation<T>(what: string, work: () => Promise<T>): Promise<T> {
    const operation = { what };
    const handler = currentHandler.getStore();
    this.operations.add(operation);
    if (handler !== undefined) handler.operations++;
    this.changed();
    this.onOperation?.();
    try {
      return await work();
    } finally {
      this.operations.delete(operation);
      if (handler !== undefined) handler.operations--;
      this.changed();
    }
  }

  async handler<T>(what: string, work: () => Promise<T>): Promise<T> {
    const handler: HandlerAtWork = { what, operations: 0 };
    this.handlers.add(handler);
    this.changed();
    try {
      return await currentHandler.run(handler, work);
    } finally {
      this.handlers.delete(handler);
      this.changed();
    }
  }

  get pendingOperations(): number {
    return this.operations.size;
  }

  get pendingSteps(): number {
    return this.steps;
  }

  /** Whether a handler waits for something that neither the broker nor virtual time brings. */
  get waitsForReality(): boolean {
    for (const handler of this.handlers) if (handler.operations === 0) return true;
    return false;
  }

  /** For messages: everything that is under way. */
  describe(): string[] {
    return [...this.handlers, ...this.operations].map(({ what }) => what);
  }

  /** Resolves when anything begins or ends: true; or when `milliseconds` of real time have passed: false. */
  next(milliseconds: number | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      // Keeps the process alive on purpose: without it node:test would end while a handler never ends.
      const timer = milliseconds === undefined ? undefined : setTimeout(() => resolve(false), milliseconds);
      this.waiting.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  private changed(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}
