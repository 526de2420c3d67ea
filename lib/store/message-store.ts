import type { Platform, Timer } from '../platform/index.js';
import { MessagingError, type MessageRecord } from '../protocol/index.js';
import type { DedupWindow } from './dedup/dedup-window.js';
import type { VisibleListener } from './dispatcher.js';
import type { MessageIndex } from './message-index/message-index.js';
import { openStore, type StoreParts } from './open-store.js';
import { resolveStoreOptions } from './options.js';
import type { PutBatchCallback, PutManyCallback } from './put-outcomes.js';
import { Puts } from './puts.js';
import { readFailure } from './read-failure.js';
import { HalfRule } from './retention/half-rule.js';
import { RetentionService, type RetentionStats } from './retention/retention-service.js';
import type { ConsumerProgress } from './state/consumer-progress.js';
import type { GroupTable } from './state/group-table.js';
import type { SettledLetters } from './state/settled-letters.js';
import type { TopicConfig, TopicSettings, TopicTable } from './state/topic-table.js';
import type { HalfIndex } from './transactions/half-index.js';
import { TimerService } from './timers/timer-service.js';
import { indexedLog, withAppend } from './log-faces.js';
import type {
  DispatchTarget,
  LogReader,
  PutCallback,
  PutResult,
  QueueEntry,
  ReadQuery,
  ReadResult,
  StoreHealth,
  StoreMessage,
  StoreMessages,
  StoreOptions,
  StoreState,
} from './types.js';

/** So much appended since the last checkpoint brings the next one before its time: it bounds what a restart reads again. */
const CHECKPOINT_BYTES = 256 * 1024 * 1024;

/** Messages on disk, in queues, with everything that is derived from them. Knows neither network nor consumers. */
export class MessageStore {
  readonly topics: TopicTable;
  readonly groups: GroupTable;
  readonly progress: ConsumerProgress;
  /** Which dead letters are resent or removed. */
  readonly settled: SettledLetters;
  readonly timers: TimerService;
  /** Open transactions. */
  readonly halves: HalfIndex;
  /** The ids that topics with de-duplication remember. */
  readonly dedup: DedupWindow;
  /** Undefined when the store has none. */
  readonly index: MessageIndex | undefined;
  readonly storeId: string;
  readonly format: number;
  readonly path: string;
  /** How acknowledged messages are kept: `sync` loses nothing to a power cut, `async` up to 500 ms. */
  readonly flush: 'sync' | 'async';
  /** True for a new store and for one that was closed in order. */
  readonly cleanStart: boolean;
  private readonly retention: RetentionService;
  private readonly fencedListeners: ((error: MessagingError) => void)[] = [];
  private readonly checkpointTimer: Timer;
  /** Log offset at which a checkpoint was last asked for because of the bytes behind it. */
  private checkpointAt: number;
  private current: StoreState = 'open';
  private readonly puts: Puts;
  private closing: Promise<void> | undefined;

  private constructor(
    private readonly parts: StoreParts,
    timers: TimerService,
    retention: RetentionService,
  ) {
    this.puts = new Puts(parts);
    this.topics = parts.topics;
    this.groups = parts.groups;
    this.progress = parts.progress;
    this.settled = parts.settled;
    this.timers = timers;
    this.halves = parts.halves;
    this.dedup = parts.dedup;
    this.index = parts.index;
    this.retention = retention;
    this.storeId = parts.header.storeId;
    this.format = parts.header.format;
    this.path = parts.paths.root;
    this.flush = parts.options.flush;
    this.cleanStart = parts.cleanStart;
    this.checkpointAt = parts.log.visibleOffset;
    parts.trouble.listener = { fenced: (error) => this.fenced(error), full: (error) => parts.guard.ranOut(error) };
    this.checkpointTimer = parts.platform.clock.every(parts.options.checkpointMillis, () => void this.checkpoint());
    parts.dispatcher.onVisible(() => {
      if (parts.log.visibleOffset - this.checkpointAt <= CHECKPOINT_BYTES) return;
      this.checkpointAt = parts.log.visibleOffset;
      void this.checkpoint();
    });
  }

  /**
   * Opens the store in `options.path`, recovers it and begins to deliver timers. The caller holds the store's lock.
   * @throws MessagingError CONFIGURATION, STORE_NEWER, STORE_DAMAGED.
   */
  static async open(options: StoreOptions, platform: Platform): Promise<MessageStore> {
    const parts = await openStore(resolveStoreOptions(options), platform);
    let store: MessageStore | undefined;
    const put = (message: StoreMessage, done: PutCallback): void => store!.puts.put(message, done);
    // Above the hard limit copies must still be appended, or a full disk with a live timer in it never gets emptier.
    const putAlways = (message: StoreMessage, done: PutCallback): void => store!.puts.put(message, done, true);
    const { access, topics, groups, progress, settled, log, checkpointer } = parts;
    for (const { state } of [parts.timerIndex, parts.halves, parts.dedup]) state.syncLog = () => log.syncNow();
    const timers = new TimerService(parts.timerIndex, withAppend(access, put), topics, platform);
    const queuesTarget: DispatchTarget = {
      name: 'consume queues',
      dispatch: () => undefined,
      get safeOffset() {
        return checkpointer.logOffset;
      },
      flush: () => checkpointer.run(),
    };
    const opening = RetentionService.open(
      parts.options.retention,
      {
        log: withAppend(access, putAlways),
        syncLog: () => log.syncNow(),
        targets: [queuesTarget, parts.halves, parts.dedup],
        topics,
        groups,
        progress,
        settled,
        timers,
        rules: [new HalfRule(parts.halves)],
      },
      parts.forState,
      parts.paths.state,
    );
    const retention = await opening.catch(async (error: unknown) => {
      await parts.letGo();
      throw error;
    });
    store = new MessageStore(parts, timers, retention);
    timers.start();
    retention.start();
    parts.index?.start(indexedLog(access, () => log.syncNow()));
    return store;
  }

  get state(): StoreState {
    return this.current;
  }

  /** Log offset up to which records are visible: synced in `sync` mode, written in `async` mode. */
  get visibleOffset(): number {
    return this.parts.log.visibleOffset;
  }

  get epoch(): number {
    return this.parts.epochs.current;
  }

  /**
   * Creates the topic durably, or returns it as it is. Use it rather than `topics.create`: it finds the log offset that
   * separates the new topic from a deleted one of its name.
   */
  async createTopic(name: string, settings: TopicSettings): Promise<TopicConfig> {
    const existing = this.topics.get(name);
    if (existing !== undefined) return existing;
    if (this.current !== 'open') throw this.puts.refusal!;
    // A crash may take unsynced records back; an offset beyond the recovered end would hide the topic's first messages.
    await this.parts.log.syncNow();
    return this.topics.create(name, settings, this.parts.log.durableOffset);
  }

  /** Appends one message. It is encoded before this returns; `done` comes in log order once the message is visible. */
  put(message: StoreMessage, done: PutCallback): void {
    this.puts.put(message, done);
  }

  /** See Puts: all of them or none, one behind the other in the log. */
  putBatch(messages: StoreMessages, done: PutBatchCallback): void {
    this.puts.putBatch(messages, done);
  }

  /** See Puts: independent messages, each with a result or an error of its own, and one `done` for all of them. */
  putMany(messages: readonly StoreMessage[], done: PutManyCallback): void {
    this.puts.putMany(messages, done);
  }

  putAsync(message: StoreMessage): Promise<PutResult> {
    return new Promise((resolve, reject) => {
      this.puts.put(message, (error, result) => (error === undefined ? resolve(result!) : reject(error)));
    });
  }

  /** Synchronous when the newest part of the log, in memory, has what is asked for. Works while the store is fenced. */
  read(query: ReadQuery): ReadResult | Promise<ReadResult> {
    const result = this.parts.reader.read(this.parts.queues.find(query.topic, query.queueId), query);
    if (!(result instanceof Promise)) return result;
    return result.catch((error: unknown) => {
      throw readFailure(`Queue ${query.queueId} of topic ${query.topic} at ${query.offset}`, error);
    });
  }

  /** @throws MessagingError RECORD_INVALID, OFFSET_OUT_OF_RANGE for offsets that no message begins at. */
  recordAt(physicalOffset: number): Promise<MessageRecord> {
    return this.parts.access.recordAt(physicalOffset).catch((error: unknown) => {
      throw readFailure(`The log at ${physicalOffset}`, error);
    });
  }

  minOffset(topic: string, queueId: number): number {
    return this.parts.access.minOffset(topic, queueId);
  }

  maxOffset(topic: string, queueId: number): number {
    return this.parts.access.maxOffset(topic, queueId);
  }

  /** See LogAccess: `lower` (default) the first message at or after the time, `upper` the last at or before it. */
  offsetByTime(
    topic: string,
    queueId: number,
    timestamp: number,
    boundary: 'lower' | 'upper' = 'lower',
  ): Promise<number> {
    return this.parts.access.offsetByTime(topic, queueId, timestamp, boundary);
  }

  /** Milliseconds since 1970; -1 when the queue does not have the message. */
  storeTimestampAt(topic: string, queueId: number, offset: number): Promise<number> {
    return this.parts.access.storeTimestampAt(topic, queueId, offset);
  }

  /** Entries of a consume queue from an offset on; fewer where it ends. Of what damage has swallowed the size is 0. */
  queueEntries(topic: string, queueId: number, offset: number, count: number): Promise<QueueEntry[]> {
    return this.parts.access.entriesFrom(topic, queueId, offset, count);
  }

  /** The log itself: segments, scans, deletion of the oldest segment. */
  get log(): LogReader {
    return this.parts.access;
  }

  get retentionStats(): RetentionStats {
    return this.retention.stats;
  }

  /** Looks for expired segments now; resolves with how many went. */
  expire(): Promise<number> {
    return this.retention.check();
  }

  /** Called once for every batch that became visible, with the queues that it has made longer. */
  onVisible(listener: VisibleListener): void {
    this.parts.dispatcher.onVisible(listener);
  }

  /** Called once when the disk failed and the store accepts nothing more. */
  onFenced(listener: (error: MessagingError) => void): void {
    this.fencedListeners.push(listener);
  }

  health(): StoreHealth {
    const { log, segments, guard, pool, damage, reader, checkpointer } = this.parts;
    return {
      state: this.current,
      problem: (this.puts.refusal ?? guard.full)?.message,
      storeId: this.storeId,
      epoch: this.epoch,
      cleanStart: this.cleanStart,
      startOffset: segments.startOffset,
      visibleOffset: log.visibleOffset,
      durableOffset: log.durableOffset,
      appendOffset: log.appendOffset,
      checkpointOffset: checkpointer.logOffset,
      waitingRecords: log.waitingRecords,
      segments: segments.all.length,
      createdSegments: segments.created,
      recycledSegments: segments.recycled,
      flushes: segments.flushes.times(),
      tailBytes: log.tail.heldBytes,
      openFiles: pool.size,
      diskUsedRatio: guard.usedRatio,
      diskFull: guard.full !== undefined,
      diskTight: guard.tight,
      damagedRanges: damage.all,
      damagedRecords: reader.damaged,
      checkpointProblem: checkpointer.problem,
    };
  }

  /** Moves the checkpoint now; failures are logged and shown by `health`. */
  async checkpoint(): Promise<void> {
    if (this.current === 'open') await this.parts.checkpointer.background();
  }

  /** Removes now what deleted topics have left. Rejects with the disk's error. */
  async tidy(): Promise<void> {
    if (this.current !== 'open') throw this.puts.refusal!;
    await this.parts.checkpointer.force();
  }

  /** Refuses what comes, waits for what is under way, and leaves a store that needs no recovery. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    const { log, checkpointer, guard, pool, topics, groups, progress, platform } = this.parts;
    this.checkpointTimer.cancel();
    await this.retention.close();
    await this.timers.stop();
    const fenced = this.current === 'fenced';
    this.current = 'closed';
    this.puts.refusal ??= new MessagingError('STORE_CLOSED', `The store ${this.path} is closed.`);
    await this.index?.close();
    try {
      if (!fenced) {
        await log.syncNow();
        await this.timers.close();
        await this.dedup.snapshot();
        await checkpointer.finish();
      }
      await progress.close();
    } catch (error) {
      platform.logger.error(`The store ${this.path} could not be closed in order; the next start recovers it.`, error);
    }
    await guard.close();
    await topics.close();
    await groups.close();
    await this.settled.close();
    await log.close();
    await pool.close();
  }

  private fenced(error: MessagingError): void {
    if (this.current === 'open') this.current = 'fenced';
    this.puts.refusal = error;
    this.parts.platform.logger.error(error.message, error.cause);
    for (const listener of this.fencedListeners) {
      try {
        listener(error);
      } catch (thrown) {
        this.parts.platform.logger.error('A listener for the fenced store threw.', thrown);
      }
    }
  }
}
