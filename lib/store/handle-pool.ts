import type { FileHandle, FileSystem } from '../platform/index.js';

interface Pooled {
  readonly path: string;
  readonly opening: Promise<FileHandle>;
  users: number;
  /** Called once the last user has left; set while somebody waits to rename or remove the file. */
  idle: (() => void) | undefined;
}

/**
 * Open files with a bound: a store of ten thousand queues must not need ten thousand descriptors. The least recently
 * used ones are closed; those in use never are, so the bound can be passed while many work at once.
 */
export class HandlePool {
  /** In order of use: a Map keeps insertion order, and every use inserts anew. */
  private readonly open = new Map<string, Pooled>();
  private closing = new Set<Promise<void>>();

  constructor(
    private readonly fileSystem: FileSystem,
    private readonly limit: number,
  ) {}

  get size(): number {
    return this.open.size;
  }

  async use<T>(path: string, mode: 'create' | 'write' | 'read', work: (handle: FileHandle) => Promise<T>): Promise<T> {
    let pooled = this.open.get(path);
    if (pooled === undefined) {
      pooled = { path, opening: this.fileSystem.open(path, mode), users: 0, idle: undefined };
    } else {
      this.open.delete(path);
    }
    this.open.set(path, pooled);
    pooled.users++;
    try {
      return await work(await pooled.opening);
    } catch (error) {
      // A handle that failed is not given to the next user: after a sync error its state is unknown.
      if (this.open.get(path) === pooled) this.open.delete(path);
      throw error;
    } finally {
      pooled.users--;
      if (pooled.users === 0) this.released(pooled);
    }
  }

  /** Resolves when nobody holds the file open any more: before it is renamed or removed. */
  async forget(path: string): Promise<void> {
    const pooled = this.open.get(path);
    if (pooled === undefined) return;
    this.open.delete(path);
    if (pooled.users > 0) await new Promise<void>((resolve) => (pooled.idle = resolve));
    else await this.dispose(pooled);
  }

  async close(): Promise<void> {
    await Promise.all([...this.open.keys()].map((path) => this.forget(path)));
    while (this.closing.size > 0) await Promise.all(this.closing);
  }

  private released(pooled: Pooled): void {
    if (this.open.get(pooled.path) !== pooled) {
      void this.dispose(pooled).then(() => pooled.idle?.());
      return;
    }
    for (const candidate of this.open.values()) {
      if (this.open.size <= this.limit) return;
      if (candidate.users > 0) continue;
      this.open.delete(candidate.path);
      void this.dispose(candidate);
    }
  }

  private dispose(pooled: Pooled): Promise<void> {
    // Nothing is lost by a failed close: what had to be durable was synced before, what was read has been checked.
    const closing = pooled.opening
      .then((handle) => handle.close())
      .catch(() => undefined)
      .finally(() => this.closing.delete(closing));
    this.closing.add(closing);
    return closing;
  }
}
