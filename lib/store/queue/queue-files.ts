import type { FileSystem } from '../../platform/index.js';
import type { HandlePool } from '../handle-pool.js';
import { fileName, offsetOfFileName } from '../paths.js';

/** Bytes of one entry, as RocketMQ lays them out. */
export const ENTRY_BYTES = 20;

/**
 * The files of one consume queue. They grow by what is written, are named after the offset of their first byte, and
 * hold nothing that the log could not give back.
 */
export class QueueFiles {
  private readonly fileBytes: number;
  /** Offsets of files that exist: all of them once `listed`. */
  private readonly files = new Set<number>();
  private listed = false;

  constructor(
    private readonly fileSystem: FileSystem,
    private readonly pool: HandlePool,
    private readonly directory: string,
    fileEntries: number,
  ) {
    this.fileBytes = fileEntries * ENTRY_BYTES;
  }

  /** Writes entries from `index` on; not synced yet. Returns the files touched, for `sync`. */
  async write(index: number, bytes: Buffer): Promise<number[]> {
    const touched: number[] = [];
    let position = index * ENTRY_BYTES;
    for (let at = 0; at < bytes.length;) {
      const file = position - (position % this.fileBytes);
      const count = Math.min(bytes.length - at, file + this.fileBytes - position);
      const part = bytes.subarray(at, at + count);
      await this.ensure(file);
      const inFile = position - file;
      await this.pool.use(this.path(file), 'write', (handle) => handle.write(part, inFile));
      touched.push(file);
      at += count;
      position += count;
    }
    return touched;
  }

  async sync(files: readonly number[]): Promise<void> {
    for (const file of files) await this.pool.use(this.path(file), 'write', (handle) => handle.datasync());
  }

  /** Reads up to `count` entries from `index` on, within one file; fewer at its end. */
  async read(index: number, count: number): Promise<Buffer> {
    const position = index * ENTRY_BYTES;
    const file = position - (position % this.fileBytes);
    const bytes = Buffer.allocUnsafe(Math.min(count * ENTRY_BYTES, file + this.fileBytes - position));
    const read = await this.pool.use(this.path(file), 'write', (handle) => handle.read(bytes, position - file));
    return bytes.subarray(0, read - (read % ENTRY_BYTES));
  }

  /** Whether the files have all entries from `from` up to `to`. */
  async hold(from: number, to: number): Promise<boolean> {
    if (from >= to) return true;
    const existing = new Set(await this.existing());
    const end = to * ENTRY_BYTES;
    for (let file = from * ENTRY_BYTES - ((from * ENTRY_BYTES) % this.fileBytes); file < end; file += this.fileBytes) {
      if (!existing.has(file)) return false;
      const size = await this.pool.use(this.path(file), 'write', (handle) => handle.size());
      if (size < Math.min(end - file, this.fileBytes)) return false;
    }
    return true;
  }

  /** Removes whatever lies at `index` and behind: entries of records that a crash took back. */
  async truncate(index: number): Promise<void> {
    const end = index * ENTRY_BYTES;
    for (const file of await this.existing()) {
      if (file >= end) {
        await this.remove(file);
        continue;
      }
      const keep = Math.min(end - file, this.fileBytes);
      await this.pool.use(this.path(file), 'write', async (handle) => {
        if ((await handle.size()) > keep) await handle.truncate(keep);
      });
    }
  }

  /** Removes the files whose entries all lie below `index`. */
  async removeBelow(index: number): Promise<void> {
    for (const file of await this.existing()) if (file + this.fileBytes <= index * ENTRY_BYTES) await this.remove(file);
  }

  async removeAll(): Promise<void> {
    for (const file of await this.existing()) await this.remove(file);
    await this.fileSystem.removeDirectory(this.directory);
    this.listed = false;
  }

  private async remove(file: number): Promise<void> {
    await this.pool.forget(this.path(file));
    await this.fileSystem.remove(this.path(file));
    this.files.delete(file);
  }

  private async existing(): Promise<number[]> {
    if (!this.listed) {
      for (const name of await this.fileSystem.list(this.directory)) {
        const offset = offsetOfFileName(name);
        if (offset !== undefined) this.files.add(offset);
      }
      this.listed = true;
    }
    return [...this.files];
  }

  private async ensure(file: number): Promise<void> {
    if (this.files.has(file)) return;
    // A queue's first file: nearly always there is none, and ten thousand queues are not all looked for first.
    if (file > 0 && (await this.existing()).includes(file)) return;
    await this.fileSystem.makeDirectory(this.directory);
    try {
      // It stays open for what is written next.
      await this.pool.use(this.path(file), 'create', () => Promise.resolve());
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    await this.fileSystem.syncDirectory(this.directory);
    this.files.add(file);
  }

  private path(file: number): string {
    return `${this.directory}/${fileName(file)}`;
  }
}
