import type { FileLock, FileSystem } from '../../platform/index.js';

const ENDING = '.joined';
const ID = /^[0-9a-f]{1,8}$/;
/** Each try meets a sweep of the host in the same moment; more than a few in a row are something else. */
const TRIES = 5;

/**
 * A lock of the kernel that a joined process keeps on a file of its own for as long as it lives. A connection that breaks
 * says little: the handlers of its process may still be at work. Whoever gets this lock knows that they are not.
 */
export async function giveLifeSign(
  fileSystem: FileSystem,
  store: string,
  joinId: string,
): Promise<FileLock | undefined> {
  await fileSystem.makeDirectory(directoryOf(store));
  const path = pathOf(store, joinId);
  for (let tried = 0; tried < TRIES; tried++) {
    const lock = await fileSystem.lock(path);
    if ('holder' in lock) continue;
    // A sweep may have removed the file between its opening and its locking: then the name leads to another one.
    const again = await fileSystem.lock(path);
    if ('holder' in again) return lock;
    await again.release();
    await lock.release();
  }
  return undefined;
}

/** Removes the sign of a process that has ended; false while it lives. */
export async function isDead(fileSystem: FileSystem, store: string, joinId: string): Promise<boolean> {
  // It came from outside and becomes part of a path.
  if (!ID.test(joinId)) return false;
  const path = pathOf(store, joinId);
  const lock = await fileSystem.lock(path);
  if ('holder' in lock) return false;
  try {
    await fileSystem.remove(path);
  } finally {
    await lock.release();
  }
  return true;
}

/** Removes the signs that processes have left which died together with their host. */
export async function sweepLifeSigns(fileSystem: FileSystem, store: string): Promise<void> {
  for (const name of await fileSystem.list(directoryOf(store)))
    if (name.endsWith(ENDING)) await isDead(fileSystem, store, name.slice(0, -ENDING.length));
}

function directoryOf(store: string): string {
  return `${store}/local`;
}

function pathOf(store: string, joinId: string): string {
  return `${directoryOf(store)}/${joinId}${ENDING}`;
}
