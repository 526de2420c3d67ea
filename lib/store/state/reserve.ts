import type { FileHandle, FileSystem, Logger } from '../../platform/index.js';
import { isDiskFull } from './write-failure.js';

const ZEROS = Buffer.alloc(256 * 1024);

/**
 * A file of zeros that gives its room back when the disk has none: for the positions of consumers, the settings, the
 * checkpoint and whatever else must be written for consuming, administration and the deletion of old segments to go on.
 * None of that grows by much, since each version replaces an older one; messages, which do grow, are refused meanwhile.
 */
export class Reserve {
  /** Whoever writes through it finds the reserve's room at the moment at which there is no other. */
  readonly fileSystem: FileSystem;
  private held = false;
  /** Raised by giving the room back: what failed before that is worth a second try. */
  private spent = 0;
  private spending: Promise<void> | undefined;

  private constructor(
    private readonly disk: FileSystem,
    private readonly path: string,
    private readonly bytes: number,
    private readonly logger: Logger,
  ) {
    this.fileSystem = withReserve(disk, (work) => this.attempt(work));
  }

  /** Takes over what an earlier process has left; writes nothing. */
  static async open(disk: FileSystem, path: string, bytes: number, logger: Logger): Promise<Reserve> {
    const reserve = new Reserve(disk, path, bytes, logger);
    if (bytes === 0 || !(await disk.exists(path))) return reserve;
    const file = await disk.open(path, 'read');
    try {
      reserve.held = (await file.size()) >= bytes;
    } finally {
      await file.close();
    }
    return reserve;
  }

  /** Free bytes on the disk at which `fill` takes nothing from anybody. */
  get missingBytes(): number {
    return this.held ? 0 : this.bytes;
  }

  /** Puts the room by, unless it is there. Never rejects: without a reserve everything works until the disk is full. */
  async fill(): Promise<void> {
    if (this.held || this.bytes === 0) return;
    try {
      await this.disk.remove(this.path);
      const file = await this.disk.open(this.path, 'create');
      try {
        for (let at = 0; at < this.bytes; at += ZEROS.length)
          await file.write(ZEROS.subarray(0, Math.min(ZEROS.length, this.bytes - at)), at);
        await file.datasync();
      } finally {
        await file.close();
      }
      this.held = true;
    } catch (error) {
      this.logger.debug(`No reserve could be put by in ${this.path}: ${String(error)}`);
      await this.disk.remove(this.path).catch(() => undefined);
    }
  }

  private async attempt<T>(work: () => Promise<T>): Promise<T> {
    const { spent } = this;
    try {
      return await work();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      await this.spend();
      // Once: room that is found now and again would be somebody else's.
      if (this.spent === spent) throw error;
      return work();
    }
  }

  private async spend(): Promise<void> {
    if (this.held) {
      this.held = false;
      this.spending = this.disk.remove(this.path).then(
        () => {
          this.spent++;
          this.logger.warn(
            `The disk is full: the room put by in ${this.path} is used now, for positions and settings only. Free some space.`,
          );
        },
        (error: unknown) => this.logger.warn(`The room put by in ${this.path} cannot be had: ${String(error)}`),
      );
    }
    await this.spending;
  }
}

/** The same file system, with everything that takes room done as `attempt` does it. */
function withReserve(disk: FileSystem, attempt: <T>(work: () => Promise<T>) => Promise<T>): FileSystem {
  const handle = (inner: FileHandle): FileHandle => ({
    write: (bytes, position) => attempt(() => inner.write(bytes, position)),
    read: (target, position) => inner.read(target, position),
    datasync: () => inner.datasync(),
    truncate: (size) => attempt(() => inner.truncate(size)),
    size: () => inner.size(),
    close: () => inner.close(),
  });
  return {
    open: async (path, mode) => handle(await attempt(() => disk.open(path, mode))),
    list: (path) => disk.list(path),
    exists: (path) => disk.exists(path),
    makeDirectory: (path) => attempt(() => disk.makeDirectory(path)),
    rename: (from, to) => attempt(() => disk.rename(from, to)),
    remove: (path) => disk.remove(path),
    removeDirectory: (path) => disk.removeDirectory(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    diskSpace: (path) => disk.diskSpace(path),
    lock: (path) => disk.lock(path),
  };
}
