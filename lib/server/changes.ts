import type { Clock } from '../platform/index.js';

/** For those who wait for something that changes now and then, until the whole of it ends. */
export class Changes {
  private readonly ended = new AbortController();
  private readonly waiting = new Set<() => void>();

  constructor(private readonly clock: Clock) {}

  /** Wakes all who wait for the next change. */
  tell(): void {
    for (const done of [...this.waiting]) done();
  }

  /** Resolves with the next change, or after so long. */
  next(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.waiting.delete(done);
        resolve();
      };
      const timer = this.clock.after(milliseconds, done);
      this.waiting.add(done);
    });
  }

  /** Waits so long whatever changes. False: it has ended, before or meanwhile. */
  pause(milliseconds: number): Promise<boolean> {
    return this.clock.sleep(milliseconds, this.ended.signal).then(
      () => true,
      () => false,
    );
  }

  /** All who wait or pause go on. */
  end(): void {
    this.ended.abort();
    this.tell();
  }
}
