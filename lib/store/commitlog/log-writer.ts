/** A sync failed: pages that were accepted before may be lost, and asking again would not tell. */
export class SyncError extends Error {
  override readonly name = 'SyncError';

  constructor(cause: unknown) {
    super(`syncing failed: ${String(cause)}`, { cause });
  }
}

/**
 * Where the bytes of the log go. One call at a time; parts are not changed before it resolves. Behind an interface so
 * that the disk can move to another thread without the appender noticing.
 */
export interface LogWriter {
  /**
   * Puts the parts one behind the other at the log offset, all of them inside one segment, and when asked waits until
   * they and everything before them are on the disk.
   */
  write(offset: number, parts: readonly Uint8Array[], sync: boolean): Promise<void>;
  /** Waits until everything written is on the disk. */
  sync(): Promise<void>;
  /** Overwrites with zeros what may have been written from `from` to `to` of the newest segment, and syncs. */
  erase(from: number, to: number): Promise<void>;
  close(): Promise<void>;
}
