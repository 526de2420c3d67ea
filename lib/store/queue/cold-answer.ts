import { isStoredRecord } from '../../protocol/index.js';
import { BLOCK_BYTES, type ColdReader } from '../commitlog/cold-reader.js';
import type { LogTail } from '../commitlog/tail.js';
import type { ReadQuery } from '../types.js';
import type { ConsumeQueue } from './consume-queue.js';
import { entryPhysicalOffset, entrySize, entryTagsCode } from './entry-blocks.js';
import { LogSpans } from './log-spans.js';
import { ENTRY_BYTES } from './queue-files.js';

/** Entries looked at for one answer when most do not match: the reader comes again, and others get their turn. */
export const MOST_SCANNED = 4_000;
/** Entries fetched from the files at a time. */
export const ENTRIES_AT_A_TIME = 512;
/** Of the disk, for one answer: the messages of a queue among thousands lie far apart. */
const MOST_BLOCKS = 16;

/** How many times less than its blocks the stretches of an answer must be. */
const LEAST_SAVED = 4;

/** The records that one answer is to have. */
class Choice {
  readonly indexes: number[] = [];
  readonly offsets: number[] = [];
  readonly sizes: number[] = [];
  readonly blocks: number[] = [];
  bytes = 0;
  /** Behind the last entry that was looked at. */
  next: number;

  constructor(start: number) {
    this.next = start;
  }

  get count(): number {
    return this.indexes.length;
  }

  /** Where the log is needed up to. */
  get end(): number {
    return this.count === 0 ? 0 : this.offsets[this.count - 1]! + this.sizes[this.count - 1]!;
  }
}

/** What became of a choice. */
export interface ColdAnswer {
  readonly count: number;
  readonly next: number;
  readonly bytes: Buffer;
  /** The record that it ends before is no longer in the log. */
  readonly removed: boolean;
}

/**
 * Puts answers together from the older log: first what is wanted, then the blocks that hold it, all at once, then the
 * records side by side in one buffer, where they are checked. A view and a promise for each record cost more than the
 * copy (measured: 5 against 2 us of the broker for 1 KiB).
 */
export class ColdAnswers {
  constructor(
    private readonly tail: LogTail,
    private readonly cold: ColdReader,
    private readonly startOffset: () => number,
    /** Tells of a record that the disk does not give back as it was written. */
    private readonly damaged: (queue: ConsumeQueue, index: number, physicalOffset: number) => void,
  ) {}

  async answer(queue: ConsumeQueue, query: ReadQuery): Promise<ColdAnswer> {
    const choice = await this.choose(queue, query);
    if (choice.count > 0 && choice.bytes >= choice.count * BLOCK_BYTES) return this.inPlace(choice, queue, query);
    const spans = this.scattered(choice, queue);
    if (spans === undefined) await this.cold.bring(choice.blocks, choice.end, queue);
    else await spans.read(this.cold, queue);
    const bytes = query.memory?.room(choice.bytes) ?? Buffer.allocUnsafeSlow(choice.bytes);
    let filled = 0;
    let count = 0;
    for (let i = 0; i < choice.count; i++) {
      const offset = choice.offsets[i]!;
      const size = choice.sizes[i]!;
      if (offset < this.startOffset())
        return { count, next: choice.indexes[i]!, bytes: bytes.subarray(0, filled), removed: true };
      if (!this.fromMemory(offset, size, bytes, filled)) {
        if (spans?.copy(offset, size, bytes, filled) !== true && !this.cold.copy(offset, size, bytes, filled)) {
          // Pushed out by other readers meanwhile.
          const read = await this.cold.read(offset, size, queue);
          if (read.copy(bytes, filled) < size) bytes.fill(0, filled + read.length, filled + size);
        }
        if (!isStoredRecord(bytes, filled, size, offset)) {
          if (offset >= this.startOffset()) this.damaged(queue, choice.indexes[i]!, offset);
          continue;
        }
      }
      filled += size;
      count++;
    }
    return { count, next: choice.next, bytes: bytes.subarray(0, filled), removed: false };
  }

  /**
   * Records of a block and more, read to where the answer has them: by way of blocks each byte was copied once more, and a message of
   * 4 MiB took a quarter of the blocks that are kept for all readers.
   */
  private async inPlace(choice: Choice, queue: ConsumeQueue, query: ReadQuery): Promise<ColdAnswer> {
    const bytes = query.memory?.room(choice.bytes) ?? Buffer.allocUnsafeSlow(choice.bytes);
    const reads: Promise<void>[] = [];
    let end = 0;
    for (let i = 0; i < choice.count; i++) {
      const target = bytes.subarray(end, (end += choice.sizes[i]!));
      if (!this.fromMemory(choice.offsets[i]!, target.length, target, 0))
        reads.push(this.readInto(target, choice.offsets[i]!, queue));
    }
    await Promise.all(reads);
    let filled = 0;
    let count = 0;
    let at = 0;
    for (let i = 0; i < choice.count; i++) {
      const offset = choice.offsets[i]!;
      const size = choice.sizes[i]!;
      const from = at;
      at += size;
      if (offset < this.startOffset())
        return { count, next: choice.indexes[i]!, bytes: bytes.subarray(0, filled), removed: true };
      if (!isStoredRecord(bytes, from, size, offset)) {
        if (offset >= this.startOffset()) this.damaged(queue, choice.indexes[i]!, offset);
        continue;
      }
      if (filled !== from) bytes.copyWithin(filled, from, at);
      filled += size;
      count++;
    }
    return { count, next: choice.next, bytes: bytes.subarray(0, filled), removed: false };
  }

  private async readInto(target: Buffer, offset: number, queue: ConsumeQueue): Promise<void> {
    const read = await this.cold.into(target, offset, queue);
    // Of an earlier answer, for the same record perhaps: it would count as what the disk has given back.
    if (read < target.length) target.fill(0, read);
  }

  /**
   * The stretches to be read instead of blocks: for who jumps about in the log, and for a queue among a thousand. A block
   * is then mostly what nobody looks at, and costs 0.3 ms for its memory alone.
   */
  private scattered(choice: Choice, queue: ConsumeQueue): LogSpans | undefined {
    const { blocks, count, offsets, sizes } = choice;
    if (blocks.length === 0 || blocks.some((base) => this.cold.expects(base, queue))) return undefined;
    const spans = new LogSpans();
    for (let i = 0; i < count; i++)
      if (this.tail.chunkAt(offsets[i]!) === undefined) spans.add(offsets[i]!, sizes[i]!, this.cold.segmentBytes);
    return spans.bytes * LEAST_SAVED <= blocks.length * BLOCK_BYTES ? spans : undefined;
  }

  private async choose(queue: ConsumeQueue, query: ReadQuery): Promise<Choice> {
    const { matches, maxMessages, maxBytes } = query;
    const choice = new Choice(query.offset);
    const end = Math.min(queue.maxOffset, query.offset + MOST_SCANNED);
    while (choice.next < end && choice.count < maxMessages && choice.bytes < maxBytes) {
      const entries = queue.lastRead(choice.next) ?? (await queue.read(choice.next, ENTRIES_AT_A_TIME));
      if (entries.length === 0) break;
      for (let at = 0; at < entries.length && choice.next < end && choice.count < maxMessages; at += ENTRY_BYTES) {
        const size = entrySize(entries, at);
        if (size !== 0 && (matches === undefined || matches(entryTagsCode(entries, at)))) {
          if (choice.bytes + size > maxBytes && choice.count > 0) return choice;
          if (!this.take(choice, entryPhysicalOffset(entries, at), size)) return choice;
        }
        choice.next++;
      }
    }
    return choice;
  }

  /** False: it is for another answer. */
  private take(choice: Choice, physicalOffset: number, size: number): boolean {
    const { blocks } = choice;
    const before = blocks.length;
    if (this.tail.chunkAt(physicalOffset) === undefined) {
      for (let base = this.cold.blockOf(physicalOffset); base < physicalOffset + size; base += BLOCK_BYTES)
        if (blocks[blocks.length - 1] !== base) blocks.push(base);
      if (blocks.length > MOST_BLOCKS && choice.count > 0) {
        blocks.length = before;
        return false;
      }
    }
    choice.indexes.push(choice.next);
    choice.offsets.push(physicalOffset);
    choice.sizes.push(size);
    choice.bytes += size;
    return true;
  }

  private fromMemory(offset: number, size: number, target: Buffer, at: number): boolean {
    const chunk = this.tail.chunkAt(offset);
    if (chunk === undefined) return false;
    chunk.bytes.copy(target, at, offset - chunk.base, offset - chunk.base + size);
    return true;
  }
}
