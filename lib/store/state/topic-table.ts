import type { Logger, Platform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { JournaledTable } from './journaled-table.js';

/** Bits of `perm`. */
export const PERM_INHERIT = 1;
export const PERM_WRITE = 2;
export const PERM_READ = 4;

/** A bound that keeps a forged queue count from becoming a table of millions of entries. */
export const MAX_QUEUES_PER_TOPIC = 65_536;

export interface TopicSettings {
  readQueueNums: number;
  writeQueueNums: number;
  /** RocketMQ's bits: 4 read, 2 write, 1 inherit. Default 6. */
  perm?: number;
  topicSysFlag?: number;
  order?: boolean;
  /** How many queues keys hash over; frozen when the topic is created. Default: `writeQueueNums` then. */
  orderedQueues?: number;
}

/** How long, and how many, ids of sent messages a topic remembers, so that a second send of one is found out. */
export interface TopicDedup {
  /** Milliseconds. */
  readonly windowMillis: number;
  readonly count: number;
  /** Records in front of this log offset came before it was switched on. */
  readonly since: number;
}

export interface TopicConfig {
  readonly name: string;
  /** Names the topic's directory; never given twice, so what a deleted topic left behind is never read as its successor's. */
  readonly number: number;
  readonly readQueueNums: number;
  readonly writeQueueNums: number;
  readonly perm: number;
  readonly topicSysFlag: number;
  readonly order: boolean;
  readonly orderedQueues: number;
  /** Keys were spread over another number of queues since it was made: whoever sends by the old one is refused. */
  readonly keysSpread?: true;
  /** Absent: sends are not de-duplicated. */
  readonly dedup?: TopicDedup;
  /** Records of this name in front of this log offset belong to a deleted predecessor; 0 when there has been none. */
  readonly createdAt: number;
}

interface Entry {
  topic?: TopicConfig;
  /** What is left of a deleted topic: its highest number and the log offset of its deletion. */
  tombstone?: { number: number; deletedAt: number };
}

/** Reserved: no topic can have this name, `checkTopic` refuses spaces. */
const NUMBERS = ' numbers';

/** The topics of a store. Reading is synchronous and sees only what is durable. */
export class TopicTable {
  private readonly topics = new Map<string, TopicConfig>();
  private readonly byNumber = new Map<number, TopicConfig>();
  private readonly creating = new Map<string, Promise<TopicConfig>>();
  private nextNumber = 1;
  /** Another one whenever anything about a topic has changed. */
  version = 0;
  /** Smallest `since` of the topics that de-duplicate; Infinity while none does. */
  dedupSince = Number.POSITIVE_INFINITY;

  private constructor(private readonly table: JournaledTable<Entry>) {
    for (const entry of table.values()) {
      if (entry.topic !== undefined) this.adopt(entry.topic);
      this.nextNumber = Math.max(this.nextNumber, 1 + (entry.topic?.number ?? 0), 1 + (entry.tombstone?.number ?? 0));
    }
  }

  static async open(platform: Platform, directory: string, logger: Logger = platform.logger): Promise<TopicTable> {
    return new TopicTable(await JournaledTable.open<Entry>(platform.fileSystem, directory, 'topics', logger));
  }

  get size(): number {
    return this.topics.size;
  }

  get(name: string): TopicConfig | undefined {
    return this.topics.get(name);
  }

  /** The topic whose directory has this number; undefined when it has been deleted. */
  ofNumber(number: number): TopicConfig | undefined {
    return this.byNumber.get(number);
  }

  list(): TopicConfig[] {
    return [...this.topics.values()];
  }

  /**
   * Resolves with the topic once it is durable. A topic that exists is returned as it is.
   * @param createdAt the log's end at this moment.
   * @throws MessagingError BAD_ARGUMENT, DISK_FULL, BROKER_ERROR.
   */
  create(name: string, settings: TopicSettings, createdAt: number): Promise<TopicConfig> {
    const existing = this.topics.get(name);
    if (existing !== undefined && this.table.peek(name)?.topic !== undefined) return Promise.resolve(existing);
    const underWay = this.creating.get(name);
    if (underWay !== undefined) return underWay;
    try {
      checkQueues(name, settings.readQueueNums, settings.writeQueueNums);
      if (settings.orderedQueues !== undefined) checkOrdered(name, settings.orderedQueues, settings.writeQueueNums);
      checkPerm(name, settings.perm ?? PERM_READ | PERM_WRITE);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const topic: TopicConfig = {
      name,
      number: this.nextNumber++,
      readQueueNums: settings.readQueueNums,
      writeQueueNums: settings.writeQueueNums,
      perm: settings.perm ?? PERM_READ | PERM_WRITE,
      topicSysFlag: settings.topicSysFlag ?? 0,
      order: settings.order ?? false,
      orderedQueues: settings.orderedQueues ?? settings.writeQueueNums,
      // Without a predecessor no offset is needed to tell the two apart, and none can turn out to lie behind the end of
      // a log that lost its unsynced end: records in front of it would be hidden.
      createdAt: this.table.peek(name)?.tombstone === undefined ? 0 : createdAt,
    };
    const created = this.table.set(name, { topic }).then(
      () => {
        this.creating.delete(name);
        this.adopt(topic);
        return topic;
      },
      (error: unknown) => {
        this.creating.delete(name);
        throw error;
      },
    );
    this.creating.set(name, created);
    return created;
  }

  /**
   * Changes queue counts, permission or flags; the number, the incarnation and `orderedQueues` stay.
   * @throws MessagingError TOPIC_NOT_FOUND, BAD_ARGUMENT, DISK_FULL, BROKER_ERROR.
   */
  async update(name: string, change: Partial<Omit<TopicSettings, 'orderedQueues'>>): Promise<TopicConfig> {
    const before = this.table.peek(name)?.topic;
    if (before === undefined) throw notFound(name);
    const topic: TopicConfig = { ...before, ...withoutUndefined(change) };
    checkQueues(name, topic.readQueueNums, topic.writeQueueNums);
    checkPerm(name, topic.perm);
    return this.replace(topic);
  }

  /**
   * Keys hash over so many queues from now on. Only while nobody sends with keys, and nothing of them waits: order.
   * @throws MessagingError TOPIC_NOT_FOUND, BAD_ARGUMENT, DISK_FULL, BROKER_ERROR.
   */
  async spreadKeys(name: string, orderedQueues: number): Promise<TopicConfig> {
    const before = this.table.peek(name)?.topic;
    if (before === undefined) throw notFound(name);
    checkOrdered(name, orderedQueues, before.writeQueueNums);
    return this.replace({ ...before, orderedQueues, keysSpread: true });
  }

  private async replace(topic: TopicConfig): Promise<TopicConfig> {
    const { name } = topic;
    await this.table.set(name, { topic });
    // Another change may have been staged on top of this one and written with it; the table has the last word.
    const now = this.table.get(name)?.topic;
    if (now !== undefined) this.adopt(now);
    return now ?? topic;
  }

  /**
   * Switches de-duplication on, changes it (what is remembered stays), or switches it off.
   * @param logEnd the log's end at this moment.
   * @throws MessagingError TOPIC_NOT_FOUND, DISK_FULL, BROKER_ERROR.
   */
  async setDedup(name: string, wanted: Omit<TopicDedup, 'since'> | undefined, logEnd: number): Promise<void> {
    const before = this.table.peek(name)?.topic;
    if (before === undefined) throw notFound(name);
    const { dedup, ...rest } = before;
    if (dedup?.windowMillis === wanted?.windowMillis && dedup?.count === wanted?.count) return;
    const topic = wanted === undefined ? rest : { ...rest, dedup: { ...wanted, since: dedup?.since ?? logEnd } };
    await this.table.set(name, { topic });
    const now = this.table.get(name)?.topic;
    if (now !== undefined) this.adopt(now);
  }

  /**
   * Resolves once the deletion is durable. The next topic of this name gets another number and incarnation.
   * @param deletedAt the log's end at this moment.
   * @throws MessagingError TOPIC_NOT_FOUND, DISK_FULL, BROKER_ERROR.
   */
  async delete(name: string, deletedAt: number): Promise<void> {
    const before = this.table.peek(name)?.topic;
    if (before === undefined) throw notFound(name);
    await this.table.set(name, { tombstone: { number: before.number, deletedAt } });
    if (this.topics.get(name)?.number === before.number) this.topics.delete(name);
    this.version++;
    this.byNumber.delete(before.number);
    this.findDedupSince();
  }

  /**
   * After a recovery that lost the end of the log: a topic that was created behind it was created at it, or its next
   * messages would be taken for those of a predecessor (and their ids for older than its de-duplication). Resolves when
   * that is durable.
   */
  async clampTo(logEnd: number): Promise<void> {
    const beyond = this.list().filter(({ createdAt, dedup }) => createdAt > logEnd || (dedup?.since ?? 0) > logEnd);
    await Promise.all(
      beyond.map(async (topic) => {
        const clamped = { ...topic, createdAt: Math.min(topic.createdAt, logEnd) };
        if (clamped.dedup !== undefined)
          clamped.dedup = { ...clamped.dedup, since: Math.min(clamped.dedup.since, logEnd) };
        await this.table.set(topic.name, { topic: clamped });
        this.adopt(clamped);
      }),
    );
  }

  /** Forgets the deleted topics of which the log holds no record any more; the highest number ever given stays known. */
  async forgetBefore(logOffset: number): Promise<void> {
    const gone: string[] = [];
    for (const [name, { tombstone }] of this.table.all()) {
      if (
        tombstone !== undefined &&
        name !== NUMBERS &&
        tombstone.deletedAt <= logOffset &&
        this.table.peek(name)?.tombstone !== undefined
      ) {
        gone.push(name);
      }
    }
    if (gone.length === 0) return;
    const numbers: Entry = { tombstone: { number: this.nextNumber - 1, deletedAt: 0 } };
    await Promise.all([this.table.set(NUMBERS, numbers), ...gone.map((name) => this.table.set(name, undefined))]);
  }

  close(): Promise<void> {
    return this.table.close();
  }

  private adopt(topic: TopicConfig): void {
    const before = this.topics.get(topic.name);
    this.topics.set(topic.name, topic);
    this.version++;
    this.byNumber.set(topic.number, topic);
    if (before?.dedup !== topic.dedup) this.findDedupSince();
  }

  private findDedupSince(): void {
    this.dedupSince = Number.POSITIVE_INFINITY;
    for (const { dedup } of this.topics.values())
      if (dedup !== undefined) this.dedupSince = Math.min(this.dedupSince, dedup.since);
  }
}

function withoutUndefined<T extends object>(change: T): Partial<T> {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function checkQueues(name: string, ...counts: number[]): void {
  for (const count of counts) {
    if (!Number.isInteger(count) || count < 1 || count > MAX_QUEUES_PER_TOPIC) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `Topic ${name}: a queue count must be a whole number from 1 to ${MAX_QUEUES_PER_TOPIC}, not ${count}.`,
      );
    }
  }
}

function checkOrdered(name: string, ordered: number, queues: number): void {
  if (Number.isInteger(ordered) && ordered >= 1 && ordered <= queues) return;
  throw new MessagingError(
    'BAD_ARGUMENT',
    `Topic ${name}: keys can hash over 1 to ${queues} queues, as many as it has, not over ${ordered}.`,
  );
}

function checkPerm(name: string, perm: number): void {
  if (!Number.isInteger(perm) || perm < 0 || perm > 7) {
    throw new MessagingError(
      'BAD_ARGUMENT',
      `Topic ${name}: perm is a sum of 4 (read), 2 (write) and 1 (inherit), not ${perm}.`,
    );
  }
}

function notFound(name: string): MessagingError {
  return new MessagingError(
    'TOPIC_NOT_FOUND',
    `There is no topic ${name} in this store. Create it, or switch on autoCreateTopics.`,
  );
}
