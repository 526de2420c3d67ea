import type { Logger } from '../../platform/index.js';
import { isStoredRecord } from '../../protocol/index.js';
import type { ColdReader } from '../commitlog/cold-reader.js';
import type { LogTail, TailChunk } from '../commitlog/tail.js';
import type { AnswerRoom, ReadQuery, ReadResult, ReadStatus } from '../types.js';
import type { ConsumeQueue } from './consume-queue.js';
import { ColdAnswers, ENTRIES_AT_A_TIME, MOST_SCANNED } from './cold-answer.js';
import { ENTRY_BYTES } from './queue-files.js';
import { entryPhysicalOffset, entrySize, entryTagsCode } from './entry-blocks.js';

/** Entries looked at for one answer when the records themselves are looked at, at a microsecond or so each. */
const MOST_EXAMINED = 1_000;
/** And the bytes of them that are read for one answer from the disk. */
const MOST_BYTES_EXAMINED = 4 * 1024 * 1024;
/** Below it an answer is a copy: a view would keep a whole chunk from being used again. */
const SMALLEST_VIEW = 64 * 1024;

/** Answers reads of queues: from memory at once when the newest part of the log holds the message, otherwise from disk. */
export class QueueReader {
  /** Records found damaged on the disk while they were read. */
  damaged = 0;
  private readonly answers: ColdAnswers;

  constructor(
    private readonly tail: LogTail,
    private readonly cold: ColdReader,
    private readonly startOffset: () => number,
    private readonly logger: Logger,
  ) {
    this.answers = new ColdAnswers(tail, cold, startOffset, (queue, index, physicalOffset) =>
      this.report(queue, index, physicalOffset),
    );
  }

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
    return query.accepts === undefined ? this.fromDisk(queue, query) : this.examine(queue, query, query.accepts);
  }

  private fromMemory(queue: ConsumeQueue, query: ReadQuery): ReadResult {
    const { entries, maxOffset } = queue;
    const { matches, accepts, maxMessages, maxBytes } = query;
    const end = Math.min(maxOffset, query.offset + (accepts === undefined ? MOST_SCANNED : MOST_EXAMINED));
    let index = query.offset;
    let count = 0;
    let bytes = 0;
    // Neighbours in the log become one run: chunk, begin, end.
    const runs: Run[] = [];
    let run: Run | undefined;
    for (; index < end && count < maxMessages; index++) {
      const size = entries.size(index);
      if (size === 0 || (matches !== undefined && !matches(entries.tagsCode(index)))) continue;
      if (bytes + size > maxBytes && count > 0) break;
      const physicalOffset = entries.physicalOffset(index);
      if (accepts !== undefined) {
        const held = this.tail.chunkAt(physicalOffset)!;
        if (!accepts(held.bytes, physicalOffset - held.base)) continue;
      }
      if (run === undefined || physicalOffset !== run.chunk.base + run.to || run.to + size > run.chunk.length) {
        const chunk = this.tail.chunkAt(physicalOffset)!;
        const from = physicalOffset - chunk.base;
        runs.push((run = { chunk, from, to: from + size }));
      } else run.to += size;
      bytes += size;
      count++;
    }
    return result(queue, count, index, count === 0 ? NO_CHUNKS : [together(runs, bytes, query.memory)]);
  }

  private async fromDisk(queue: ConsumeQueue, query: ReadQuery): Promise<ReadResult> {
    const { count, next, bytes, removed } = await this.answers.answer(queue, query);
    if (removed && count === 0)
      return nothing('MESSAGE_WAS_REMOVING', Math.max(next + 1, queue.minOffset), queue.minOffset, queue.maxOffset);
    return result(queue, count, next, count === 0 ? NO_CHUNKS : [bytes]);
  }

  /** From the disk, for who chooses by what the records say. */
  private async examine(
    queue: ConsumeQueue,
    query: ReadQuery,
    accepts: NonNullable<ReadQuery['accepts']>,
  ): Promise<ReadResult> {
    const { matches, maxMessages, maxBytes } = query;
    const chunks: Buffer[] = [];
    const end = Math.min(queue.maxOffset, query.offset + MOST_EXAMINED);
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
        examined += size;
        if (!accepts(view, 0)) {
          if (examined < MOST_BYTES_EXAMINED) continue;
          return result(queue, count, index + 1, chunks);
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
    return bytes !== undefined && isRecord(bytes, physicalOffset) ? bytes : undefined;
  }

  /** What was read if it is the record; undefined, reported and counted, when the disk does not give back what was written. */
  private checked(queue: ConsumeQueue, index: number, physicalOffset: number, bytes: Buffer): Buffer | undefined {
    if (isRecord(bytes, physicalOffset)) return bytes;
    if (physicalOffset >= this.startOffset()) this.report(queue, index, physicalOffset);
    return undefined;
  }

  private report({ topic, queueId }: ConsumeQueue, index: number, physicalOffset: number): void {
    this.damaged++;
    this.logger.error(
      `Message ${index} of ${topic} queue ${queueId}, at log offset ${physicalOffset}, is damaged on the disk and is left out. Check the disk and restore the log from a backup.`,
    );
  }
}

/** A stretch of a chunk. */
interface Run {
  readonly chunk: TailChunk;
  readonly from: number;
  to: number;
}

/** One long run is a view unless there is memory; others are copied side by side, and their chunks stay free to be used again. */
function together(runs: readonly Run[], bytes: number, memory: AnswerRoom | undefined): Buffer {
  const { chunk, from, to } = runs[0]!;
  if (runs.length === 1 && bytes >= SMALLEST_VIEW && memory === undefined) {
    chunk.lent = true;
    return chunk.bytes.subarray(from, to);
  }
  const copy = memory?.room(bytes) ?? Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const run of runs) at += run.chunk.bytes.copy(copy, at, run.from, run.to);
  return copy;
}

function isRecord(bytes: Buffer, physicalOffset: number): boolean {
  return bytes.length >= 4 && isStoredRecord(bytes, 0, bytes.length, physicalOffset);
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
