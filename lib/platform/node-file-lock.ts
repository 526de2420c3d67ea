import { constants } from 'node:fs';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { LockUnavailableError } from './file-system-error.js';
import type { FileLock } from './file-system.js';
import { type NodeFileHandle, openNodeFile } from './node-file-handle.js';

interface NativeLocks {
  tryLock(fd: number, offset: number, length: number): boolean;
  unlock(fd: number, offset: number, length: number): void;
}

/**
 * The byte that is locked. It lies beyond the text: Windows' locks are mandatory, and whoever does not get the lock
 * wants to read who has it.
 */
const LOCKED_BYTE = 2 ** 30;
const LONGEST_DESCRIPTION = 4096;

let loaded: NativeLocks | undefined;

/** Loaded at the first lock: a broker in memory and a client need none, and run where there is no prebuilt module. */
function nativeLocks(): NativeLocks {
  try {
    return (loaded ??= createRequire(import.meta.url)('fs-native-extensions') as NativeLocks);
  } catch (cause) {
    throw new LockUnavailableError(
      `The kernel lock that protects a store is not available on ${process.platform}-${process.arch}: the package fs-native-extensions ` +
        'cannot be loaded. Install it anew on this machine (npm ci), or keep the broker elsewhere, or in memory (memory: true)',
      { cause },
    );
  }
}

class NodeFileLock implements FileLock {
  constructor(
    private readonly native: NativeLocks,
    private readonly file: NodeFileHandle,
  ) {}

  async describe(text: string): Promise<void> {
    const bytes = Buffer.from(text.slice(0, LONGEST_DESCRIPTION));
    await this.file.write(bytes, 0);
    await this.file.truncate(bytes.length);
  }

  async release(): Promise<void> {
    // The file stays: removing it would let two processes lock two files of one name. Empty, it names no stale holder.
    await this.file.truncate(0);
    this.native.unlock(this.file.fd, LOCKED_BYTE, 1);
    await this.file.close();
  }
}

/** A lock of the kernel goes with its process, however that dies; nothing here depends on pids or times. */
export async function lockNodeFile(path: string): Promise<FileLock | { holder: string }> {
  const native = nativeLocks();
  const file = await openNodeFile(path, constants.O_RDWR | constants.O_CREAT);
  let lock: FileLock | undefined;
  try {
    if (!native.tryLock(file.fd, LOCKED_BYTE, 1)) return { holder: await readHolder(file) };
    const taken = new NodeFileLock(native, file);
    const description = JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() });
    await taken.describe(description).catch((error: unknown) => {
      // The lock is held all the same. On a full disk only its holder's name is missing, for whoever finds it taken.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
    });
    lock = taken;
    return lock;
  } finally {
    if (lock === undefined) await file.close();
  }
}

async function readHolder(file: NodeFileHandle): Promise<string> {
  const target = Buffer.alloc(LONGEST_DESCRIPTION);
  const count = await file.read(target, 0);
  return target.toString('utf8', 0, count) || 'a process that has not named itself yet';
}
