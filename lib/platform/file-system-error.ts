const MEANING = {
  EBADF: 'bad file descriptor',
  EEXIST: 'file already exists',
  EINVAL: 'invalid argument',
  EIO: 'i/o error',
  EISDIR: 'illegal operation on a directory',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
} as const;

export type FileSystemErrorCode = keyof typeof MEANING;

/** What the simulated file systems reject with; it looks like Node's own error, so that callers know only `code`. */
export class FileSystemError extends Error {
  override readonly name = 'FileSystemError';

  constructor(
    readonly code: FileSystemErrorCode,
    readonly syscall: string,
    readonly path: string,
  ) {
    super(`${code}: ${MEANING[code]}, ${syscall} '${path}'`);
  }
}

/** The machine has no kernel lock for us: without one two processes could write to one store. */
export class LockUnavailableError extends Error {
  override readonly name = 'LockUnavailableError';
  readonly code = 'LOCK_UNAVAILABLE';
}
