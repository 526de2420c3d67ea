import type { Clock, Logger, Timer } from '../../platform/index.js';
import { type AlikeBatch, BLANK_BYTES, encodeBlank, MessagingError } from '../../protocol/index.js';
import type { Dispatcher } from '../dispatcher.js';
import type { ConsumeQueue } from '../queue/consume-queue.js';
import type { StoreMessage } from '../types.js';
import { type LogWriter, SyncError } from './log-writer.js';
import { type Acknowledged, PendingAppends } from './pending-appends.js';
import { checkMessage, mostRecordBytes } from './record-fields.js';
import { RecordWriter } from './record-writer.js';
import type { LogTail } from './tail.js';

/** How long bytes may lie unsynced in `async` mode. */
export const ASYNC_SYNC_MILLIS = 500;
/** ... and how many of them: recovery must be able to tell lost bytes from damaged ones. */
export const ASYNC_UNSYNCED_BYTES = 64 * 1024 * 1024;
/** Bytes that may wait in memory for a slow disk before producers are told to slow down. */
const WAITING_BYTES = 64 * 1024 * 1024;

/**
 * Acknowledgements released before the event loop gets its turn. A sync can only begin once the loop has seen its write
 * end; releasing 500 in one go let the disk wait for that longer than it worked.
 */
const RELEASED_AT_A_TIME = 128;
/**
 * So many times more of messages that share one acknowledgement, as each costs that much less: a pack of them. With 1024 a whole
 * window of sends was answered in one turn, whose successors then all waited for one sync that began when the disk had long been
 * idle; in portions the next sync runs while the rest is answered (embedded 207 and 225, over TCP 170 and 215 thousand a second).
 */
const SHARING_FACTOR = 2;

export interface CommitLogOptions {
  readonly segmentBytes: number;
  readonly batchBytes: number;
  readonly flush: 'sync' | 'async';
  readonly storeHost: string;
}

/** What the log tells the store when the disk does not do as it should. */
export interface LogTrouble {
  /** A write or sync failed in a way that leaves unknown what is on the disk. Told once. */
  fenced(error: MessagingError): void;
  /** A write found no room; what was waiting was refused and nothing of it is on the disk. */
  full(error: MessagingError): void;
}

/**
 * The truth: every message in the order of its arrival. One appender gives out offsets and copies bytes without
 * awaiting anything in between; while one batch is written and synced the next one fills, so that a sync covers as
 * much as arrived during the one before, without a timer.
 */
export class CommitLog {
  private readonly pending = new PendingAppends();
  private readonly sync: boolean;
  private written: number;
  private durable: number;
  private visible: number;
  /** Log offset behind the segment that is appended to, as it was last looked at. */
  private segmentEnd = 0;
  private running = false;
  private scheduled = false;
  /** True while a further part of the written records waits for its turn to be released. */
  private releasing = false;
  private syncWanted = false;
  private failure: MessagingError | undefined;
  private readonly syncTimer: Timer | undefined;
  private waiting: (() => void)[] = [];
  private readonly records: RecordWriter;
  /** Batches written, for `health` and for tests of the group commit. */
  batches = 0;

  constructor(
    private readonly options: CommitLogOptions,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly writer: LogWriter,
    readonly tail: LogTail,
    private readonly dispatcher: Dispatcher,
    private readonly trouble: LogTrouble,
  ) {
    this.sync = options.flush === 'sync';
    this.written = this.durable = this.visible = tail.end;
    this.records = new RecordWriter(options.storeHost);
    if (!this.sync)
      this.syncTimer = clock.every(ASYNC_SYNC_MILLIS, () => {
        // A fenced log has told its owner already.
        this.syncNow().catch(() => undefined);
      });
  }

  /** Log offset up to which a crash takes nothing back (in `async` mode: a crash of the process). */
  get visibleOffset(): number {
    return this.visible;
  }

  get durableOffset(): number {
    return this.durable;
  }

  /** Where the next record goes. */
  get appendOffset(): number {
    return this.tail.end;
  }

  get writtenOffset(): number {
    return this.written;
  }

  get waitingRecords(): number {
    return this.pending.length;
  }

  /**
   * Encodes the message into the batch that fills. `done` is told in log order, outcomes with the message's place among them. `verified` messages were looked at by
   * `verify` in this turn: a batch of which some are appended already is no longer refused.
   * @throws MessagingError when nothing was appended: MESSAGE_TOO_LARGE, PROPERTIES_INVALID, BAD_ARGUMENT, BROKER_BUSY.
   */
  append(
    message: StoreMessage,
    queue: ConsumeQueue,
    done: Acknowledged,
    place = 0,
    verified = false,
    storeTimestamp = this.clock.now(),
  ): void {
    const most = mostRecordBytes(message, queue.topicBytes);
    if (!verified) {
      this.check(message, most);
      this.stayInSegment(most);
    }
    const chunk = this.tail.room(most);
    const physicalOffset = this.tail.end;
    const records = this.records;
    const size = records.write(chunk, message, queue, physicalOffset, storeTimestamp);
    const { likeness } = records;
    // Nothing below throws: an offset that is given out is in the log.
    this.tail.filled(chunk, size);
    this.pending.push(
      queue,
      queue.nextOffset++,
      physicalOffset,
      size,
      records.tagsCode,
      storeTimestamp,
      records.sysFlag,
      likeness === undefined ? message.properties : message.idBegin!,
      message.idEnd ?? 0,
      likeness,
      done,
      place,
    );
    if (!this.running && !this.scheduled) this.schedule();
  }

  /** Encodes a batch like `message`, for which `together` has found a place. False, and nothing appended, when it has to go one by one. */
  appendAlike(
    message: StoreMessage,
    batch: AlikeBatch,
    queue: ConsumeQueue,
    done: Acknowledged,
    storeTimestamp: number,
  ): boolean {
    const { records, pending } = this;
    const likeness = records.likenessOf(message, queue, storeTimestamp);
    if (likeness === undefined) return false;
    const { stencil } = likeness;
    const chunk = this.tail.room(1);
    const { bytes, view, length } = chunk;
    const physicalOffset = this.tail.end;
    const { queueId, nextOffset } = queue;
    const size = stencil.writeAlike(bytes, view, length, batch, queueId, nextOffset, physicalOffset);
    this.tail.filled(chunk, size);
    queue.nextOffset += batch.length;
    pending.pushAlike(batch, queue, nextOffset, physicalOffset, storeTimestamp, likeness, done);
    if (!this.running && !this.scheduled) this.schedule();
    return true;
  }

  /**
   * Throws what `append` would throw for the message, before anything of its batch is appended; otherwise returns an upper
   * bound for its record, for `together`.
   */
  verify(message: StoreMessage, queue: ConsumeQueue): number {
    const most = mostRecordBytes(message, queue.topicBytes);
    this.check(message, most);
    return most;
  }

  /**
   * Finds one place for the records of a batch, `most` bytes in all, that are appended in this turn: they lie in one chunk
   * of one segment, so they are written together. A disk that has no room for the last of them then keeps none of them;
   * otherwise the producer's next attempt would double the first ones.
   * @throws MessagingError MESSAGE_TOO_LARGE for more than a segment holds.
   */
  together(most: number): void {
    const { segmentBytes } = this.options;
    if (most + BLANK_BYTES > segmentBytes)
      throw new MessagingError(
        'MESSAGE_TOO_LARGE',
        `A batch takes up to ${most} bytes and the store's segments have ${segmentBytes}. Send it in parts, or create the store with larger segments.`,
      );
    this.stayInSegment(most);
    this.tail.room(most);
  }

  /** Resolves when all that is appended so far is on the disk and visible; rejects when the log is fenced before that. */
  async syncNow(): Promise<void> {
    const target = this.tail.end;
    while (this.failure === undefined) {
      const reached = Math.min(target, this.tail.end);
      if (this.durable >= reached && this.visible >= reached) return;
      if (this.durable < reached) {
        this.syncWanted = true;
        if (!this.running && !this.scheduled) this.schedule();
      }
      await this.nextStep();
    }
    throw this.failure;
  }

  /** Fails what waits and refuses everything from now on. */
  fence(error: MessagingError): void {
    if (this.failure !== undefined) return;
    this.release(Number.POSITIVE_INFINITY);
    this.failure = error;
    this.syncTimer?.cancel();
    const refused = this.pending.drain((queue) => queue.takeBackUnwritten());
    this.trouble.fenced(error);
    this.refuse(refused, error);
    this.step();
  }

  /** Ends the background work; what waits has been awaited by `syncNow` before. */
  async close(): Promise<void> {
    this.syncTimer?.cancel();
    while (this.running) await this.nextStep();
    await this.writer.close();
  }

  private check(message: StoreMessage, most: number): void {
    if (this.failure !== undefined) throw this.failure;
    checkMessage(message, most, this.options.segmentBytes);
    const waiting = this.tail.end - this.visible;
    if (waiting > Math.max(WAITING_BYTES, 2 * this.options.batchBytes))
      throw new MessagingError(
        'BROKER_BUSY',
        `${waiting} bytes wait for the disk. Send again later, or with fewer messages at a time.`,
      );
  }

  /** Begins another segment where so many bytes, and a blank behind them, would reach beyond this one. */
  private stayInSegment(bytes: number): void {
    const { end } = this.tail;
    const { segmentBytes } = this.options;
    // A remainder of numbers above 2^31 takes as long as the rest of an append's bookkeeping; what cannot be written moves the end back.
    if (end >= this.segmentEnd || end < this.segmentEnd - segmentBytes)
      this.segmentEnd = end - (end % segmentBytes) + segmentBytes;
    const left = this.segmentEnd - end;
    if (bytes + BLANK_BYTES > left) this.endSegment(left);
  }

  /** Closes the segment with a record that says how much is left of it; the next record begins a new one. */
  private endSegment(remaining: number): void {
    const chunk = this.tail.room(BLANK_BYTES);
    encodeBlank(chunk.bytes, chunk.length, remaining);
    this.tail.filled(chunk, BLANK_BYTES);
    this.tail.skipTo(this.tail.end - BLANK_BYTES + remaining);
  }

  /** At the end of the turn, so that all that arrives in one turn shares a sync. */
  private schedule(): void {
    this.scheduled = true;
    this.clock.defer(this.start);
  }

  private readonly start = (): void => {
    this.scheduled = false;
    if (!this.running && this.failure === undefined) void this.run();
  };

  private async run(): Promise<void> {
    this.running = true;
    let write = this.begin();
    while (write !== undefined) {
      try {
        await write.finished;
      } catch (error) {
        await this.failed(error, write);
        break;
      }
      if (this.failure !== undefined) break;
      this.written = write.to;
      if (write.synced) this.durable = write.to;
      // The next batch is on its way to the disk while this one is acknowledged.
      write = this.begin();
      this.release(RELEASED_AT_A_TIME);
    }
    this.running = false;
    this.step();
    if (this.failure === undefined && this.written < this.tail.end && !this.scheduled) this.schedule();
  }

  /** Makes the next so many of the written records visible and acknowledges them; the rest follows in the next turn. */
  private release(most: number): void {
    const end = this.pending.endOfTurn(most, most * SHARING_FACTOR) ?? this.written;
    this.visible = Math.min(end, this.written);
    this.dispatcher.release(this.pending, this.visible);
    this.tail.trim(this.visible);
    if (this.visible < this.written && !this.releasing) {
      this.releasing = true;
      this.clock.defer(this.releaseMore);
    }
    this.step();
  }

  private readonly releaseMore = (): void => {
    this.releasing = false;
    if (this.visible < this.written) this.release(RELEASED_AT_A_TIME);
  };

  /** Starts writing the next batch; undefined when there is nothing to do. */
  private begin(): { finished: Promise<void>; from: number; to: number; synced: boolean } | undefined {
    const parts: Buffer[] = [];
    const from = this.written;
    const to = this.tail.nextBatch(from, this.options.batchBytes, this.options.segmentBytes, parts);
    if (parts.length === 0) {
      if (!this.syncWanted || this.durable === from) return undefined;
      this.syncWanted = false;
      return { finished: this.writer.sync(), from, to: from, synced: true };
    }
    const synced = this.sync || this.syncWanted || to - this.durable > ASYNC_UNSYNCED_BYTES;
    if (synced) this.syncWanted = false;
    this.batches++;
    return { finished: this.writer.write(from, parts, synced), from, to, synced };
  }

  private async failed(cause: unknown, write: { from: number; to: number }): Promise<void> {
    const code = (cause as NodeJS.ErrnoException).code;
    // A write that finds no room has failed cleanly, also one that syncs what it writes: all of that is refused and erased. A
    // sync that finds none has lost pages that were accepted before.
    if ((code === 'ENOSPC' || code === 'EDQUOT') && !(cause instanceof SyncError)) {
      try {
        await this.takeBack(write, cause);
        return;
      } catch (error) {
        cause = error;
      }
    }
    this.fence(
      new MessagingError(
        'STORE_FENCED',
        `Writing the log at offset ${write.from} failed (${String(cause)}). What is on the disk is unknown, so the store accepts nothing more. Check the disk, then restart.`,
        { cause },
      ),
    );
  }

  /** Refuses all that waits after a disk without room, and makes sure that none of it comes back after a crash. */
  private async takeBack(write: { from: number; to: number }, cause: unknown): Promise<void> {
    const error = new MessagingError(
      'DISK_FULL',
      `The disk has no room for the log at offset ${write.from}. Sending goes on by itself once there is room.`,
      { cause },
    );
    this.trouble.full(error);
    await this.writer.erase(write.from, write.to);
    // What was written before is acknowledged, not refused.
    this.release(Number.POSITIVE_INFINITY);
    const refused = this.pending.drain((queue) => queue.takeBackUnwritten());
    this.tail.cut(this.written);
    this.refuse(refused, error);
  }

  private refuse(refused: ((error: MessagingError) => void)[], error: MessagingError): void {
    for (const done of refused) {
      try {
        done(error);
      } catch (thrown) {
        this.logger.error('A callback of a refused message threw.', thrown);
      }
    }
  }

  private nextStep(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Lets those look again who wait for the log to get on. */
  private step(): void {
    if (this.waiting.length === 0) return;
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}
