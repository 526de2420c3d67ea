import type { FileHandle, Platform } from '../../platform/index.js';
import type { HandlePool } from '../handle-pool.js';
import type { StorePaths } from '../paths.js';
import type { SegmentInfo } from '../types.js';
import { FlushClock } from './flush-times.js';
import { type LogWriter, SyncError } from './log-writer.js';
import { SegmentPreparation } from './segment-preparation.js';

/** The name of the file that becomes the next segment: not a segment's name, so recovery never reads it as one. */
export const PREPARED_NAME = 'prepared';
/** Use of the active segment from which on the next one is prepared: an idle store stays at one small file. */
const PREPARE_FROM = 0.25;
const ZEROS = Buffer.alloc(256 * 1024);

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
  private preparation: SegmentPreparation | undefined;
  private used = 0;
  /** True while an expired file is on its way to becoming the next segment. */
  private recycling = false;
  /** Segments that were not completely prepared when the writer came to them, and so were extended by it. */
  extended = 0;
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
    }
    this.used = offset - this.active.base;
    await this.adoptPrepared();
  }

  async write(offset: number, parts: readonly Uint8Array[], sync: boolean): Promise<void> {
    if (offset >= this.active.base + this.segmentBytes) await this.roll(offset - (offset % this.segmentBytes));
    let position = offset - this.active.base;
    for (const part of parts) {
      await this.handle!.write(part, position);
      position += part.length;
    }
    if (sync) await this.sync();
    this.used = position;
    if (position > this.segmentBytes * PREPARE_FROM) this.prepareNext();
  }

  async sync(): Promise<void> {
    const { clock } = this.platform;
    const start = clock.monotonic();
    try {
      await this.handle!.datasync();
    } catch (error) {
      throw new SyncError(error);
    }
    this.flushes.add(clock.monotonic() - start);
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

  /** Takes the oldest file away: it becomes the next segment if none is prepared, otherwise it is removed. */
  async dropOldest(): Promise<void> {
    const fileSystem = this.platform.fileSystem;
    const segment = this.list.shift()!;
    const path = this.paths.segment(segment.base);
    await this.pool.forget(path);
    if (this.preparation !== undefined || this.recycling) {
      await this.removeOld(path);
      return;
    }
    // Before the first await: a preparation that began meanwhile would fill a file that the rename below unlinks.
    this.recycling = true;
    try {
      if ((await this.sizeOf(path)) !== this.segmentBytes) {
        await this.removeOld(path);
        return;
      }
      // Old bytes are harmless there: a record counts only at the offset that it names itself.
      await fileSystem.rename(path, `${this.paths.log}/${PREPARED_NAME}`);
      await fileSystem.syncDirectory(this.paths.log);
      this.recycled++;
      await this.adoptPrepared();
    } finally {
      this.recycling = false;
    }
  }

  async close(): Promise<void> {
    const prepared = await this.preparation?.take();
    this.preparation = undefined;
    await prepared?.close();
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
    const preparation = this.preparation;
    this.preparation = undefined;
    const taken = await preparation?.take();
    if (taken === undefined || preparation?.ready !== true) this.extended++;
    if (taken === undefined) {
      await this.create(base);
    } else {
      try {
        await this.platform.fileSystem.rename(`${this.paths.log}/${PREPARED_NAME}`, this.paths.segment(base));
        await this.platform.fileSystem.syncDirectory(this.paths.log);
      } catch (error) {
        await taken.close();
        throw error;
      }
      this.handle = taken;
      this.list.push(new Segment(base));
    }
    this.used = 0;
    await full.close();
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
    this.list.push(new Segment(base));
  }

  private prepareNext(): void {
    if (this.preparation !== undefined || this.recycling) return;
    const { fileSystem, clock, logger } = this.platform;
    this.preparation = SegmentPreparation.start(
      fileSystem,
      clock,
      logger,
      `${this.paths.log}/${PREPARED_NAME}`,
      this.segmentBytes,
      () => this.used,
    );
  }

  private async removeOld(path: string): Promise<void> {
    await this.platform.fileSystem.remove(path);
    await this.platform.fileSystem.syncDirectory(this.paths.log);
  }

  private async adoptPrepared(): Promise<void> {
    const path = `${this.paths.log}/${PREPARED_NAME}`;
    if (this.preparation !== undefined || !(await this.platform.fileSystem.exists(path))) return;
    if ((await this.sizeOf(path)) !== this.segmentBytes) return this.platform.fileSystem.remove(path);
    const { fileSystem, clock, logger } = this.platform;
    this.preparation = await SegmentPreparation.adopt(fileSystem, clock, logger, path, this.segmentBytes);
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
