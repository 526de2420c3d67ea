import type { FileHandle, Platform } from '../../platform/index.js';
import type { HandlePool } from '../handle-pool.js';
import type { StorePaths } from '../paths.js';
import type { SegmentInfo } from '../types.js';
import { FlushClock } from './flush-times.js';
import { type LogWriter, SyncError } from './log-writer.js';

/** An expired file that waits to become the next segment: not a segment's name, so recovery never reads it as one. */
export const SPARE_NAME = 'spare';
/**
 * Zeros behind a small write that extends the file, in the same sync: as long as the next ones stay inside them, a sync
 * has nothing but data to write. One that extends the file commits the journal as well, and waits for whatever else the
 * file system has to put on the disk with it (99 % of the syncs of 4 KiB: 0.26 instead of 0.34 ms on an idle disk).
 */
const AHEAD_BYTES = 512 * 1024;
/** Writes from here on gain nothing from it: twice the bytes then cost more than the journal (1.1 GB/s without zeros). */
const SMALL_WRITE_BYTES = 64 * 1024;
const ZEROS = Buffer.alloc(AHEAD_BYTES);

export class Segment {
  firstStoreTimestamp = -1;
  lastStoreTimestamp = -1;

  constructor(readonly base: number) {}
}

/**
 * The files of the log: equal stretches of it, the newest open for writing. The log is always one contiguous range
 * of them.
 */
export class Segments implements LogWriter {
  private handle: FileHandle | undefined;
  /** Size of the newest file: what is written in front of it changes no metadata. */
  private filled = 0;
  /** True when the newest file has bytes of which nobody knows yet that they are on the disk. */
  private unsynced = false;
  /** True when an expired file waits to be used again. */
  private spare = false;
  /** True while an expired file is on its way to becoming the spare one. */
  private recycling = false;
  /** Files that were made since the log was opened, and such as were used again instead. */
  created = 0;
  recycled = 0;
  readonly flushes = new FlushClock();

  constructor(
    private readonly platform: Platform,
    private readonly paths: StorePaths,
    private readonly pool: HandlePool,
    readonly segmentBytes: number,
    /** Oldest first; empty for a new store. */
    private readonly list: Segment[],
  ) {}

  get all(): readonly Segment[] {
    return this.list;
  }

  get startOffset(): number {
    return this.list[0]?.base ?? 0;
  }

  get active(): Segment {
    return this.list[this.list.length - 1]!;
  }

  /** The segment that holds the offset. */
  at(offset: number): Segment | undefined {
    return this.list[Math.floor((offset - this.startOffset) / this.segmentBytes)];
  }

  /** Keeps the store times of a record that became visible. */
  note(physicalOffset: number, storeTimestamp: number): void {
    const segment = this.at(physicalOffset);
    if (segment === undefined) return;
    if (segment.firstStoreTimestamp < 0) segment.firstStoreTimestamp = storeTimestamp;
    segment.lastStoreTimestamp = storeTimestamp;
  }

  /** Opens the newest segment, or creates the first, so that `write` can go on at the offset. */
  async open(offset: number): Promise<void> {
    const fileSystem = this.platform.fileSystem;
    if (this.list.length === 0) {
      await this.create(offset - (offset % this.segmentBytes));
    } else {
      this.handle = await fileSystem.open(this.paths.segment(this.active.base), 'write');
      this.filled = await this.handle.size();
    }
    await this.adoptSpare();
  }

  async write(offset: number, parts: readonly Uint8Array[], sync: boolean): Promise<void> {
    if (offset >= this.active.base + this.segmentBytes) await this.roll(offset - (offset % this.segmentBytes));
    const position = offset - this.active.base;
    let end = position;
    for (const part of parts) end += part.length;
    const ahead = sync && end > this.filled && end - position <= SMALL_WRITE_BYTES;
    this.filled = Math.max(this.filled, end);
    // It would vouch for these bytes only.
    if (sync && !ahead && !this.unsynced && this.handle!.writeSynced !== undefined)
      return this.timed(this.handle!.writeSynced(parts, position));
    let at = position;
    for (const part of parts) {
      await this.handle!.write(part, at);
      at += part.length;
    }
    this.unsynced = true;
    if (ahead) await this.writeAhead(end);
    if (sync) await this.sync();
  }

  async sync(): Promise<void> {
    try {
      await this.timed(this.handle!.datasync());
    } catch (error) {
      throw new SyncError(error);
    }
    this.unsynced = false;
  }

  async erase(from: number, to: number): Promise<void> {
    const base = this.active.base;
    const handle = this.handle!;
    const end = Math.min(to - base, await handle.size());
    for (let at = Math.max(0, from - base); at < end; at += ZEROS.length)
      await handle.write(end - at >= ZEROS.length ? ZEROS : ZEROS.subarray(0, end - at), at);
    await handle.datasync();
  }

  /** What is known of each; `visibleOffset` ends the active one. */
  describe(visibleOffset: number): SegmentInfo[] {
    return this.list.map((segment, index) => {
      const active = index === this.list.length - 1;
      // An older segment's newest record is not looked for: the first one behind it is at most a little younger.
      const next = this.list[index + 1];
      return {
        baseOffset: segment.base,
        endOffset: active ? visibleOffset : segment.base + this.segmentBytes,
        firstStoreTimestamp: segment.firstStoreTimestamp,
        lastStoreTimestamp:
          segment.lastStoreTimestamp >= 0 || next === undefined ? segment.lastStoreTimestamp : next.firstStoreTimestamp,
        active,
      };
    });
  }

  /** Takes the oldest file away: it becomes the next segment, or is removed when one waits for that already. */
  async dropOldest(): Promise<void> {
    const fileSystem = this.platform.fileSystem;
    const segment = this.list.shift()!;
    const path = this.paths.segment(segment.base);
    await this.pool.forget(path);
    if (this.spare || this.recycling) {
      await this.removeOld(path);
      return;
    }
    // Before the first await: a second one would take its name away from the first.
    this.recycling = true;
    try {
      if ((await this.sizeOf(path)) !== this.segmentBytes) {
        await this.removeOld(path);
        return;
      }
      // Old bytes are harmless there: a record counts only at the offset that it names itself.
      await fileSystem.rename(path, `${this.paths.log}/${SPARE_NAME}`);
      await fileSystem.syncDirectory(this.paths.log);
      this.recycled++;
      await this.adoptSpare();
    } finally {
      this.recycling = false;
    }
  }

  async close(): Promise<void> {
    const handle = this.handle;
    this.handle = undefined;
    await handle?.close();
  }

  private async roll(base: number): Promise<void> {
    const full = this.handle!;
    // A segment that was extended ends where its records end; the file always has its full size for whoever reads it.
    if ((await full.size()) < this.segmentBytes) await full.truncate(this.segmentBytes);
    // Recovery relies on it: once the next segment exists, everything in front of it is on the disk.
    await this.sync();
    if (this.spare) await this.useSpare(base);
    else await this.create(base);
    await full.close();
  }

  /** Nothing of a message is in these bytes: a disk that has no room for them may still have some for the messages. */
  private async writeAhead(position: number): Promise<void> {
    const count = Math.min(AHEAD_BYTES, this.segmentBytes - position);
    if (count === 0) return;
    try {
      await this.handle!.write(count === AHEAD_BYTES ? ZEROS : ZEROS.subarray(0, count), position);
      this.filled = position + count;
    } catch (error) {
      this.filled = this.segmentBytes;
      this.platform.logger.warn(
        `Writing ahead in the log segment at ${this.active.base} failed: ${String(error)}. Appending goes on without it.`,
      );
    }
  }

  private async useSpare(base: number): Promise<void> {
    const { fileSystem } = this.platform;
    const path = this.paths.segment(base);
    try {
      await fileSystem.rename(`${this.paths.log}/${SPARE_NAME}`, path);
      await fileSystem.syncDirectory(this.paths.log);
    } finally {
      // Only now: an expired file that came meanwhile would have taken its name.
      this.spare = false;
    }
    this.handle = await fileSystem.open(path, 'write');
    this.filled = this.segmentBytes;
    this.list.push(new Segment(base));
  }

  private async create(base: number): Promise<void> {
    const handle = await this.platform.fileSystem.open(this.paths.segment(base), 'create');
    try {
      await this.platform.fileSystem.syncDirectory(this.paths.log);
    } catch (error) {
      await handle.close();
      throw error;
    }
    this.handle = handle;
    this.filled = 0;
    this.created++;
    this.list.push(new Segment(base));
  }

  private async removeOld(path: string): Promise<void> {
    await this.platform.fileSystem.remove(path);
    await this.platform.fileSystem.syncDirectory(this.paths.log);
  }

  private async adoptSpare(): Promise<void> {
    const { fileSystem } = this.platform;
    const path = `${this.paths.log}/${SPARE_NAME}`;
    if (!(await fileSystem.exists(path))) return;
    if ((await this.sizeOf(path)) === this.segmentBytes) this.spare = true;
    else await fileSystem.remove(path);
  }

  /** Counts it among the syncs, and how long it takes. */
  private async timed(sync: Promise<void>): Promise<void> {
    const { clock } = this.platform;
    const start = clock.monotonic();
    await sync;
    this.flushes.add(clock.monotonic() - start);
  }

  private async sizeOf(path: string): Promise<number> {
    const handle = await this.platform.fileSystem.open(path, 'read');
    try {
      return await handle.size();
    } finally {
      await handle.close();
    }
  }
}
