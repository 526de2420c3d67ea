import type { Logger } from '../../platform/index.js';
import { inspectRecord } from '../../protocol/index.js';
import type { ColdReader } from '../commitlog/cold-reader.js';
import type { LogTail, TailChunk } from '../commitlog/tail.js';
import type { ReadQuery, ReadResult, ReadStatus } from '../types.js';
import type { ConsumeQueue } from './consume-queue.js';
import { ENTRY_BYTES } from './queue-files.js';
import { entryPhysicalOffset, entrySize, entryTagsCode } from './entry-blocks.js';

/** Entries looked at for one answer when most do not match: the reader comes again, and others get their turn. */
const MOST_SCANNED = 4_000;
/** The same when the records themselves are looked at, at a microsecond or so each. */
const MOST_EXAMINED = 1_000;
/** And the bytes of them that are read for one answer from the disk. */
const MOST_BYTES_EXAMINED = 4 * 1024 * 1024;
/** Entries fetched from the files at a time. */
const ENTRIES_AT_A_TIME = 512;

/** Answers reads of queues: from memory at once when the newest part of the log holds the message, otherwise from disk. */
export class QueueReader {
  /** Records found damaged on the disk while they were read. */
  damaged = 0;

  constructor(
    private readonly tail: LogTail,
    private readonly cold: ColdReader,
    private readonly startOffset: () => number,
    private readonly logger: Logger,
  ) {}

  read(queue: ConsumeQueue | undefined, query: ReadQuery): ReadResult | Promise<ReadResult> {
    if (queue === undefined) return nothing('NO_MATCHED_LOGIC_QUEUE', 0, 0, 0);
    const { minOffset, maxOffset } = queue;
    const { offset } = query;
    if (maxOffset === 0) return nothing('NO_MESSAGE_IN_QUEUE', 0, minOffset, maxOffset);
    if (offset < minOffset) return nothing('OFFSET_TOO_SMALL', minOffset, minOffset, maxOffset);
    if (offset === maxOffset) return nothing('OFFSET_OVERFLOW_ONE', offset, minOffset, maxOffset);
    if (offset > maxOffset) return nothing('OFFSET_OVERFLOW_BADLY', maxOffset, minOffset, maxOffset);
    if (offset >= queue.memoryStart && queue.entries.physicalOffset(offset) >= this.tail.start)
      return this.fromMemory(queue, query);
    return this.fromDisk(queue, query);
  }

  private fromMemory(queue: ConsumeQueue, query: ReadQuery): ReadResult {
    const { entries, maxOffset } = queue;
    const { matches, accepts, maxMessages, maxBytes } = query;
    const chunks: Buffer[] = [];
    const end = Math.min(maxOffset, query.offset + (accepts === undefined ? MOST_SCANNED : MOST_EXAMINED));
    let index = query.offset;
    let count = 0;
    let bytes = 0;
    // Neighbours in the log become one view: a queue that is alone on its store answers with a single buffer.
    let chunk: TailChunk | undefined;
    let from = 0;
    let to = 0;
    for (; index < end && count < maxMessages; index++) {
      const size = entries.size(index);
      if (size === 0 || (matches !== undefined && !matches(entries.tagsCode(index)))) continue;
      if (bytes + size > maxBytes && count > 0) break;
      const physicalOffset = entries.physicalOffset(index);
      if (accepts !== undefined) {
        // Only looked at: the chunk may be used again when nothing of it is handed out.
        const held = this.tail.chunkAt(physicalOffset)!;
        if (!accepts(held.bytes, physicalOffset - held.base)) continue;
      }
      if (chunk === undefined || physicalOffset !== chunk.base + to || to + size > chunk.length) {
        if (to > from) chunks.push(chunk!.bytes.subarray(from, to));
        chunk = this.tail.chunkAt(physicalOffset)!;
        chunk.lent = true;
        from = to = physicalOffset - chunk.base;
      }
      to += size;
      bytes += size;
      count++;
    }
    if (to > from) chunks.push(chunk!.bytes.subarray(from, to));
    return result(queue, count, index, chunks);
  }

  private async fromDisk(queue: ConsumeQueue, query: ReadQuery): Promise<ReadResult> {
    const { matches, accepts, maxMessages, maxBytes } = query;
    const chunks: Buffer[] = [];
    const end = Math.min(queue.maxOffset, query.offset + (accepts === undefined ? MOST_SCANNED : MOST_EXAMINED));
    let index = query.offset;
    let count = 0;
    let bytes = 0;
    let examined = 0;
    while (index < end && count < maxMessages && bytes < maxBytes) {
      const entries = queue.lastRead(index) ?? (await queue.read(index, ENTRIES_AT_A_TIME));
      if (entries.length === 0) break;
      for (let at = 0; at < entries.length && index < end && count < maxMessages; at += ENTRY_BYTES, index++) {
        const size = entrySize(entries, at);
        if (size === 0 || (matches !== undefined && !matches(entryTagsCode(entries, at)))) continue;
        if (bytes + size > maxBytes && count > 0) return result(queue, count, index, chunks);
        const physicalOffset = entryPhysicalOffset(entries, at);
        if (physicalOffset < this.startOffset())
          return count > 0
            ? result(queue, count, index, chunks)
            : nothing('MESSAGE_WAS_REMOVING', Math.max(index + 1, queue.minOffset), queue.minOffset, queue.maxOffset);
        const known = this.atHand(queue, physicalOffset, size);
        const view =
          known ?? this.checked(queue, index, physicalOffset, await this.cold.read(physicalOffset, size, queue));
        if (view === undefined) continue;
        if (accepts !== undefined) {
          examined += size;
          if (!accepts(view, 0)) {
            if (examined < MOST_BYTES_EXAMINED) continue;
            return result(queue, count, index + 1, chunks);
          }
        }
        chunks.push(view);
        bytes += size;
        count++;
      }
    }
    return result(queue, count, index, chunks);
  }

  /** The bytes of one record from memory, or from a block that was read before and checks out. */
  private atHand(queue: ConsumeQueue, physicalOffset: number, size: number): Buffer | undefined {
    const chunk = this.tail.chunkAt(physicalOffset);
    if (chunk !== undefined) {
      chunk.lent = true;
      return chunk.bytes.subarray(physicalOffset - chunk.base, physicalOffset - chunk.base + size);
    }
    const bytes = this.cold.peek(physicalOffset, size, queue);
    return bytes !== undefined && isRecord(bytes, physicalOffset, size) ? bytes : undefined;
  }

  /** What was read if it is the record; undefined, reported and counted, when the disk does not give back what was written. */
  private checked(queue: ConsumeQueue, index: number, physicalOffset: number, bytes: Buffer): Buffer | undefined {
    const size = bytes.length;
    if (isRecord(bytes, physicalOffset, size)) return bytes;
    if (physicalOffset < this.startOffset()) return undefined;
    this.damaged++;
    this.logger.error(
      `Message ${index} of ${queue.topic} queue ${queue.queueId}, at log offset ${physicalOffset}, is damaged on the disk and is left out. Check the disk and restore the log from a backup.`,
    );
    return undefined;
  }
}

function isRecord(bytes: Buffer, physicalOffset: number, size: number): boolean {
  const found = inspectRecord(bytes, 0, bytes.length, physicalOffset);
  return found.kind === 'record' && found.size === size;
}

function result(queue: ConsumeQueue, messageCount: number, nextBeginOffset: number, chunks: Buffer[]): ReadResult {
  return {
    status: messageCount > 0 ? 'FOUND' : 'NO_MATCHED_MESSAGE',
    nextBeginOffset,
    minOffset: queue.minOffset,
    maxOffset: queue.maxOffset,
    chunks,
    messageCount,
  };
}

const NO_CHUNKS: Buffer[] = [];

function nothing(status: ReadStatus, nextBeginOffset: number, minOffset: number, maxOffset: number): ReadResult {
  return { status, nextBeginOffset, minOffset, maxOffset, chunks: NO_CHUNKS, messageCount: 0 };
}
