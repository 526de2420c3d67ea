import type { Platform } from '../../platform/index.js';

/** Checks at work at a time; each is likely to take a connection to the application's database. */
const AT_ONCE = 32;
/** A check that has taken this long gives its place to another: one database that hangs must not silence all of them. */
const LONGEST_MILLIS = 60_000;
/** What waits for its turn. More is dropped, and asked about again by the broker. */
const MOST_WAITING = 10_000;
const MOST_BYTES = 64 * 1024 * 1024;

interface Waiting {
  readonly bytes: number;
  readonly work: () => Promise<void>;
}

/** Works off the broker's checks: few at a time, each transaction once at a time, and never more than fits into memory. */
export class CheckQueue {
  private readonly waiting = new Map<string, Waiting>();
  private readonly atWork = new Set<string>();
  private waitingBytes = 0;
  private running = 0;
  private dropping = false;

  constructor(private readonly platform: Platform) {}

  /**
   * @param key Of the transaction. While one of this key waits or is at work, another says nothing new.
   * @param bytes That are kept until it is its turn.
   * @param work Never rejects.
   */
  add(key: string, bytes: number, work: () => Promise<void>): void {
    if (this.waiting.has(key) || this.atWork.has(key)) return;
    if (this.waiting.size >= MOST_WAITING || this.waitingBytes + bytes > MOST_BYTES) {
      if (!this.dropping)
        this.platform.logger.warn(
          `${this.waiting.size} checks of transactions wait; more are dropped until there are fewer, and asked about again by the broker`,
        );
      this.dropping = true;
      return;
    }
    this.waiting.set(key, { bytes, work });
    this.waitingBytes += bytes;
    this.next();
  }

  /** Forgets what waits. */
  clear(): void {
    this.waiting.clear();
    this.waitingBytes = 0;
  }

  private next(): void {
    for (const [key, { bytes, work }] of this.waiting) {
      if (this.running >= AT_ONCE) return;
      this.waiting.delete(key);
      this.waitingBytes -= bytes;
      void this.run(key, work);
    }
    this.dropping = false;
  }

  private async run(key: string, work: () => Promise<void>): Promise<void> {
    this.running++;
    this.atWork.add(key);
    let hasPlace = true;
    const leave = (): void => {
      if (!hasPlace) return;
      hasPlace = false;
      this.running--;
      this.next();
    };
    const timer = this.platform.clock.after(LONGEST_MILLIS, () => {
      this.platform.logger.warn(
        `A check of a transaction takes longer than ${LONGEST_MILLIS} ms; others go on beside it`,
      );
      leave();
    });
    await work();
    timer.cancel();
    this.atWork.delete(key);
    leave();
  }
}
