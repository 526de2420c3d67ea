import { EntryBlocks, entryPhysicalOffset, entrySize, entryTagsCode } from './entry-blocks.js';
import { ENTRY_BYTES, type QueueFiles } from './queue-files.js';

const NOTHING_READ = Buffer.alloc(0);
/** More tags codes of one batch than this are not listed: whoever waits looks for itself. */
const MOST_TAGS = 64;

/**
 * The index of one queue: where its n-th message lies in the log. Derived from the log; the files lag behind memory
 * until the next checkpoint.
 */
export class ConsumeQueue {
  readonly entries = new EntryBlocks();
  /** Length of the topic in UTF-8, counted once. */
  readonly topicBytes: number;
  /** Offset that the next appended record gets; ahead of `maxOffset` by what is not visible yet. */
  nextOffset: number;
  /** Visible end. */
  maxOffset: number;
  minOffset: number;
  /** Entries below are in the files, those from here on in memory. */
  flushedOffset: number;
  /** Block of the log that was read last from disk for this queue: the next one is then read ahead. */
  lastColdBlock = -1;
  /** Log offset of the entry at `minOffset` when known, -1 otherwise: saves a read for each queue when a segment goes. */
  private minPhysicalOffset = -1;
  /** True while the queue stands in the dispatcher's list of queues that this batch touched. */
  private touched = false;
  /** Tags code that this batch began with: mostly the only one, so that no list is made of it until somebody asks. */
  private firstTag = 0;
  /** All that have come with this batch, where there is more than one. */
  private tags: number[] | undefined;
  private tagsOverflow = false;
  private lastReadIndex = 0;
  private lastReadBytes: Buffer = NOTHING_READ;

  constructor(
    readonly topic: string,
    readonly topicNumber: number,
    readonly queueId: number,
    readonly files: QueueFiles,
    minOffset: number,
    nextOffset: number,
  ) {
    this.topicBytes = Buffer.byteLength(topic);
    this.minOffset = minOffset;
    this.nextOffset = nextOffset;
    this.maxOffset = nextOffset;
    this.flushedOffset = nextOffset;
  }

  /** Offset of the oldest entry in memory. */
  get memoryStart(): number {
    return this.entries.start(this.maxOffset);
  }

  /** Entries that are not in the files. */
  get unflushed(): number {
    return this.maxOffset - this.flushedOffset;
  }

  /** Tags codes that arrived with this batch; undefined when they were too many to list. */
  get arrivedTags(): readonly number[] | undefined {
    return this.tagsOverflow ? undefined : (this.tags ?? [this.firstTag]);
  }

  /** Notes what has become visible; true for the first one since `told`. */
  arrived(tagsCode: number): boolean {
    if (!this.touched) {
      this.touched = true;
      this.firstTag = tagsCode;
      return true;
    }
    const { tags } = this;
    if (this.tagsOverflow || (tags === undefined ? this.firstTag : tags.at(-1)) === tagsCode) return false;
    if (tags === undefined) this.tags = [this.firstTag, tagsCode];
    else if (tags.length < MOST_TAGS) tags.push(tagsCode);
    else this.tagsOverflow = true;
    return false;
  }

  /** Whoever waits knows of what arrived. */
  told(): void {
    this.touched = false;
    if (this.tags === undefined) return;
    this.tags = undefined;
    this.tagsOverflow = false;
  }

  /** Makes the next entry visible. */
  push(physicalOffset: number, size: number, tagsCode: number): void {
    this.entries.push(this.maxOffset++, physicalOffset, size, tagsCode);
  }

  /** Takes entries back into memory that a checkpoint has kept; they follow those of the files. */
  restoreKept(entries: Buffer): void {
    for (let at = 0; at < entries.length; at += ENTRY_BYTES)
      this.push(entryPhysicalOffset(entries, at), entrySize(entries, at), entryTagsCode(entries, at));
    this.nextOffset = this.maxOffset;
  }

  /**
   * Goes on at a later offset, with empty entries (size 0, skipped by readers) for the records in between that a
   * damaged stretch of the log has swallowed.
   */
  skipTo(queueOffset: number, physicalOffset: number): void {
    if (this.maxOffset === 0 && this.minOffset === 0) {
      this.startAt(queueOffset);
      return;
    }
    while (this.maxOffset < queueOffset) this.push(physicalOffset, 0, 0);
    this.nextOffset = this.maxOffset;
  }

  /** For a queue whose entries are rebuilt: its first record in the log has this offset. */
  startAt(queueOffset: number): void {
    this.entries.cut(0);
    this.minOffset = queueOffset;
    this.nextOffset = queueOffset;
    this.maxOffset = queueOffset;
    this.flushedOffset = queueOffset;
    this.minPhysicalOffset = -1;
  }

  /** Makes what is only in memory durable. After an error the next call writes all of it again. */
  async flush(): Promise<void> {
    const from = this.flushedOffset;
    const to = this.maxOffset;
    if (from === to) return;
    await this.files.sync(await this.files.write(from, this.entries.encode(from, to)));
    this.flushedOffset = to;
  }

  /** Removes from the files what they have beyond the entries that they are taken to have. */
  cutFiles(): Promise<void> {
    return this.files.truncate(this.flushedOffset);
  }

  /** Whether the files have all that they are taken to have. */
  complete(): Promise<boolean> {
    return this.files.hold(this.minOffset, this.flushedOffset);
  }

  evict(tailStart: number): void {
    this.entries.evict(this.flushedOffset, tailStart);
    this.lastReadBytes = NOTHING_READ;
  }

  /** Up to `count` entries from `index` on in the stored form, from the files or from memory; fewer at a file's end. */
  async read(index: number, count: number): Promise<Buffer> {
    const end = Math.min(index + count, this.maxOffset);
    // A replayed entry lies in memory and perhaps on disk too: memory has the last word.
    if (index >= this.memoryStart) return this.entries.encode(index, end);
    const bytes = await this.files.read(index, Math.min(end, this.memoryStart) - index);
    this.lastReadIndex = index;
    this.lastReadBytes = bytes;
    return bytes;
  }

  /** What is left of the entries read last if `index` is among them: a reader of old messages comes 32 by 32. */
  lastRead(index: number): Buffer | undefined {
    const at = (index - this.lastReadIndex) * ENTRY_BYTES;
    return at >= 0 && at < this.lastReadBytes.length ? this.lastReadBytes.subarray(at) : undefined;
  }

  async physicalOffsetAt(index: number): Promise<number> {
    if (index >= this.memoryStart) return this.entries.physicalOffset(index);
    const bytes = await this.files.read(index, 1);
    return bytes.length === 0 ? -1 : entryPhysicalOffset(bytes, 0);
  }

  /** The first offset whose record lies at or above `logOffset`; `maxOffset` when there is none. */
  async firstAtOrAbove(logOffset: number): Promise<number> {
    if (this.minOffset === this.maxOffset) return this.maxOffset;
    if (this.minPhysicalOffset < 0) this.minPhysicalOffset = await this.physicalOffsetAt(this.minOffset);
    if (this.minPhysicalOffset >= logOffset) return this.minOffset;
    let low = this.minOffset + 1;
    let high = this.maxOffset;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((await this.physicalOffsetAt(middle)) < logOffset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  raiseMinimum(offset: number): void {
    if (offset <= this.minOffset) return;
    this.minOffset = offset;
    this.minPhysicalOffset = -1;
  }

  /** Takes back offsets given to records that could not be written. */
  takeBackUnwritten(): void {
    this.nextOffset = this.maxOffset;
  }
}
