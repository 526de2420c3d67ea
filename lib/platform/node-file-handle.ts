import { close, constants, fdatasync, fstat, ftruncate, open, read, write, writev } from 'node:fs';
import type { FileHandle } from './file-system.js';
import type { LoopWaits } from './loop-waits.js';
import { behind, bytesOf, noneTaken } from './write-parts.js';
import { writeNow } from './write-now.js';

/** Stores hold what users send: nobody else on the machine may read it. */
const OWNER_ONLY = 0o600;
/**
 * Opened so, each write is on the disk when it returns: one visit of the thread pool instead of two (1 KiB on an idle disk
 * took 0.11 instead of 0.14-0.22 ms, and two thirds of the processor time). Elsewhere than on Linux it means less than a
 * sync: macOS leaves the bytes in the drive's cache.
 */
const WRITES_SYNCED = process.platform === 'linux' ? constants.O_RDWR | constants.O_DSYNC : undefined;
const NONE_LEFT: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE']);

/**
 * A file of the machine. The calls go to Node's thread pool by numeric descriptor, one promise each: fs.promises keeps
 * a handle object and a second promise for every call. Small synced writes may be the loop's own: see LoopWaits.
 */
export class NodeFileHandle implements FileHandle {
  /** A second descriptor of the file, whose writes are synced; opened with the first of them. */
  private synced: number | undefined;

  constructor(
    readonly fd: number,
    readonly path: string,
    /** Where the event loop makes small synced writes by itself. */
    private readonly waits?: LoopWaits,
  ) {}

  write(bytes: Uint8Array, position: number): Promise<void> {
    return this.writeAll(this.fd, [bytes], position);
  }

  /** The file must still be where it was opened. */
  async writeSynced(parts: readonly Uint8Array[], position: number): Promise<void> {
    this.synced ??= await this.openSynced();
    const { synced, waits } = this;
    if (synced === undefined) {
      await this.writeAll(this.fd, parts, position);
      return this.datasync();
    }
    if (waits?.allow(bytesOf(parts)) !== true) return this.writeAll(synced, parts, position);
    waits.during(() => writeNow(this.path, synced, parts, position));
  }

  /** Undefined where there is no such descriptor, or none is left: the process may have used up all that it is allowed. */
  private async openSynced(): Promise<number | undefined> {
    if (WRITES_SYNCED === undefined) return undefined;
    try {
      return (await openNodeFile(this.path, WRITES_SYNCED)).fd;
    } catch (error) {
      if (NONE_LEFT.has((error as NodeJS.ErrnoException).code)) return undefined;
      throw error;
    }
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      let done = 0;
      const next = (): void => {
        read(this.fd, target, done, target.length - done, position + done, (error, count) => {
          if (error) {
            reject(error);
            return;
          }
          done += count;
          if (count === 0 || done >= target.length) resolve(done);
          else next();
        });
      };
      if (target.length === 0) resolve(0);
      else next();
    });
  }

  datasync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.fd, (error) => (error ? reject(error) : resolve()));
    });
  }

  truncate(size: number): Promise<void> {
    return new Promise((resolve, reject) => {
      ftruncate(this.fd, size, (error) => (error ? reject(error) : resolve()));
    });
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) => {
      fstat(this.fd, (error, facts) => (error ? reject(error) : resolve(facts.size)));
    });
  }

  async close(): Promise<void> {
    const { synced } = this;
    this.synced = undefined;
    try {
      if (synced !== undefined) await closed(synced);
    } finally {
      await closed(this.fd);
    }
  }

  private writeAll(fd: number, parts: readonly Uint8Array[], position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let rest = parts;
      let at = position;
      const written = (error: Error | null, count: number): void => {
        if (error) {
          reject(error);
          return;
        }
        at += count;
        rest = behind(rest, count);
        if (rest.length === 0) resolve();
        else if (count === 0) reject(noneTaken(this.path, at));
        else next();
      };
      const next = (): void => {
        const [first] = rest;
        if (rest.length === 1) write(fd, first!, 0, first!.length, at, written);
        else writev(fd, rest, at, written);
      };
      next();
    });
  }
}

function closed(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    close(fd, (error) => (error ? reject(error) : resolve()));
  });
}

export function openNodeFile(path: string, flags: string | number, waits?: LoopWaits): Promise<NodeFileHandle> {
  return new Promise((resolve, reject) => {
    open(path, flags, OWNER_ONLY, (error, fd) =>
      error ? reject(error) : resolve(new NodeFileHandle(fd, path, waits)),
    );
  });
}
