import type { Platform, Timer } from '../platform/index.js';
import { MessagingError } from '../protocol/index.js';

const CHECK_MILLIS = 1_000;
/** With this much free nothing is refused, whatever share of a large disk is in use. */
const AMPLE_BYTES = 8 * 1024 ** 3;

export interface DiskLimits {
  readonly softRatio: number;
  readonly hardRatio: number;
  /** Free bytes needed before sending goes on after a write found no room. */
  readonly neededBytes: number;
}

/**
 * Watches the room on the store's disk. Above the hard limit sends are refused, everything else goes on; once there is
 * room again they are accepted without anybody's help.
 */
export class DiskGuard {
  private refusal: MessagingError | undefined;
  private warned = false;
  private checking: Promise<void> | undefined;
  private readonly timer: Timer;
  usedRatio = 0;

  constructor(
    private readonly platform: Platform,
    private readonly path: string,
    private readonly limits: DiskLimits,
  ) {
    this.timer = platform.clock.every(CHECK_MILLIS, () => void this.check());
  }

  /** The error that sends are refused with, or undefined. */
  get full(): MessagingError | undefined {
    return this.refusal;
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
    if (this.refusal !== undefined && free >= this.limits.neededBytes) {
      this.refusal = undefined;
      logger.log(`The disk of ${this.path} has room again; sends are accepted.`);
    }
    const tight = free < AMPLE_BYTES && this.usedRatio > this.limits.softRatio;
    if (tight && !this.warned)
      logger.warn(
        `The disk of ${this.path} is ${percent} % full; above ${Math.round(this.limits.hardRatio * 100)} % sends will be refused.`,
      );
    this.warned = tight;
  }
}
