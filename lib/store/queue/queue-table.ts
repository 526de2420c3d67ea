import type { FileSystem } from '../../platform/index.js';
import type { HandlePool } from '../handle-pool.js';
import type { StorePaths } from '../paths.js';
import type { TopicConfig, TopicTable } from '../state/topic-table.js';
import { ConsumeQueue } from './consume-queue.js';
import { QueueFiles } from './queue-files.js';

interface TopicQueues {
  readonly name: string;
  readonly number: number;
  readonly createdAt: number;
  readonly queues: (ConsumeQueue | undefined)[];
  /** Generation of the topics in which these were found to be those of the name. */
  seenIn: number;
}

export interface QueueLimits {
  /** Entries of one file. */
  readonly fileEntries: number;
  readonly queuesPerFlush: number;
  /**
   * As many entries as can be kept in the time that a file takes to be opened, written and synced (0.1 ms, 0.4 for the first one of a
   * queue; an entry 20 ns with what the disk takes for it).
   */
  readonly fileCost: number;
  /** Entries that may be left out of the files when they are flushed. */
  readonly keptEntries: number;
}

/** Queues flushed at a time during a checkpoint, each at most one write and one sync. */
const FLUSHED_AT_A_TIME = 2;
/**
 * Share of the queues whose files are written when there are as many entries in memory as there may be, less when there
 * are fewer, or when few have come since the last time. Else ten thousand queues that fill evenly would all wait until
 * there is no room, and then be written at once.
 */
const MOST_SHARE = 1 / 4;
/** At a start, each a listing, a size and perhaps a cut: there may be tens of thousands. */
const LOOKED_AT_A_TIME = 16;

/** All consume queues of a store. A queue exists from its first message on. */
export class QueueTable {
  private readonly topics = new Map<string, TopicQueues>();
  /** The same by the numbers of their topics, for those who know it. */
  private readonly byNumber: (TopicQueues | undefined)[] = [];
  /** Numbers of topics that exist no longer and whose files may: the next flush removes them. */
  private readonly gone = new Set<number>();
  /** Entries that the last flush has left in memory only. */
  private keptBefore = 0;

  constructor(
    private readonly fileSystem: FileSystem,
    private readonly pool: HandlePool,
    private readonly paths: StorePaths,
    private readonly table: TopicTable,
    private readonly limits: QueueLimits,
  ) {}

  find(topic: string, queueId: number): ConsumeQueue | undefined {
    return this.current(topic)?.queues[queueId];
  }

  /**
   * The queue, created when it has never had a message; undefined when there is no such topic or queue number.
   * @param number of the topic, if it is at hand; a wrong one does no harm.
   */
  forAppend(topic: string, queueId: number, number?: number): ConsumeQueue | undefined {
    const queue = (this.numbered(topic, number) ?? this.current(topic))?.queues[queueId];
    if (queue !== undefined) return queue;
    const config = this.table.get(topic);
    if (config === undefined || !Number.isInteger(queueId) || queueId < 0) return undefined;
    if (queueId >= Math.max(config.readQueueNums, config.writeQueueNums)) return undefined;
    return this.restore(config, queueId, 0, 0);
  }

  /** The queue of a record that recovery found; undefined when the record belongs to a topic that has been deleted since. */
  forReplay(topic: string, queueId: number, physicalOffset: number): ConsumeQueue | undefined {
    const known = this.topics.get(topic);
    const config = known === undefined ? this.table.get(topic) : undefined;
    const createdAt = known?.createdAt ?? config?.createdAt;
    if (createdAt === undefined || physicalOffset < createdAt) return undefined;
    return known?.queues[queueId] ?? this.restore(this.table.get(topic)!, queueId, 0, 0);
  }

  /** Puts a queue in place whose ends are known. */
  restore(config: TopicConfig, queueId: number, minOffset: number, nextOffset: number): ConsumeQueue {
    const known = this.adopt(config);
    const files = new QueueFiles(
      this.fileSystem,
      this.pool,
      this.paths.queue(config.number, queueId),
      this.limits.fileEntries,
    );
    const queue = new ConsumeQueue(config.name, config.number, queueId, files, minOffset, nextOffset);
    known.queues[queueId] = queue;
    return queue;
  }

  *all(): IterableIterator<ConsumeQueue> {
    for (const { queues } of this.topics.values()) for (const queue of queues) if (queue !== undefined) yield queue;
  }

  /**
   * Writes and syncs the files of up to `queues` queues that have entries only in memory, if there are more then of those for
   * which it is worth it, and of further ones while the entries are too many. Most entries come first: what a sync of a file costs
   * is then shared by most. Those of the other queues stay in memory, and the checkpoint has to keep them. Memory forgets what is
   * in files, but for records from `tailStart` on.
   */
  async flush(tailStart: number, queues = this.limits.queuesPerFlush): Promise<void> {
    await this.dropDeleted();
    const chosen = this.fullest(queues);
    const flushSome = async (): Promise<void> => {
      for (let queue = chosen.pop(); queue !== undefined; queue = chosen.pop()) {
        await queue.flush();
      }
    };
    await Promise.all(Array.from({ length: FLUSHED_AT_A_TIME }, flushSome));
    for (const queue of this.all()) queue.evict(tailStart);
  }

  private fullest(queues: number): ConsumeQueue[] {
    const unflushed: ConsumeQueue[] = [];
    let entries = 0;
    for (const queue of this.all()) {
      if (queue.unflushed === 0) continue;
      unflushed.push(queue);
      entries += queue.unflushed;
    }
    const { keptEntries, fileCost } = this.limits;
    const fullness = Math.min(1, entries / Math.max(1, keptEntries));
    const arrived = Math.max(0, entries - this.keptBefore);
    // With no room left as many entries go as have come; well before that next to none, as a file is the cheaper the
    // more go into it at once.
    const share = fullness ** 4 * Math.min(MOST_SHARE, arrived / Math.max(1, keptEntries));
    const least = Math.floor(unflushed.length * share);
    this.keptBefore = 0;
    if (unflushed.length <= Math.max(queues, least)) return unflushed;
    unflushed.sort((one, other) => other.unflushed - one.unflushed);
    // A queue that gets n entries from one checkpoint to the next costs least with a write whenever it has so many: what they
    // cost in all checkpoints until then is what the file costs. When nothing comes any more the files catch up.
    const worth = Math.sqrt((2 * fileCost * arrived) / unflushed.length);
    const wanted = (count: number): boolean =>
      count < least || entries > keptEntries || (count < queues && unflushed[count]!.unflushed >= worth);
    let count = 0;
    for (; wanted(count); count++) entries -= unflushed[count]!.unflushed;
    this.keptBefore = entries;
    return unflushed.slice(0, count);
  }

  /** Removes the files of topics that no longer exist. */
  async removeDeleted(): Promise<void> {
    for (const name of await this.fileSystem.list(this.paths.queues)) {
      const number = Number(name);
      if (!Number.isInteger(number) || this.table.ofNumber(number) !== undefined) continue;
      await this.removeTopic(number);
    }
  }

  /**
   * A queue whose files lack entries that they are taken to have; undefined when there is none. With `cut`, entries that
   * they have beyond those go first.
   */
  async firstShort(cut: boolean): Promise<ConsumeQueue | undefined> {
    const open = [...this.all()];
    let short: ConsumeQueue | undefined;
    const look = async (): Promise<void> => {
      for (let queue = open.pop(); queue !== undefined && short === undefined; queue = open.pop()) {
        if (cut) await queue.cutFiles();
        if (!(await queue.complete())) short = queue;
      }
    };
    await Promise.all(Array.from({ length: LOOKED_AT_A_TIME }, look));
    return short;
  }

  async removeAll(): Promise<void> {
    this.topics.clear();
    this.byNumber.length = 0;
    for (const name of await this.fileSystem.list(this.paths.queues))
      if (Number.isInteger(Number(name))) await this.removeTopic(Number(name));
  }

  private async removeTopic(number: number): Promise<void> {
    const directory = `${this.paths.queues}/${number}`;
    for (const queueId of await this.fileSystem.list(directory)) {
      const path = this.paths.queue(number, Number(queueId));
      await new QueueFiles(this.fileSystem, this.pool, path, this.limits.fileEntries).removeAll();
    }
    await this.fileSystem.removeDirectory(directory);
    await this.fileSystem.syncDirectory(this.paths.queues);
  }

  /** Lets the queues of topics go that were deleted, or created anew, since the last call. */
  private async dropDeleted(): Promise<void> {
    for (const [topic, known] of this.topics) {
      if (this.table.get(topic)?.number === known.number) continue;
      this.forget(known);
    }
    for (const number of this.gone) {
      await this.removeTopic(number);
      this.gone.delete(number);
    }
  }

  private forget({ name, number }: TopicQueues): void {
    this.topics.delete(name);
    this.byNumber[number] = undefined;
    this.gone.add(number);
  }

  /**
   * Undefined also where the name has to be asked. With ten thousand topics a look-up by name misses the processor's caches
   * four times and more: 0.25 us, for every message.
   */
  private numbered(topic: string, number: number | undefined): TopicQueues | undefined {
    const known = number === undefined ? undefined : this.byNumber[number];
    return known !== undefined && known.seenIn === this.table.version && known.name === topic ? known : undefined;
  }

  /** A topic that was deleted, or deleted and created anew, has none of its former queues. */
  private current(topic: string): TopicQueues | undefined {
    const known = this.topics.get(topic);
    if (known === undefined) return undefined;
    // With ten thousand topics each look-up misses the processor's caches, and this one is for every message.
    const { version } = this.table;
    if (known.seenIn === version) return known;
    if (this.table.get(topic)?.number !== known.number) return undefined;
    known.seenIn = version;
    return known;
  }

  private adopt(config: TopicConfig): TopicQueues {
    let known = this.topics.get(config.name);
    if (known === undefined || known.number !== config.number) {
      // Deleted and created anew since the last flush: its files would lie there until the next start.
      if (known !== undefined) this.forget(known);
      const { name, number, createdAt } = config;
      known = { name, number, createdAt, queues: [], seenIn: -1 };
      this.topics.set(name, known);
      this.byNumber[number] = known;
    }
    return known;
  }
}
