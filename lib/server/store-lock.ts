import { type FileLock, type FileSystem, FileSystemError, LockUnavailableError } from '../platform/index.js';
import { MessagingError } from '../protocol/index.js';

/**
 * Takes the kernel's lock on the store, which ends with its process however that dies; or what its holder wrote into it.
 * @throws MessagingError DISK_FULL, CONFIGURATION when the directory cannot be used.
 */
export async function tryLockStore(fileSystem: FileSystem, path: string): Promise<FileLock | { holder: string }> {
  try {
    await fileSystem.makeDirectory(path);
    return await fileSystem.lock(`${path}/lock`);
  } catch (error) {
    const problem =
      error instanceof LockUnavailableError || error instanceof FileSystemError ? error.message : String(error);
    const { code } = error as { code?: unknown };
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new MessagingError(
        'DISK_FULL',
        `The disk has no room for the lock of the store ${path}, which did not exist before. Free some space and start again.`,
        { cause: error },
      );
    throw new MessagingError('CONFIGURATION', `The store ${path} cannot be used: ${problem}`, { cause: error });
  }
}

/**
 * The same for who needs the lock at once.
 * @throws MessagingError STORE_LOCKED naming the holder, DISK_FULL, CONFIGURATION.
 */
export async function lockStore(fileSystem: FileSystem, path: string): Promise<FileLock> {
  const taken = await tryLockStore(fileSystem, path);
  if (!('holder' in taken)) return taken;
  throw storeLocked(path, taken.holder);
}

/** @param why What this process has tried in vain; a sentence. */
export function storeLocked(path: string, holder: string, why?: string): MessagingError {
  return new MessagingError(
    'STORE_LOCKED',
    `The store ${path} is in use by ${describeHolder(holder)}. ${why === undefined ? '' : `${why} `}Stop that process, or give this one ` +
      'a store of its own (broker.store), or let that one listen (broker.listen) and connect to it (nameServer).',
  );
}

export function describeHolder(holder: string): string {
  try {
    const { pid, host, since } = JSON.parse(holder) as Record<string, unknown>;
    if (typeof pid === 'number') return `process ${pid} on ${String(host)} since ${String(since)}`;
  } catch {
    // Not ours, or of another version: as it stands it still says more than nothing.
  }
  return holder;
}
