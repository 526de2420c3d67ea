import { fsync, mkdir } from 'node:fs';
import { access, readdir, rename, rmdir, statfs, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { DiskSpace, FileHandle, FileLock, FileSystem } from './file-system.js';
import { openNodeFile } from './node-file-handle.js';
import { LoopWaits } from './loop-waits.js';
import { lockNodeFile } from './node-file-lock.js';

const FLAGS = { create: 'wx+', write: 'r+', read: 'r' } as const;

/** The machine's disk. Every call runs on Node's thread pool; none blocks the event loop, except as `waits` allows. */
export class NodeFileSystem implements FileSystem {
  /** @param waits given where the event loop is the broker's own, never where an application shares it */
  constructor(private readonly waits?: LoopWaits) {}

  /** For a process or thread that does nothing but being a broker. */
  static ofOwnLoop(): NodeFileSystem {
    return new NodeFileSystem(new LoopWaits());
  }

  open(path: string, mode: 'create' | 'write' | 'read'): Promise<FileHandle> {
    return openNodeFile(path, FLAGS[mode], this.waits);
  }

  async list(path: string): Promise<string[]> {
    try {
      return (await readdir(path)).toSorted();
    } catch (error) {
      return unless(error, 'ENOENT', []);
    }
  }

  async exists(path: string): Promise<boolean> {
    try {
      await access(path);
      return true;
    } catch (error) {
      return unless(error, 'ENOENT', false);
    }
  }

  async makeDirectory(path: string): Promise<void> {
    const directory = resolve(path);
    const parent = dirname(directory);
    // Not looked for first: an error costs less than that, and what is made is mostly not there.
    let refused = await refusalOf(directory);
    if (refused?.code === 'ENOENT' && parent !== directory) {
      await this.makeDirectory(parent);
      refused = await refusalOf(directory);
    }
    if (refused === undefined) await this.syncDirectory(parent);
    // Roots and read-only places are refused in other words.
    else if (refused.code !== 'EEXIST' && !(await this.exists(directory))) throw refused;
  }

  rename(from: string, to: string): Promise<void> {
    return rename(from, to);
  }

  async remove(path: string): Promise<void> {
    try {
      await unlink(path);
    } catch (error) {
      unless(error, 'ENOENT', undefined);
    }
  }

  async removeDirectory(path: string): Promise<void> {
    try {
      await rmdir(path);
    } catch (error) {
      unless(error, 'ENOENT', undefined);
    }
  }

  async syncDirectory(path: string): Promise<void> {
    // Windows opens no directories; NTFS keeps renames and creations in its own journal.
    if (process.platform === 'win32') return;
    const directory = await openNodeFile(path, 'r');
    try {
      await new Promise<void>((done, failed) => {
        fsync(directory.fd, (error) => (error ? failed(error) : done()));
      });
    } finally {
      await directory.close();
    }
  }

  async diskSpace(path: string): Promise<DiskSpace> {
    const facts = await statfs(path);
    return { freeBytes: facts.bavail * facts.bsize, totalBytes: facts.blocks * facts.bsize };
  }

  lock(path: string): Promise<FileLock | { holder: string }> {
    return lockNodeFile(path);
  }
}

/** Makes it, or answers why not. */
function refusalOf(directory: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((done) => mkdir(directory, { mode: 0o700 }, (error) => done(error ?? undefined)));
}

/** `value` when the error is the expected one, the error itself otherwise. */
function unless<T>(error: unknown, code: string, value: T): T {
  if ((error as NodeJS.ErrnoException).code === code) return value;
  throw error;
}
