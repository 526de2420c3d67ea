import {
  decodeRecord,
  inspectRecord,
  LARGEST_RECORD,
  MessagingError,
  recordStoreTimestamp,
  recordTotalSize,
} from '../protocol/index.js';
import type { MessageRecord } from '../protocol/index.js';
import type { ColdCursor, ColdReader } from './commitlog/cold-reader.js';
import type { CommitLog } from './commitlog/commit-log.js';
import type { Segments } from './commitlog/segments.js';
import type { HandlePool } from './handle-pool.js';
import type { StorePaths } from './paths.js';
import type { ConsumeQueue } from './queue/consume-queue.js';
import { entryPhysicalOffset, entrySize, entryTagsCode } from './queue/entry-blocks.js';
import { ENTRY_BYTES } from './queue/queue-files.js';
import type { QueueTable } from './queue/queue-table.js';
import type { DamageList } from './recovery/damage.js';
import { scanSegment } from './recovery/scan.js';
import type { QueueBounds } from './state/queue-bounds.js';
import type { TopicTable } from './state/topic-table.js';
import type { LogReader, QueueEntry, SegmentInfo } from './types.js';

/** Read at first for a record whose size is not known: most records are smaller. */
const FIRST_READ = 4_096;
/** Enough for the fixed fields with two IPv6 hosts. */
const FIXED_FIELDS = 112;
/** Collected by a scan before its visitor is called. */
const SCAN_BYTES = 1024 * 1024;

export interface LogAccessParts {
  readonly log: CommitLog;
  readonly segments: Segments;
  readonly cold: ColdReader;
  readonly pool: HandlePool;
  readonly paths: StorePaths;
  readonly queues: QueueTable;
  readonly topics: TopicTable;
  readonly bounds: QueueBounds;
  readonly damage: DamageList;
  /** Moves the checkpoint to at least this log offset. */
  readonly checkpointTo: (logOffset: number) => Promise<void>;
}

/** Looking things up in the log by offset and by time, and taking its oldest end away. */
export class LogAccess implements LogReader {
  private readonly cursor: ColdCursor = { lastColdBlock: -1 };
  private deleting: Promise<void> = Promise.resolve();

  constructor(private readonly parts: LogAccessParts) {}

  get startOffset(): number {
    return this.parts.segments.startOffset;
  }

  get visibleOffset(): number {
    return this.parts.log.visibleOffset;
  }

  segments(): readonly SegmentInfo[] {
    return this.parts.segments.describe(this.visibleOffset);
  }

  minOffset(topic: string, queueId: number): number {
    return this.parts.queues.find(topic, queueId)?.minOffset ?? 0;
  }

  maxOffset(topic: string, queueId: number): number {
    return this.parts.queues.find(topic, queueId)?.maxOffset ?? 0;
  }

  async physicalOffsetAt(topic: string, queueId: number, queueOffset: number): Promise<number | undefined> {
    const entry = await this.entryAt(topic, queueId, queueOffset);
    return entry === undefined || entrySize(entry, 0) === 0 ? undefined : entryPhysicalOffset(entry, 0);
  }

  async physicalOffsetFrom(topic: string, queueId: number, queueOffset: number): Promise<number | undefined> {
    // The empty entries in front of a record name that record's place, see `ConsumeQueue.skipTo`.
    const entry = await this.entryAt(topic, queueId, queueOffset);
    return entry === undefined ? undefined : entryPhysicalOffset(entry, 0);
  }

  /** See MessageStore.queueEntries. */
  async entriesFrom(topic: string, queueId: number, queueOffset: number, count: number): Promise<QueueEntry[]> {
    const queue = this.parts.queues.find(topic, queueId);
    const entries: QueueEntry[] = [];
    if (queue === undefined || queueOffset < queue.minOffset) return entries;
    const end = Math.min(queueOffset + count, queue.maxOffset);
    while (queueOffset + entries.length < end) {
      const bytes = await queue.read(queueOffset + entries.length, end - queueOffset - entries.length);
      if (bytes.length === 0) break;
      for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
        entries.push({
          physicalOffset: entryPhysicalOffset(bytes, at),
          size: entrySize(bytes, at),
          tagsCode: entryTagsCode(bytes, at),
        });
      }
    }
    return entries;
  }

  async recordAt(physicalOffset: number): Promise<MessageRecord> {
    return decodeRecord(await this.recordBytesAt(physicalOffset));
  }

  /** As `recordAt`, the record as it is stored; a view that is never overwritten. */
  async recordBytesAt(physicalOffset: number): Promise<Buffer> {
    if (
      !Number.isSafeInteger(physicalOffset) ||
      physicalOffset < this.startOffset ||
      physicalOffset >= this.visibleOffset
    )
      throw new MessagingError(
        'OFFSET_OUT_OF_RANGE',
        `The log offset ${physicalOffset} is outside of ${this.startOffset} to ${this.visibleOffset}.`,
      );
    const bytes = await this.bytesAt(physicalOffset);
    const found = inspectRecord(bytes, 0, bytes.length, physicalOffset);
    if (found.kind !== 'record')
      throw new MessagingError(
        'RECORD_INVALID',
        `No message begins at log offset ${physicalOffset}: ${found.kind === 'invalid' ? found.why : found.kind}.`,
      );
    return bytes.subarray(0, found.size);
  }

  async scan(from: number, to: number, visit: (record: MessageRecord) => void | Promise<void>): Promise<void> {
    const { segments, pool, paths, damage } = this.parts;
    const end = Math.min(to, this.visibleOffset);
    let offset = Math.max(from, this.startOffset);
    while (offset < end) {
      const base = offset - (offset % segments.segmentBytes);
      const records: MessageRecord[] = [];
      let bytes = 0;
      let paused = false;
      const stop = await pool.use(paths.segment(base), 'read', (file) =>
        scanSegment(file, base, segments.segmentBytes, offset, end, (window, at, _offset, size) => {
          paused = bytes > 0 && bytes + size > SCAN_BYTES;
          if (paused) return 'paused';
          bytes += size;
          // The window is used again while the visitor may still hold the record.
          records.push(decodeRecord(Buffer.from(window.subarray(at, at + size))));
          return undefined;
        }),
      );
      for (const record of records) await visit(record);
      offset = stop.offset;
      if (stop.invalid === undefined || paused) continue;
      const known = damage.endOf(offset);
      if (known === undefined)
        throw new MessagingError(
          'STORE_DAMAGED',
          `The log is damaged at offset ${offset} (${stop.invalid}). Restore ${paths.segment(base)} from a backup.`,
        );
      offset = known;
    }
  }

  async storeTimestampAt(topic: string, queueId: number, offset: number): Promise<number> {
    const queue = this.parts.queues.find(topic, queueId);
    if (queue === undefined || offset < queue.minOffset || offset >= queue.maxOffset) return -1;
    return this.timestampOf(queue, offset);
  }

  /**
   * `lower`: the first message stored at or after the time, the queue's end when there is none. `upper`: the last one
   * stored at or before it, the queue's begin when there is none.
   */
  async offsetByTime(
    topic: string,
    queueId: number,
    timestamp: number,
    boundary: 'lower' | 'upper' = 'lower',
  ): Promise<number> {
    const queue = this.parts.queues.find(topic, queueId);
    if (queue === undefined) return 0;
    const after = boundary === 'lower' ? timestamp : timestamp + 1;
    let low = queue.minOffset;
    let high = queue.maxOffset;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((await this.timestampOf(queue, middle)) < after) low = middle + 1;
      else high = middle;
    }
    return boundary === 'lower' ? low : Math.max(queue.minOffset, low - 1);
  }

  deleteOldestSegment(): Promise<void> {
    const next = this.deleting.then(() => this.deleteOldest());
    this.deleting = next.catch(() => undefined);
    return next;
  }

  private async deleteOldest(): Promise<void> {
    const { segments, queues, bounds, topics, cold, checkpointTo } = this.parts;
    const [oldest, next] = segments.all;
    if (oldest === undefined || next === undefined)
      throw new MessagingError(
        'BAD_ARGUMENT',
        'The only segment of the log is being appended to; it cannot be deleted.',
      );
    // Recovery must never want to begin in what has gone.
    await checkpointTo(next.base);
    const ends: { queue: ConsumeQueue; min: number }[] = [];
    for (const queue of queues.all()) ends.push({ queue, min: await queue.firstAtOrAbove(next.base) });
    const described = ends.map(({ queue, min }) => ({
      topicNumber: queue.topicNumber,
      queueId: queue.queueId,
      next: queue.maxOffset,
      min,
    }));
    await bounds.save(next.base, described, (number) => topics.ofNumber(number) !== undefined);
    for (const { queue, min } of ends) queue.raiseMinimum(min);
    await segments.dropOldest();
    cold.forget(oldest.base);
    for (const { queue, min } of ends) await queue.files.removeBelow(min);
  }

  private async entryAt(topic: string, queueId: number, queueOffset: number): Promise<Buffer | undefined> {
    const queue = this.parts.queues.find(topic, queueId);
    if (queue === undefined || queueOffset < queue.minOffset || queueOffset >= queue.maxOffset) return undefined;
    const entry = await queue.read(queueOffset, 1);
    return entry.length === 0 ? undefined : entry;
  }

  /** Bytes from the offset on, at least the record's if one begins there and is whole. */
  private async bytesAt(offset: number): Promise<Buffer> {
    const { log, cold, segments } = this.parts;
    const chunk = log.tail.chunkAt(offset);
    if (chunk !== undefined) {
      chunk.lent = true;
      return chunk.bytes.subarray(offset - chunk.base, Math.min(chunk.length, this.visibleOffset - chunk.base));
    }
    const room = Math.min(this.visibleOffset - offset, segments.segmentBytes - (offset % segments.segmentBytes));
    const bytes = await cold.read(offset, Math.min(FIRST_READ, room), this.cursor);
    const size = bytes.length >= 4 ? recordTotalSize(bytes, 0) : 0;
    return size <= bytes.length || size > Math.min(room, LARGEST_RECORD) ? bytes : cold.read(offset, size, this.cursor);
  }

  private async timestampOf(queue: ConsumeQueue, offset: number): Promise<number> {
    for (let index = offset; index < queue.maxOffset; index++) {
      const entry = await queue.read(index, 1);
      if (entry.length === 0) break;
      // Stands for a message that damage has swallowed: its neighbour is as old.
      if (entrySize(entry, 0) === 0) continue;
      const physicalOffset = entryPhysicalOffset(entry, 0);
      const chunk = this.parts.log.tail.chunkAt(physicalOffset);
      if (chunk !== undefined) return recordStoreTimestamp(chunk.bytes, physicalOffset - chunk.base);
      const bytes = await this.parts.cold.read(physicalOffset, Math.min(FIXED_FIELDS, entrySize(entry, 0)), queue);
      return bytes.length < 64 ? -1 : recordStoreTimestamp(bytes, 0);
    }
    return -1;
  }
}
