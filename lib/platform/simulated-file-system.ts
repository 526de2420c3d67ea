import { crashImage, type CrashPolicy } from './crash-image.js';
import { type Fault, FaultPlan, type Operation, type OperationName } from './fault-plan.js';
import { FileSystemError } from './file-system-error.js';
import type { DiskSpace, FileHandle, FileLock, FileSystem } from './file-system.js';
import { LockTable } from './lock-table.js';
import { type CrashPoint, type Latency, OperationQueue } from './operation-queue.js';
import { nameOf, normalPath, parentOf } from './paths.js';
import type { Random } from './random.js';
import { changeDirectories, SimulatedDirectory, type SimulatedEntry, SimulatedFile } from './simulated-file.js';

type Faulty = Fault['kind'] | undefined;

export interface SimulatedDiskOptions {
  /** Bytes after which writes fail with ENOSPC; default one TiB, which no test reaches. */
  readonly capacityBytes?: number;
  readonly latency?: Latency;
  /** Whether files have `writeSynced`, as those of Linux do; default false. */
  readonly syncsWrites?: boolean;
}

/**
 * A disk that loses power. What is written is visible at once but survives a crash for certain only after `datasync` of
 * the file (or `writeSynced`, for its own bytes) and `syncDirectory` of the directory that names it; what else survives is up to the policy of `crashImage`.
 *
 * Operations are numbered and carried out one after another, each a microtask (or `latency`) after it was asked for, so
 * that a run with the same input is the same run. Model: CockroachDB's pebble, `vfs.NewCrashableMem` and `errorfs`.
 */
export class SimulatedFileSystem implements FileSystem {
  private root = new SimulatedDirectory();
  private readonly locks = new LockTable();
  private readonly faults = new FaultPlan();
  private readonly queue: OperationQueue;

  constructor(private readonly options: SimulatedDiskOptions = {}) {
    this.queue = new OperationQueue(this.faults, options.latency);
  }

  /** What was carried out so far; the number of the next operation is its length. */
  get operations(): readonly Operation[] {
    return this.queue.log;
  }

  get crashed(): boolean {
    return this.queue.crashed;
  }

  /** Resolves when the power has failed. */
  get whenCrashed(): Promise<void> {
    return this.queue.whenCrashed;
  }

  /** How many operations a fault has hit. */
  get faultHits(): number {
    return this.faults.hits;
  }

  /** Called before each operation is carried out: `crashImage` within it is the disk between two operations. */
  onOperation(listener: (operation: Operation) => void): void {
    this.queue.listeners.push(listener);
  }

  /** The power fails at that operation; nothing happens on this disk from then on. */
  crashAt(point: CrashPoint): void {
    this.queue.crashAt(point);
  }

  /** The power fails now. */
  crash(answers: CrashPoint['answers'] = 'never'): void {
    this.queue.crashAt({ at: this.queue.log.length, answers });
  }

  inject(fault: Fault): void {
    this.faults.add(fault);
  }

  /** The disk is well again (what was lost stays lost). */
  clearFaults(): void {
    this.faults.clear();
  }

  /** A new disk with what a power loss at this moment leaves. This one stays as it is. */
  crashImage(policy: CrashPolicy, random: Random, options: SimulatedDiskOptions = this.options): SimulatedFileSystem {
    const image = new SimulatedFileSystem(options);
    image.root = crashImage(this.root, policy, random);
    return image;
  }

  /** Paths of all files, sorted. No operation. */
  paths(): string[] {
    const found: string[] = [];
    const visit = (path: string, directory: SimulatedDirectory): void => {
      for (const [name, entry] of directory.current) {
        if (entry instanceof SimulatedFile) found.push(`${path}/${name}`);
        else visit(`${path}/${name}`, entry);
      }
    };
    visit('', this.root);
    return found.toSorted();
  }

  /** What processes read from the file. No operation. */
  contents(path: string): Buffer {
    const file = this.file(normalPath(path), 'read');
    const target = Buffer.alloc(file.current.size);
    file.current.read(target, 0);
    return target;
  }

  /** Damages the file on the disk itself (bit rot, a stray write). No operation. */
  damage(path: string, position: number, bytes: Uint8Array): void {
    const file = this.file(normalPath(path), 'write');
    file.current.write(bytes, position);
    file.durable.write(bytes, position);
  }

  /** Cuts the file on the disk itself. No operation. */
  cut(path: string, size: number): void {
    const file = this.file(normalPath(path), 'ftruncate');
    file.current.truncate(size);
    file.durable.truncate(size);
  }

  open(path: string, mode: 'create' | 'write' | 'read'): Promise<FileHandle> {
    return this.submit(mode === 'create' ? 'create' : 'open', path, (operation, at) => {
      if (mode === 'create') {
        const directory = this.directory(parentOf(at), 'open');
        if (directory.current.has(nameOf(at))) throw new FileSystemError('EEXIST', 'open', path);
        changeDirectories(operation.number, [{ directory, name: nameOf(at), entry: new SimulatedFile() }]);
      }
      return this.handle(this.file(at, 'open'), path, mode !== 'read');
    });
  }

  list(path: string): Promise<string[]> {
    return this.submit('list', path, (_operation, at) => {
      const entry = this.find(at);
      return entry instanceof SimulatedDirectory ? [...entry.current.keys()].toSorted() : [];
    });
  }

  exists(path: string): Promise<boolean> {
    return this.submit('exists', path, (_operation, at) => this.find(at) !== undefined);
  }

  makeDirectory(path: string): Promise<void> {
    return this.submit('makeDirectory', path, (operation, at) => {
      let directory = this.root;
      for (const name of at.split('/').filter((part) => part !== '')) {
        let entry = directory.current.get(name);
        if (entry instanceof SimulatedFile) throw new FileSystemError('EEXIST', 'mkdir', path);
        if (entry === undefined) {
          entry = new SimulatedDirectory();
          changeDirectories(operation.number, [{ directory, name, entry }]);
          directory.sync();
        }
        directory = entry;
      }
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.submit('rename', from, (operation, at) => {
      const target = normalPath(to);
      const file = this.file(at, 'rename');
      const directory = this.directory(parentOf(target), 'rename');
      if (directory.current.get(nameOf(target)) instanceof SimulatedDirectory)
        throw new FileSystemError('EISDIR', 'rename', to);
      changeDirectories(operation.number, [
        { directory: this.directory(parentOf(at), 'rename'), name: nameOf(at), entry: undefined },
        { directory, name: nameOf(target), entry: file },
      ]);
    });
  }

  remove(path: string): Promise<void> {
    return this.submit('remove', path, (operation, at) => {
      if (this.find(at) === undefined) return;
      this.file(at, 'unlink');
      const directory = this.directory(parentOf(at), 'unlink');
      changeDirectories(operation.number, [{ directory, name: nameOf(at), entry: undefined }]);
    });
  }

  removeDirectory(path: string): Promise<void> {
    return this.submit('removeDirectory', path, (operation, at) => {
      if (this.find(at) === undefined) return;
      if (this.directory(at, 'rmdir').current.size > 0) throw new FileSystemError('ENOTEMPTY', 'rmdir', path);
      const directory = this.directory(parentOf(at), 'rmdir');
      changeDirectories(operation.number, [{ directory, name: nameOf(at), entry: undefined }]);
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.submit('syncDirectory', path, (_operation, at) => this.directory(at, 'fsync').sync());
  }

  diskSpace(path: string): Promise<DiskSpace> {
    return this.submit('diskSpace', path, (_operation, at) => {
      this.directory(at, 'statfs');
      return { freeBytes: Math.max(0, this.capacity - this.usedBytes()), totalBytes: this.capacity };
    });
  }

  lock(path: string): Promise<FileLock | { holder: string }> {
    return this.submit('lock', path, (operation, at) => {
      const directory = this.directory(parentOf(at), 'open');
      if (!directory.current.has(nameOf(at)))
        changeDirectories(operation.number, [{ directory, name: nameOf(at), entry: new SimulatedFile() }]);
      return this.locks.take(at);
    });
  }

  private handle(file: SimulatedFile, path: string, writable: boolean): FileHandle {
    let open = true;
    let openedToSync = false;
    const submit = <T>(
      name: OperationName,
      allowed: boolean,
      perform: (number: number, fault: Faulty) => T,
    ): Promise<T> =>
      this.queue.submit(name, path, (operation, fault) => {
        if (!open || !allowed) throw new FileSystemError('EBADF', name, path);
        if (fault === 'EIO') {
          if (name === 'datasync') file.loseUnsynced();
          throw new FileSystemError('EIO', name, path);
        }
        return perform(operation.number, fault);
      });
    const write = (bytes: Uint8Array, position: number): Promise<void> =>
      submit('write', writable, (number, fault) => {
        if (fault === 'short') file.write(number, bytes.subarray(0, bytes.length >> 1), position);
        if (fault !== undefined) throw new FileSystemError('ENOSPC', 'write', path);
        if (this.options.capacityBytes !== undefined)
          this.requireSpace(file.current.missingBytes(position, bytes.length), path);
        file.write(number, bytes, position);
      });
    const syncRange = (position: number, length: number): Promise<void> =>
      this.queue.submit('syncRange', path, (_operation, fault) => {
        if (!open) throw new FileSystemError('EBADF', 'syncRange', path);
        if (fault === undefined) {
          file.syncRange(position, length);
          return;
        }
        file.loseRange(position, length);
        throw new FileSystemError(fault === 'EIO' ? 'EIO' : 'ENOSPC', 'syncRange', path);
      });
    const writeSynced: NonNullable<FileHandle['writeSynced']> = async (parts, position) => {
      // Through a descriptor of its own, as that of the machine.
      if (!openedToSync)
        await submit('open', writable, () => {
          if (this.find(normalPath(path)) !== file) throw new FileSystemError('ENOENT', 'open', path);
          openedToSync = true;
        });
      const bytes = Buffer.concat(parts);
      await write(bytes, position);
      await syncRange(position, bytes.length);
    };
    return {
      ...(this.options.syncsWrites === true && { writeSynced }),
      write,
      read: (target, position) => submit('read', true, () => file.current.read(target, position)),
      datasync: () => submit('datasync', true, () => file.sync()),
      truncate: (size) =>
        submit('truncate', writable, (number, fault) => {
          if (fault !== undefined && size > file.current.size) throw new FileSystemError('ENOSPC', 'ftruncate', path);
          file.truncate(number, size);
        }),
      size: () => submit('size', true, () => file.current.size),
      close: () =>
        submit('close', true, () => {
          open = false;
        }),
    };
  }

  private submit<T>(name: OperationName, path: string, perform: (operation: Operation, at: string) => T): Promise<T> {
    return this.queue.submit(name, path, (operation, fault) => {
      if (fault !== undefined) throw new FileSystemError(fault === 'EIO' ? 'EIO' : 'ENOSPC', name, path);
      return perform(operation, normalPath(path));
    });
  }

  private get capacity(): number {
    return this.options.capacityBytes ?? 2 ** 40;
  }

  private requireSpace(bytes: number, path: string): void {
    if (bytes > 0 && this.usedBytes() + bytes > this.capacity) throw new FileSystemError('ENOSPC', 'write', path);
  }

  private usedBytes(directory: SimulatedDirectory = this.root): number {
    let used = 0;
    for (const entry of directory.current.values())
      used += entry instanceof SimulatedFile ? entry.current.allocatedBytes : this.usedBytes(entry);
    return used;
  }

  private find(path: string): SimulatedEntry | undefined {
    let at: SimulatedEntry | undefined = this.root;
    for (const name of path.split('/')) {
      if (name === '') continue;
      at = at instanceof SimulatedDirectory ? at.current.get(name) : undefined;
    }
    return at;
  }

  private file(path: string, syscall: string): SimulatedFile {
    const entry = this.find(path);
    if (entry === undefined) throw new FileSystemError('ENOENT', syscall, path);
    if (entry instanceof SimulatedDirectory) throw new FileSystemError('EISDIR', syscall, path);
    return entry;
  }

  private directory(path: string, syscall: string): SimulatedDirectory {
    const entry = this.find(path);
    if (entry === undefined) throw new FileSystemError('ENOENT', syscall, path);
    if (entry instanceof SimulatedFile) throw new FileSystemError('ENOTDIR', syscall, path);
    return entry;
  }
}
