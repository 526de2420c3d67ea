import type { FileSystem, Logger } from '../../platform/index.js';
import type { HandlePool } from '../handle-pool.js';
import { fileName, offsetOfFileName } from '../paths.js';
import { findInFile, type IndexFile, readIndexHeader, readTable } from './index-file.js';
import type { IndexTable } from './index-table.js';

/** The files of an index in one directory, each named after the log offset that it begins at. */
export class IndexFiles {
  /** In the order of the log; those in memory as a table are not among them. */
  private files: IndexFile[] = [];
  /** Of the file that was written last, for the next one; undefined while one is written. */
  private memory: ArrayBuffer | undefined;

  constructor(
    private readonly fileSystem: FileSystem,
    private readonly pool: HandlePool,
    private readonly directory: string,
    private readonly logger: Logger,
  ) {}

  get all(): readonly IndexFile[] {
    return this.files;
  }

  /** Takes over what is usable of the log range [start, end); removes the rest. */
  async open(start: number, end: number): Promise<void> {
    await this.fileSystem.makeDirectory(this.directory);
    // An attempt that failed half-way has left some.
    this.files = [];
    let behind = 0;
    for (const name of await this.fileSystem.list(this.directory)) {
      const from = offsetOfFileName(name);
      const path = `${this.directory}/${name}`;
      const read = from === undefined ? 'left by a write' : await this.header(path, from);
      if (typeof read === 'string') {
        if (from !== undefined) this.logger.warn(`${path} is made anew from the log: ${read}`);
        await this.drop(path);
      } else if (read.to > end || read.to <= start || read.from < behind) await this.drop(path);
      else {
        behind = read.to;
        this.files.push(read);
      }
    }
  }

  /** Stretches of [start, end) that no file covers. */
  gaps(start: number, end: number): { from: number; to: number }[] {
    const found: { from: number; to: number }[] = [];
    let at = start;
    for (const { from, to } of this.files) {
      if (from > at) found.push({ from: at, to: from });
      at = Math.max(at, to);
    }
    if (end > at) found.push({ from: at, to: end });
    return found;
  }

  /** Replaces the file of the same beginning; a crash leaves the old one or the new one. */
  async write(table: IndexTable): Promise<IndexFile> {
    const bytes = table.encode(this.memory);
    this.memory = undefined;
    const { count, from, to, firstTime, lastTime } = table;
    const path = this.path(from);
    const temporary = `${path}.tmp`;
    await this.fileSystem.remove(temporary);
    const handle = await this.fileSystem.open(temporary, 'create');
    try {
      await handle.write(bytes, 0);
      this.memory = bytes.buffer as ArrayBuffer;
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await this.pool.forget(path);
    await this.fileSystem.rename(temporary, path);
    await this.fileSystem.syncDirectory(this.directory);
    return { count, from, to, firstTime, lastTime };
  }

  add(file: IndexFile): void {
    this.files = [...this.files.filter(({ from }) => from !== file.from), file].toSorted((a, b) => a.from - b.from);
  }

  /** The last file as a table, if it is small enough to go on with; it is no longer among the files then. */
  async takeLast(most: number): Promise<IndexTable | undefined> {
    const last = this.files.at(-1);
    if (last === undefined || last.count > most) return undefined;
    const table = await this.pool.use(this.path(last.from), 'read', (handle) => readTable(handle, last));
    this.files = this.files.slice(0, -1);
    return table;
  }

  /** Shows what it finds, the youngest first, until `visit` says false; so does this then. @throws IndexDamage */
  async find(
    file: IndexFile,
    hash: number,
    fromSecond: number,
    toSecond: number,
    visit: (offset: number) => Promise<boolean>,
  ): Promise<boolean> {
    return this.pool.use(this.path(file.from), 'read', async (handle) => {
      for await (const offset of findInFile(handle, file, hash, fromSecond, toSecond))
        if (!(await visit(offset))) return false;
      return true;
    });
  }

  async remove(file: IndexFile): Promise<void> {
    this.files = this.files.filter((other) => other !== file);
    await this.drop(this.path(file.from));
  }

  private async header(path: string, from: number): Promise<IndexFile | string> {
    const read = await this.pool.use(path, 'read', (handle) => readIndexHeader(handle, from));
    return typeof read === 'string' ? read : read.file;
  }

  private async drop(path: string): Promise<void> {
    await this.pool.forget(path);
    await this.fileSystem.remove(path);
  }

  private path(from: number): string {
    return `${this.directory}/${fileName(from)}`;
  }
}
