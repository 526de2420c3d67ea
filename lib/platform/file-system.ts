/** One open file. Positions are explicit; there is no shared cursor. */
export interface FileHandle {
  /** Writes all of `bytes` at `position` (short writes are completed inside). */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Fills as much of `target` as the file holds from `position` on; returns the number of bytes read. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Resolves when contents and size are on the disk. After an error the unsynced bytes are lost: never retry. */
  datasync(): Promise<void>;
  /**
   * Writes the parts one behind the other and resolves when they are on the disk, in one call where the machine has one
   * for it. Says nothing of what was written before by `write`. Absent where it would be no gain.
   */
  writeSynced?(parts: readonly Uint8Array[], position: number): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface FileLock {
  /** Replaces what the lock file says about its holder. */
  describe(text: string): Promise<void>;
  release(): Promise<void>;
}

export interface DiskSpace {
  freeBytes: number;
  totalBytes: number;
}

/** The only door to the disk. Implementations: the machine's own, one in memory, and a simulated one that crashes. */
export interface FileSystem {
  /** `create` fails if the file exists; `write` opens an existing file for reading and writing; `read` for reading only. */
  open(path: string, mode: 'create' | 'write' | 'read'): Promise<FileHandle>;
  /** Names in the directory, sorted; an absent directory has none. */
  list(path: string): Promise<string[]>;
  exists(path: string): Promise<boolean>;
  /** Creates the directory and its parents; each new entry is synced in its parent. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; an absent one is no error. */
  remove(path: string): Promise<void>;
  /** Removes an empty directory; an absent one is no error. */
  removeDirectory(path: string): Promise<void>;
  /** Makes creations, renames and removals in the directory durable. */
  syncDirectory(path: string): Promise<void>;
  diskSpace(path: string): Promise<DiskSpace>;
  /** Takes the kernel's exclusive lock on the file (created if absent), or returns what its holder wrote into it. */
  lock(path: string): Promise<FileLock | { holder: string }>;
}
