import type { Platform } from '../../platform/index.js';
import { isHiddenTopic, MessagingError, type MessageRecord } from '../../protocol/index.js';
import type { HandlePool } from '../handle-pool.js';
import type { TopicTable } from '../state/topic-table.js';
import type { DispatchEntry, DispatchTarget } from '../types.js';
import { type IndexFile, IndexDamage } from './index-file.js';
import { IndexFiles } from './index-files.js';
import { type IndexQuery, IndexSearch } from './index-search.js';
import { IndexTable } from './index-table.js';
import { enterKeys, type Keyed } from './key-hash.js';

/** Entries of one file: 4 MiB in memory until it is written, about 130,000 messages with one key each. */
const FILE_ENTRIES = 262_144;
/** Full tables that may wait for a slow disk. Beyond that records are passed over, and read from the log later. */
const MOST_WAITING = 4;
/**
 * So much log may lie behind what is on the disk: it is read again, in the background, after a crash. A table stands for about
 * 340 MiB of messages of 1 KiB, and each time it is sorted and written as a whole, 10 ms of the event loop: with 64 MiB that
 * was up to five times until it was full.
 */
const UNWRITTEN_BYTES = 256 * 1024 * 1024;
/** Searches at a time. */
const MOST_SEARCHES = 64;

export interface IndexStats {
  readonly files: number;
  /** Every record in front of this log offset can be found. */
  readonly indexedTo: number;
  /** When the youngest message that can be found was stored; 0 while there is none. */
  readonly updatedAt: number;
  /** True while it catches up with the log: after a start, and when the disk was too slow for it. */
  readonly lagging: boolean;
  /** Why it does not get on; undefined when it does. */
  readonly problem: string | undefined;
}

/** What the index needs of the log. */
export interface IndexedLog {
  readonly startOffset: number;
  readonly visibleOffset: number;
  scan(from: number, to: number, visit: (record: MessageRecord) => void | Promise<void>): Promise<void>;
  /** The stored bytes; RECORD_INVALID when no record begins there, OFFSET_OUT_OF_RANGE when it has gone. */
  recordBytesAt(physicalOffset: number): Promise<Buffer>;
  syncNow(): Promise<void>;
}

/**
 * Finds messages by their unique id and their keys. The youngest entries are a table in memory, which a record costs 0.2 µs;
 * full tables become files, sorted by hash, which are never changed and go with the log that they describe.
 *
 * It is nobody's truth: a start does not wait for it, a checkpoint does not, and a disk that fails it fails nothing else.
 * What its files do not cover, because of a crash, of damage or because it was switched off, it reads from the log in the
 * background; searches wait for that.
 */
export class MessageIndex implements DispatchTarget {
  readonly name = 'index';
  /** It keeps its own books: recovery need not begin earlier for it. */
  readonly safeOffset = Number.POSITIVE_INFINITY;
  private readonly files: IndexFiles;
  private log: IndexedLog | undefined;
  private search: IndexSearch | undefined;
  private table = new IndexTable(0);
  /** Full, and not on the disk yet; the oldest first. */
  private full: IndexTable[] = [];
  /** One whose file is written, and whose memory the next one takes. */
  private spare: IndexTable | undefined;
  private opened = false;
  /** The log's end when it was recovered: files that know more describe what a crash took back. */
  private recoveredTo = 0;
  private dispatched = 0;
  private writtenTo = 0;
  private lagging = true;
  private closed = false;
  private problem: string | undefined;
  private searches = 0;
  /** One at a time, in the order in which they were asked for. */
  private work: Promise<void> = Promise.resolve();
  private busy = 0;
  private waiting: (() => void)[] = [];

  /** @param fileEntries For tests: how many entries fill a file. */
  constructor(
    private readonly platform: Platform,
    pool: HandlePool,
    directory: string,
    private readonly topics: TopicTable,
    private readonly fileEntries = FILE_ENTRIES,
  ) {
    this.files = new IndexFiles(platform.fileSystem, pool, directory, platform.logger);
  }

  get stats(): IndexStats {
    const { lagging, problem, table, files } = this;
    const updatedAt = Math.max(0, table.lastTime, this.full.at(-1)?.lastTime ?? 0, files.all.at(-1)?.lastTime ?? 0);
    return { files: files.all.length, indexedTo: table.to, updatedAt, lagging, problem };
  }

  /** Begins to catch up with the log, whose end was recovered and which nothing has been appended to. */
  start(log: IndexedLog): void {
    this.log = log;
    this.search = new IndexSearch(this.files, this.topics, log);
    this.recoveredTo = log.visibleOffset;
    this.dispatched = Math.max(this.dispatched, log.visibleOffset);
    this.do(() => this.catchUp());
  }

  dispatch(entry: DispatchEntry): void {
    const { physicalOffset } = entry;
    if (physicalOffset < this.dispatched) return;
    this.dispatched = physicalOffset + entry.size;
    if (this.lagging) return;
    const waiting = this.full.length;
    this.enter(entry.topic, entry, physicalOffset, entry.size, entry.storeTimestamp);
    if (this.full.length === waiting) return;
    this.lagging = this.full.length > MOST_WAITING;
    this.do(() => (this.lagging ? this.catchUp() : this.writeFull()));
  }

  /** Never waits and never rejects, see above. */
  flush(): Promise<void> {
    if (this.log === undefined || this.closed || this.busy > 0) return Promise.resolve();
    const { startOffset } = this.log;
    for (const file of this.files.all) if (file.to <= startOffset) this.do(() => this.files.remove(file));
    if (this.full.length > 0) this.do(() => this.writeFull());
    if (this.lagging) this.do(() => this.catchUp());
    else if (this.table.to - this.writtenTo >= UNWRITTEN_BYTES) this.do(() => this.write());
    return Promise.resolve();
  }

  /** Writes what is not on the disk yet, so that the next start finds it there. Never rejects. */
  async close(): Promise<void> {
    this.closed = true;
    await this.work;
    this.release();
    if (this.log === undefined || (this.table.to === this.writtenTo && this.full.length === 0)) return;
    try {
      await this.writeFull();
      if (this.table.count > 0) await this.write();
    } catch (error) {
      this.failed(error);
    }
  }

  /**
   * Stored records with this key in full, the youngest first.
   * @throws MessagingError BROKER_BUSY while too many search, or while the index cannot catch up with the log.
   */
  async find(query: IndexQuery): Promise<Buffer[]> {
    if (this.searches >= MOST_SEARCHES)
      throw new MessagingError('BROKER_BUSY', `${this.searches} searches are under way. Search again later.`);
    this.searches++;
    try {
      await this.caughtUp();
      for (;;) {
        try {
          return await this.search!.run(query, [this.table, ...this.full.toReversed()]);
        } catch (error) {
          if (!(error instanceof IndexDamage)) throw error;
          await this.replace(error);
        }
      }
    } finally {
      this.searches--;
    }
  }

  private enter(topic: string, message: Keyed, offset: number, size: number, time: number): void {
    if (this.table.count >= this.fileEntries) {
      this.full.push(this.table);
      this.table = this.nextTable(this.table.to);
    }
    // Waiting messages are found once they are delivered; a half message must not be seen.
    if (!isHiddenTopic(topic)) enterKeys(this.table, topic, message, offset, time);
    this.table.to = offset + size;
  }

  /** Reads from the log what the files lack, until nothing is left: from then on records come by themselves. */
  private async catchUp(): Promise<void> {
    const log = this.log!;
    if (!this.opened) await this.open(log);
    await this.writeFull();
    for (const gap of this.files.gaps(log.startOffset, this.table.from)) await this.build(gap.from, gap.to);
    while (this.table.to < this.dispatched) {
      const until = this.dispatched;
      await log.scan(this.table.to, until, (record) => {
        this.checkOpen();
        const { topic, physicalOffset, size, storeTimestamp } = record;
        this.enter(topic, record, physicalOffset, size, storeTimestamp);
        if (this.full.length > 0) return this.writeFull();
      });
      this.table.to = until;
    }
    this.lagging = false;
    this.release();
  }

  private async open(log: IndexedLog): Promise<void> {
    await this.files.open(log.startOffset, this.recoveredTo);
    this.table = (await this.resumed()) ?? new IndexTable(Math.max(log.startOffset, this.files.all.at(-1)?.to ?? 0));
    this.writtenTo = this.table.to;
    this.opened = true;
  }

  private checkOpen(): void {
    if (this.closed) throw new MessagingError('STORE_CLOSED', 'The index is being closed.');
  }

  /** Makes files for a stretch of the log that has none. */
  private async build(from: number, to: number): Promise<void> {
    let table = new IndexTable(from);
    await this.log!.scan(from, to, async (record) => {
      this.checkOpen();
      const { topic, physicalOffset, size, storeTimestamp } = record;
      if (table.count >= this.fileEntries) {
        this.files.add(await this.store(table));
        table = new IndexTable(table.to);
      }
      if (!isHiddenTopic(topic)) enterKeys(table, topic, record, physicalOffset, storeTimestamp);
      table.to = physicalOffset + size;
    });
    table.to = to;
    this.files.add(await this.store(table));
  }

  private nextTable(from: number): IndexTable {
    const { spare } = this;
    if (spare === undefined) return new IndexTable(from);
    this.spare = undefined;
    spare.beginAgain(from);
    return spare;
  }

  private async writeFull(): Promise<void> {
    for (let table = this.full[0]; table !== undefined; table = this.full[0]) {
      this.files.add(await this.store(table));
      this.full.shift();
      this.writtenTo = Math.max(this.writtenTo, table.to);
      // A search may still read it.
      if (this.searches === 0) this.spare = table;
    }
  }

  /** The table that is not full yet: its file is replaced when it has grown. */
  private async write(): Promise<void> {
    const { table } = this;
    const { to } = await this.store(table);
    this.writtenTo = Math.max(this.writtenTo, to);
  }

  /** No file knows more than a crash would leave of the log. */
  private async store(table: IndexTable): Promise<IndexFile> {
    await this.log!.syncNow();
    return this.files.write(table);
  }

  private async resumed(): Promise<IndexTable | undefined> {
    try {
      return await this.files.takeLast(this.fileEntries / 2);
    } catch (error) {
      if (!(error instanceof IndexDamage)) throw error;
      this.platform.logger.warn(`${error.message}; it is made anew from the log.`);
      await this.files.remove(error.file);
      return undefined;
    }
  }

  private async replace(damage: IndexDamage): Promise<void> {
    const { file } = damage;
    let failure: unknown;
    this.do(async () => {
      // Another search may have met it as well.
      if (!this.files.all.includes(file)) return;
      this.platform.logger.warn(`${damage.message}; it is made anew from the log.`);
      await this.files.remove(file);
      await this.build(Math.max(file.from, this.log!.startOffset), file.to).catch((error: unknown) => {
        failure = error;
        throw error;
      });
    });
    await this.work;
    if (failure !== undefined || this.closed)
      throw new MessagingError('BROKER_BUSY', `${damage.message} and could not be made anew yet. Search again later.`, {
        cause: failure,
      });
  }

  private async caughtUp(): Promise<void> {
    if (!this.lagging) return;
    // Nobody works on it: the next flush tries again.
    const idle = this.closed || (this.problem !== undefined && this.busy === 0);
    if (!idle) await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (!this.lagging) return;
    throw new MessagingError(
      'BROKER_BUSY',
      `The index has not caught up with the log${this.problem === undefined ? '' : ` (${this.problem})`}. Search again later.`,
    );
  }

  private release(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Behind what is under way. A failure is told once and mended by the next `flush`. */
  private do(task: () => Promise<void>): void {
    this.busy++;
    this.work = this.work
      .then(task)
      .then(
        () => {
          this.problem = undefined;
        },
        (error: unknown) => this.failed(error),
      )
      .finally(() => this.busy--);
  }

  private failed(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (problem !== this.problem && !this.closed)
      this.platform.logger.warn(`The index does not get on: ${problem}. It is tried again; sending is not affected.`);
    this.problem = problem;
    if (this.lagging) this.release();
  }
}
