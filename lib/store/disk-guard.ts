import type { Platform, Timer } from '../platform/index.js';
import { MessagingError } from '../protocol/index.js';
import type { Reserve } from './state/reserve.js';
import { isDiskFull } from './state/write-failure.js';

const CHECK_MILLIS = 1_000;
/** With this much free nothing is refused, whatever share of a large disk is in use. */
const AMPLE_BYTES = 8 * 1024 ** 3;

export interface DiskLimits {
  readonly softRatio: number;
  readonly hardRatio: number;
  /** Free bytes needed before sending goes on after a write found no room. */
  readonly neededBytes: number;
}

interface Owed {
  readonly what: string;
  write(): Promise<unknown>;
}

/**
 * Watches the room on the store's disk. Above the hard limit sends are refused, everything else goes on; once there is
 * room again they are accepted without anybody's help.
 */
export class DiskGuard {
  private refusal: MessagingError | undefined;
  private warned = false;
  private owed: Owed[] = [];
  private checking: Promise<void> | undefined;
  private readonly timer: Timer;
  usedRatio = 0;

  constructor(
    private readonly platform: Platform,
    private readonly path: string,
    private readonly limits: DiskLimits,
    private readonly reserve: Reserve,
  ) {
    this.timer = platform.clock.every(CHECK_MILLIS, () => void this.check());
  }

  /** The error that sends are refused with, or undefined. */
  get full(): MessagingError | undefined {
    return this.refusal;
  }

  /** True above the soft limit: little is left until sends are refused. */
  get tight(): boolean {
    return this.warned;
  }

  /** True while something has to be written before anything may be appended, also what goes on above the hard limit. */
  get blocked(): boolean {
    return this.owed.length > 0;
  }

  /**
   * Writes now what has to be on the disk before the first append; when there is no room, once there is. Reading,
   * committing and administration do not need it, so a store on a full disk opens all the same.
   */
  async first(what: string, write: () => Promise<unknown>): Promise<void> {
    if (this.owed.length === 0) {
      try {
        await write();
        return;
      } catch (error) {
        if (!isDiskFull(error)) throw error;
        this.ranOut(
          new MessagingError(
            'DISK_FULL',
            `The disk of ${this.path} has no room for ${what}. Sends are refused until there is some; free a little, and they go on by themselves.`,
            { cause: error },
          ),
        );
      }
    }
    this.owed.push({ what, write });
  }

  /** A write found no room. */
  ranOut(error: MessagingError): void {
    this.refusal = error;
    this.platform.logger.error(error.message);
  }

  /** Looks at the disk; never rejects. */
  check(): Promise<void> {
    this.checking ??= this.look().finally(() => (this.checking = undefined));
    return this.checking;
  }

  async close(): Promise<void> {
    this.timer.cancel();
    await this.checking;
  }

  private async look(): Promise<void> {
    const { logger } = this.platform;
    let free: number;
    try {
      const space = await this.platform.fileSystem.diskSpace(this.path);
      free = space.freeBytes;
      this.usedRatio = space.totalBytes > 0 ? 1 - free / space.totalBytes : 0;
    } catch (error) {
      logger.warn(`The free space of ${this.path} cannot be read: ${String(error)}`);
      return;
    }
    const percent = Math.round(this.usedRatio * 100);
    if (free < AMPLE_BYTES && this.usedRatio > this.limits.hardRatio) {
      if (this.refusal !== undefined) return;
      this.ranOut(
        new MessagingError(
          'DISK_FULL',
          `The disk of ${this.path} is ${percent} % full; sends are refused above ${Math.round(this.limits.hardRatio * 100)} %. Free some space; sending then goes on by itself.`,
        ),
      );
      return;
    }
    if (free >= this.limits.neededBytes) {
      if (this.refusal !== undefined && (await this.settleOwed())) {
        this.refusal = undefined;
        logger.log(`The disk of ${this.path} has room again; sends are accepted.`);
      }
      if (free >= this.limits.neededBytes + this.reserve.missingBytes) await this.reserve.fill();
    }
    const tight = free < AMPLE_BYTES && this.usedRatio > this.limits.softRatio;
    if (tight && !this.warned)
      logger.warn(
        `The disk of ${this.path} is ${percent} % full; above ${Math.round(this.limits.hardRatio * 100)} % sends will be refused.`,
      );
    this.warned = tight;
  }

  /** In the order in which it was owed; false when there is still no room. */
  private async settleOwed(): Promise<boolean> {
    for (let next = this.owed[0]; next !== undefined; next = this.owed[0]) {
      try {
        await next.write();
      } catch (error) {
        this.platform.logger.warn(`Writing ${next.what} to ${this.path} failed again: ${String(error)}`);
        return false;
      }
      this.owed.shift();
    }
    return true;
  }
}
