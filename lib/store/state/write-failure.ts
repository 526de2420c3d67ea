import { MessagingError } from '../../protocol/index.js';

/** Whether a write failed for want of room, in the disk's own words or in ours. */
export function isDiskFull(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'DISK_FULL';
}

/** A failed write of a state file, as the caller whose change was not taken is told. */
export function writeFailure(path: string, cause: unknown): MessagingError {
  if (cause instanceof MessagingError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  if (isDiskFull(cause)) {
    return new MessagingError(
      'DISK_FULL',
      `No room on the disk to write ${path} (${why}). Free some; then the same call succeeds.`,
      { cause },
    );
  }
  return new MessagingError(
    'BROKER_ERROR',
    `Writing ${path} failed (${why}). The change does not count (after a crash now it may); check the disk and its permissions.`,
    {
      cause,
    },
  );
}
