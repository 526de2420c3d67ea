import type { Platform } from '../platform/index.js';
import { MessagingError } from '../protocol/index.js';
import { recordPhysicalOffset, recordStoreTimestamp } from '../protocol/index.js';
import { readCheckpoint } from './checkpoint.js';
import { Checkpointer } from './checkpointer.js';
import { ColdReader } from './commitlog/cold-reader.js';
import { ASYNC_UNSYNCED_BYTES, CommitLog, type LogTrouble } from './commitlog/commit-log.js';
import { Segment, Segments } from './commitlog/segments.js';
import { LogTail } from './commitlog/tail.js';
import { DedupWindow } from './dedup/dedup-window.js';
import { DiskGuard } from './disk-guard.js';
import { Dispatcher } from './dispatcher.js';
import { HandlePool } from './handle-pool.js';
import { LogAccess } from './log-access.js';
import type { ResolvedStoreOptions } from './options.js';
import { offsetOfFileName, StorePaths } from './paths.js';
import { ENTRY_BYTES } from './queue/queue-files.js';
import { QueueReader } from './queue/queue-reader.js';
import { QueueTable } from './queue/queue-table.js';
import { DamageList } from './recovery/damage.js';
import { Recovery } from './recovery/recover.js';
import { ConsumerProgress } from './state/consumer-progress.js';
import { EpochLog } from './state/epoch-log.js';
import { GroupTable } from './state/group-table.js';
import { QueueBounds } from './state/queue-bounds.js';
import { Reserve } from './state/reserve.js';
import { SnapshotFile } from './state/snapshot-file.js';
import { SettledLetters } from './state/settled-letters.js';
import { TopicTable } from './state/topic-table.js';
import { isDiskFull, writeFailure } from './state/write-failure.js';
import { MessageIndex } from './message-index/message-index.js';
import { openStoreHeader, type StoreHeader } from './store-header.js';
import { TimerIndex } from './timers/timer-index.js';
import { HalfIndex } from './transactions/half-index.js';

/** Files open at a time for queues and for reading the older log; the log's own newest segment is not among them. */
const OPEN_FILES = 256;

/** Everything a store is made of, recovered and ready to be appended to. */
export interface StoreParts {
  readonly platform: Platform;
  /** The same, with a file system that finds the reserve's room on a full disk. */
  readonly forState: Platform;
  readonly options: ResolvedStoreOptions;
  readonly header: StoreHeader;
  readonly paths: StorePaths;
  readonly pool: HandlePool;
  readonly segments: Segments;
  readonly dispatcher: Dispatcher;
  readonly log: CommitLog;
  readonly queues: QueueTable;
  readonly reader: QueueReader;
  readonly access: LogAccess;
  readonly checkpointer: Checkpointer;
  readonly guard: DiskGuard;
  readonly damage: DamageList;
  readonly topics: TopicTable;
  readonly groups: GroupTable;
  readonly progress: ConsumerProgress;
  readonly settled: SettledLetters;
  readonly timerIndex: TimerIndex;
  readonly halves: HalfIndex;
  readonly dedup: DedupWindow;
  readonly index: MessageIndex | undefined;
  readonly epochs: EpochLog;
  readonly cleanStart: boolean;
  /** Where the log tells its trouble to once the store listens. */
  readonly trouble: { listener: LogTrouble | undefined };
  /** Closes all that is open without writing anything: for a start that fails further up. */
  letGo(): Promise<void>;
}

/**
 * Opens what is on the disk and recovers it.
 * @throws MessagingError STORE_NEWER, STORE_DAMAGED, DISK_FULL when not even what is there can be brought in order.
 */
export async function openStore(options: ResolvedStoreOptions, platform: Platform): Promise<StoreParts> {
  const undo: (() => Promise<unknown>)[] = [];
  const letGo = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse())
      await step().catch((cause: unknown) =>
        platform.logger.error(`A store that could not be opened did not let go of ${options.path}`, cause),
      );
  };
  try {
    return { ...(await open(options, platform, undo)), letGo };
  } catch (error) {
    await letGo();
    throw isDiskFull(error) ? writeFailure(options.path, error) : error;
  }
}

/** What it opens it notes in `undo`, for the case that something later fails. */
async function open(
  options: ResolvedStoreOptions,
  platform: Platform,
  undo: (() => Promise<unknown>)[],
): Promise<Omit<StoreParts, 'letGo'>> {
  const { fileSystem, logger } = platform;
  const paths = new StorePaths(options.path);
  await fileSystem.makeDirectory(paths.root);
  const header = await openStoreHeader(platform, paths.root, options.segmentBytes);
  for (const directory of [paths.log, paths.queues, paths.state]) await fileSystem.makeDirectory(directory);

  const reserve = await Reserve.open(fileSystem, paths.reserve, options.reserveBytes, logger);
  // All but the log goes on when messages are refused for want of room.
  const forState: Platform = { ...platform, fileSystem: reserve.fileSystem };
  const topics = await TopicTable.open(forState, paths.state);
  undo.push(() => topics.close());
  const groups = await GroupTable.open(forState, paths.state);
  undo.push(() => groups.close());
  const progress = await ConsumerProgress.open(forState, paths.state, (topic) => topics.get(topic)?.number);
  const settled = await SettledLetters.open(forState, paths.state, (number) => topics.ofNumber(number) !== undefined);
  undo.push(() => settled.close());
  const bounds = await QueueBounds.open(forState, paths.state);
  const epochs = await EpochLog.open(forState, paths.state);
  const damage = await DamageList.open(forState, paths);
  const timerIndex = await TimerIndex.open(forState, paths.state, header.segmentBytes);
  const halves = await HalfIndex.open(forState, paths.state);
  const dedup = await DedupWindow.open(forState, paths.state, topics, options.dedupMemoryBytes, header.segmentBytes);

  const pool = new HandlePool(reserve.fileSystem, OPEN_FILES);
  undo.push(() => pool.close());
  const list = await listSegments(platform, paths, header.segmentBytes, bounds.logMinOffset);
  const segments = new Segments(platform, paths, pool, header.segmentBytes, list);
  undo.push(() => segments.close());
  const dispatcher = new Dispatcher(segments, logger);
  dispatcher.add(timerIndex);
  dispatcher.add(halves);
  dispatcher.add(dedup);
  const index = options.index ? new MessageIndex(platform, pool, paths.index, topics) : undefined;
  if (index !== undefined) dispatcher.add(index);
  const queues = new QueueTable(reserve.fileSystem, pool, paths, topics, {
    fileEntries: options.consumeQueueFileEntries,
    queuesPerFlush: options.queuesPerCheckpoint,
    fileCost: options.fileCostEntries,
    keptEntries: Math.floor(options.keptEntryBytes / ENTRY_BYTES),
  });

  const checkpointFile = new SnapshotFile(reserve.fileSystem, paths.root, 'checkpoint', logger);
  const checkpoint = await readCheckpoint(checkpointFile, logger);
  const unsynced = options.flush === 'sync' ? options.batchBytes : ASYNC_UNSYNCED_BYTES + options.batchBytes;
  const recovery = new Recovery({
    platform,
    paths,
    pool,
    segments,
    queues,
    topics,
    bounds,
    dispatcher,
    damage,
    acceptDamage: options.acceptDamage,
    unsyncedBytes: unsynced,
  });
  const { endOffset, clean, unsyncedBytes, replayed } = await recovery.run(checkpoint);
  const fresh = list.length === 0;
  await segments.open(endOffset);
  const limits = {
    softRatio: options.diskSoftRatio,
    hardRatio: options.diskHardRatio,
    neededBytes: 2 * options.batchBytes,
  };
  const guard = new DiskGuard(platform, paths.root, limits, reserve);
  undo.push(() => guard.close());
  if (!clean && !fresh) {
    // What was read back may lie in the page cache only, and behind it may lie pieces of a batch that never counted.
    await segments.erase(endOffset, endOffset + Math.max(unsyncedBytes, options.batchBytes));
    // Durable before anything is appended: another crash would find positions behind messages that came after them.
    await guard.first('what was set back with the lost end of the log', async () => {
      await Promise.all([
        topics.clampTo(endOffset),
        groups.clampTo(endOffset),
        progress.clampTo((topic, queueId) =>
          topics.get(topic) === undefined ? undefined : (queues.find(topic, queueId)?.maxOffset ?? 0),
        ),
        settled.clampTo((number, queueId) => {
          const topic = topics.ofNumber(number);
          return topic === undefined ? 0 : (queues.find(topic.name, queueId)?.maxOffset ?? 0);
        }),
      ]);
      // At a second try nothing is left to be set back in memory.
      await progress.flush();
    });
    logger.log(`Recovered ${paths.root} after a crash: ${replayed} messages read again, the log ends at ${endOffset}.`);
  }
  if ((!clean && !fresh) || epochs.current === 0)
    await guard.first('the new epoch', () => epochs.begin(endOffset, segments.startOffset));
  await readFirstTimestamps(segments, pool, paths);

  const tailChunk = Math.min(options.batchBytes, header.segmentBytes);
  const tail = new LogTail(tailChunk, options.tailBytes, endOffset);
  const trouble: StoreParts['trouble'] = { listener: undefined };
  const log = new CommitLog(
    {
      segmentBytes: header.segmentBytes,
      batchBytes: options.batchBytes,
      flush: options.flush,
      storeHost: options.storeHost,
    },
    platform.clock,
    logger,
    segments,
    tail,
    dispatcher,
    { fenced: (error) => trouble.listener?.fenced(error), full: (error) => trouble.listener?.full(error) },
  );
  undo.push(() => log.close());
  const cold = new ColdReader(pool, paths, header.segmentBytes, () => log.writtenOffset);
  const reader = new QueueReader(tail, cold, () => segments.startOffset, logger);
  const checkpointer = new Checkpointer(checkpointFile, log, queues, dispatcher, unsynced, logger);
  const access = new LogAccess({
    log,
    segments,
    cold,
    pool,
    paths,
    queues,
    topics,
    bounds,
    damage,
    checkpointTo: async (logOffset) => {
      if (checkpointer.logOffset < logOffset) await checkpointer.run();
    },
  });
  // From here on an end without the clean mark is a crash; before it, nothing may be appended.
  await guard.first('the checkpoint', () => checkpointer.begin());
  await guard.check();
  return {
    platform,
    forState,
    options,
    header,
    paths,
    pool,
    segments,
    dispatcher,
    log,
    queues,
    reader,
    access,
    checkpointer,
    guard,
    damage,
    topics,
    groups,
    progress,
    settled,
    timerIndex,
    halves,
    dedup,
    index,
    epochs,
    cleanStart: clean || fresh,
    trouble,
  };
}

/** The files of the log, oldest first, after a deletion that a crash had interrupted was brought to its end. */
async function listSegments(
  { fileSystem, logger }: Platform,
  paths: StorePaths,
  segmentBytes: number,
  logMinOffset: number,
): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const name of await fileSystem.list(paths.log)) {
    const base = offsetOfFileName(name);
    if (base === undefined) continue;
    if (base + segmentBytes <= logMinOffset) {
      logger.log(`Removing the expired segment ${name} of ${paths.log}.`);
      await fileSystem.remove(`${paths.log}/${name}`);
      continue;
    }
    const expected = segments.length === 0 ? base - (base % segmentBytes) : segments.at(-1)!.base + segmentBytes;
    if (base !== expected)
      throw new MessagingError(
        'STORE_DAMAGED',
        `In ${paths.log} the segment for offset ${expected} is missing; the next one there is ${name}. Restore the file from a backup.`,
      );
    segments.push(new Segment(base));
  }
  const first = segments[0]?.base ?? logMinOffset;
  if (first > logMinOffset)
    throw new MessagingError(
      'STORE_DAMAGED',
      `In ${paths.log} the segment for offset ${logMinOffset} is missing; the log begins at ${first}. Restore the file from a backup.`,
    );
  return segments;
}

/** Ages of segments that recovery had no need to read. */
async function readFirstTimestamps(segments: Segments, pool: HandlePool, paths: StorePaths): Promise<void> {
  const fields = Buffer.alloc(128);
  for (const segment of segments.all) {
    if (segment.firstStoreTimestamp >= 0) continue;
    const read = await pool.use(paths.segment(segment.base), 'read', (file) => file.read(fields, 0));
    if (read < fields.length || recordPhysicalOffset(fields, 0) !== segment.base) continue;
    // An empty first segment is all zeros and "names" offset 0 as well.
    if (fields.readUInt32BE(0) > 0) segment.firstStoreTimestamp = recordStoreTimestamp(fields, 0);
  }
}
