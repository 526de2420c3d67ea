import { type FileLock, type FileSystem, FileSystemError, LockUnavailableError } from '../platform/index.js';
import { MessagingError } from '../protocol/index.js';

/**
 * Takes the kernel's lock on the store, which ends with its process however that dies.
 * @throws MessagingError STORE_LOCKED naming the holder, DISK_FULL, CONFIGURATION when the directory cannot be used.
 */
export async function lockStore(fileSystem: FileSystem, path: string): Promise<FileLock> {
  const file = `${path}/lock`;
  let taken: FileLock | { holder: string };
  try {
    await fileSystem.makeDirectory(path);
    taken = await fileSystem.lock(file);
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
  if (!('holder' in taken)) return taken;
  throw new MessagingError(
    'STORE_LOCKED',
    `The store ${path} is in use by ${describeHolder(taken.holder)}. Stop that process, or give this one a store of its own (broker.store), ` +
      'or let that one listen (broker.listen) and connect to it (nameServer).',
  );
}

function describeHolder(holder: string): string {
  try {
    const { pid, host, since } = JSON.parse(holder) as Record<string, unknown>;
    if (typeof pid === 'number') return `process ${pid} on ${String(host)} since ${String(since)}`;
  } catch {
    // Not ours, or of another version: as it stands it still says more than nothing.
  }
  return holder;
}
