import { FileSystemError } from './file-system-error.js';
import type { DiskSpace, FileHandle, FileLock, FileSystem } from './file-system.js';
import { LockTable } from './lock-table.js';
import { PagedBytes } from './paged-bytes.js';
import { parentOf, nameOf, normalPath } from './paths.js';

/** Small enough that the many little files of a store do not add up, large enough that a 64 MiB segment is 4,096 pages. */
const PAGE_BYTES = 16 * 1024;
/** As good as no limit, and yet something that ratios can be computed of. */
const AMPLE_BYTES = 2 ** 40;

class MemoryFileHandle implements FileHandle {
  private open = true;

  constructor(
    private readonly bytes: PagedBytes,
    private readonly path: string,
    private readonly writable: boolean,
  ) {}

  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.check('write', this.writable);
    this.bytes.write(bytes, position);
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    this.check('read', true);
    return this.bytes.read(target, position);
  }

  async datasync(): Promise<void> {
    this.check('fdatasync', true);
  }

  async truncate(size: number): Promise<void> {
    this.check('ftruncate', this.writable);
    this.bytes.truncate(size);
  }

  async size(): Promise<number> {
    this.check('fstat', true);
    return this.bytes.size;
  }

  async close(): Promise<void> {
    this.check('close', true);
    this.open = false;
  }

  private check(syscall: string, allowed: boolean): void {
    if (!this.open || !allowed) throw new FileSystemError('EBADF', syscall, this.path);
  }
}

/** Files that live as long as this object: for brokers that keep nothing, and for tests that need no crashes. */
export class MemoryFileSystem implements FileSystem {
  private readonly directories = new Map<string, Map<string, PagedBytes | 'directory'>>([[normalPath('/'), new Map()]]);
  private readonly locks = new LockTable();

  /** `totalBytes` is what `diskSpace` reports as the whole; whoever writes has to look there, a write itself never fails. */
  constructor(private readonly totalBytes = AMPLE_BYTES) {}

  async open(path: string, mode: 'create' | 'write' | 'read'): Promise<FileHandle> {
    const at = normalPath(path);
    const entries = this.entries(parentOf(at), 'open');
    let file = entries.get(nameOf(at));
    if (file === 'directory') throw new FileSystemError('EISDIR', 'open', path);
    if (mode === 'create') {
      if (file !== undefined) throw new FileSystemError('EEXIST', 'open', path);
      file = new PagedBytes(PAGE_BYTES, true);
      entries.set(nameOf(at), file);
    }
    if (file === undefined) throw new FileSystemError('ENOENT', 'open', path);
    return new MemoryFileHandle(file, path, mode !== 'read');
  }

  async list(path: string): Promise<string[]> {
    return [...(this.directories.get(normalPath(path))?.keys() ?? [])].toSorted();
  }

  async exists(path: string): Promise<boolean> {
    const at = normalPath(path);
    return this.directories.has(at) || (this.directories.get(parentOf(at))?.has(nameOf(at)) ?? false);
  }

  async makeDirectory(path: string): Promise<void> {
    const missing: string[] = [];
    for (let at = normalPath(path); !this.directories.has(at); at = parentOf(at)) missing.push(at);
    for (const at of missing.toReversed()) {
      const entries = this.entries(parentOf(at), 'mkdir');
      if (entries.has(nameOf(at))) throw new FileSystemError('EEXIST', 'mkdir', path);
      entries.set(nameOf(at), 'directory');
      this.directories.set(at, new Map());
    }
  }

  async rename(from: string, to: string): Promise<void> {
    const source = normalPath(from);
    const target = normalPath(to);
    const entries = this.entries(parentOf(source), 'rename');
    const targetEntries = this.entries(parentOf(target), 'rename');
    const entry = entries.get(nameOf(source));
    if (entry === undefined) throw new FileSystemError('ENOENT', 'rename', from);
    // The engine renames files only; a directory would have to take all that is below it along.
    if (entry === 'directory' || targetEntries.get(nameOf(target)) === 'directory')
      throw new FileSystemError('EISDIR', 'rename', from);
    entries.delete(nameOf(source));
    targetEntries.set(nameOf(target), entry);
  }

  async remove(path: string): Promise<void> {
    const at = normalPath(path);
    const entries = this.directories.get(parentOf(at));
    if (entries?.get(nameOf(at)) === 'directory') throw new FileSystemError('EISDIR', 'unlink', path);
    entries?.delete(nameOf(at));
  }

  async removeDirectory(path: string): Promise<void> {
    const at = normalPath(path);
    const own = this.directories.get(at);
    if (own === undefined) return;
    if (own.size > 0) throw new FileSystemError('ENOTEMPTY', 'rmdir', path);
    this.directories.delete(at);
    this.directories.get(parentOf(at))?.delete(nameOf(at));
  }

  async syncDirectory(path: string): Promise<void> {
    this.entries(normalPath(path), 'fsync');
  }

  async diskSpace(path: string): Promise<DiskSpace> {
    this.entries(normalPath(path), 'statfs');
    let used = 0;
    for (const entries of this.directories.values())
      for (const entry of entries.values()) if (entry !== 'directory') used += entry.allocatedBytes;
    return { freeBytes: Math.max(0, this.totalBytes - used), totalBytes: this.totalBytes };
  }

  async lock(path: string): Promise<FileLock | { holder: string }> {
    const at = normalPath(path);
    const entries = this.entries(parentOf(at), 'open');
    if (!entries.has(nameOf(at))) entries.set(nameOf(at), new PagedBytes(PAGE_BYTES, true));
    return this.locks.take(at);
  }

  private entries(directory: string, syscall: string): Map<string, PagedBytes | 'directory'> {
    const entries = this.directories.get(directory);
    if (entries === undefined) throw new FileSystemError('ENOENT', syscall, directory);
    return entries;
  }
}
