import type { Logger, Platform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { JournaledTable } from './journaled-table.js';

export interface GroupSettings {
  /** Attempts before a message becomes a dead letter. Default 16. */
  retryMaxTimes?: number;
  /** Queues of the group's retry topic. Default 1. */
  retryQueueNums?: number;
  /** Whether members get messages. Default true. */
  consumeEnable?: boolean;
  /** Whether members may consume as broadcast groups do. Default true. */
  consumeBroadcastEnable?: boolean;
  /** Whether members are told at once when others come and go. Default true. */
  notifyMembers?: boolean;
  /** Kept for RocketMQ's tools, which show it; it means nothing. Default true. */
  consumeFromMinEnable?: boolean;
  /** Topics that the group may not read for now. Default: none. */
  forbidden?: readonly string[];
  /** Every consumer reads everything and keeps its positions itself. Default false. */
  broadcast?: boolean;
}

export interface GroupConfig {
  readonly name: string;
  readonly retryMaxTimes: number;
  readonly retryQueueNums: number;
  readonly consumeEnable: boolean;
  readonly consumeBroadcastEnable: boolean;
  /** These three are absent in groups that nobody has given them, and then mean the default. */
  readonly notifyMembers?: boolean;
  readonly consumeFromMinEnable?: boolean;
  readonly forbidden?: readonly string[];
  readonly broadcast: boolean;
  /** Topic → the log's end when the group first subscribed to it: queues born later are read from 0. */
  readonly topics: Readonly<Record<string, number>>;
}

export interface GroupActivity {
  /** Wall time of the last sign of life; never when the group has not been seen. */
  lastSeen: number;
  online: boolean;
}

interface Entry extends GroupConfig {
  readonly lastSeen: number;
}

/** How stale the stored `lastSeen` may become; retention counts in days. */
const LAST_SEEN_MILLIS = 3_600_000;

const DEFAULTS = {
  retryMaxTimes: 16,
  retryQueueNums: 1,
  consumeEnable: true,
  consumeBroadcastEnable: true,
  broadcast: false,
} as const;

/** The consumer groups of a store. Reading is synchronous and sees only what is durable. */
export class GroupTable {
  private readonly activity = new Map<string, GroupActivity>();

  private constructor(
    private readonly table: JournaledTable<Entry>,
    private readonly platform: Platform,
  ) {
    for (const { name, lastSeen } of table.values()) this.activity.set(name, { lastSeen, online: false });
  }

  static async open(platform: Platform, directory: string, logger: Logger = platform.logger): Promise<GroupTable> {
    return new GroupTable(await JournaledTable.open<Entry>(platform.fileSystem, directory, 'groups', logger), platform);
  }

  get size(): number {
    return this.table.size;
  }

  get(name: string): GroupConfig | undefined {
    return this.table.get(name);
  }

  list(): GroupConfig[] {
    return [...this.table.values()];
  }

  /** The log's end when the group first subscribed to the topic; undefined when it never has. */
  registeredAt(name: string, topic: string): number | undefined {
    const topics = this.table.get(name)?.topics;
    return topics !== undefined && Object.hasOwn(topics, topic) ? topics[topic] : undefined;
  }

  /**
   * Resolves with the group, registered for the topics, once that is durable; writes nothing when it already was.
   * Settings apply to a group that is created by this call; change them later with `update`.
   * @param logOffset the log's end at this moment; recorded for topics that are new to the group.
   * @throws MessagingError BAD_ARGUMENT, DISK_FULL, BROKER_ERROR.
   */
  async ensure(
    name: string,
    topics: readonly string[],
    logOffset: number,
    settings: GroupSettings = {},
  ): Promise<GroupConfig> {
    const before = this.table.peek(name);
    const missing = topics.filter((topic) => before === undefined || !Object.hasOwn(before.topics, topic));
    this.touch(name);
    if (before !== undefined && missing.length === 0) {
      // Registered, but perhaps by a call whose write is still under way: that one has to be durable for us as well.
      if (this.table.get(name) !== before) await this.table.settle();
      return this.table.get(name) ?? before;
    }
    const registered: Record<string, number> = { ...before?.topics };
    for (const topic of missing) registered[topic] = logOffset;
    const entry: Entry = checked({
      ...(before ?? { ...DEFAULTS, ...settings, name }),
      topics: registered,
      lastSeen: this.platform.clock.now(),
    });
    await this.table.set(name, entry);
    return this.table.get(name) ?? entry;
  }

  /** @throws MessagingError GROUP_NOT_FOUND, BAD_ARGUMENT, DISK_FULL, BROKER_ERROR. */
  async update(name: string, settings: GroupSettings): Promise<GroupConfig> {
    const before = this.table.peek(name);
    if (before === undefined)
      throw new MessagingError('GROUP_NOT_FOUND', `There is no consumer group ${name} in this store.`);
    const entry = checked({ ...before, ...settings });
    await this.table.set(name, entry);
    return this.table.get(name) ?? entry;
  }

  /** Resolves once durable; an unknown group is no error. */
  async delete(name: string): Promise<void> {
    if (this.table.peek(name) !== undefined) await this.table.set(name, undefined);
    this.activity.delete(name);
  }

  /** Takes back the registrations for a deleted topic, so that a successor of that name is new to every group. */
  async forgetTopic(topic: string): Promise<void> {
    const writes: Promise<void>[] = [];
    for (const name of [...this.table.all()].map(([key]) => key)) {
      const entry = this.table.peek(name);
      if (entry === undefined || !Object.hasOwn(entry.topics, topic)) continue;
      const topics = { ...entry.topics };
      delete topics[topic];
      writes.push(this.table.set(name, { ...entry, topics }));
    }
    await Promise.all(writes);
  }

  /** After a recovery that lost the end of the log: no registration may lie behind it. Resolves when that is durable. */
  async clampTo(logEnd: number): Promise<void> {
    const writes: Promise<void>[] = [];
    for (const entry of this.table.values()) {
      const beyond = Object.values(entry.topics).some((offset) => offset > logEnd);
      if (!beyond) continue;
      const topics = Object.fromEntries(
        Object.entries(entry.topics).map(([topic, at]) => [topic, Math.min(at, logEnd)]),
      );
      writes.push(this.table.set(entry.name, { ...entry, topics }));
    }
    await Promise.all(writes);
  }

  /** A sign of life, from the heartbeat. Durable within the hour of the next sign, or at `close`. */
  touch(name: string, online?: boolean): void {
    const now = this.platform.clock.now();
    const activity = this.activity.get(name);
    if (activity === undefined) {
      this.activity.set(name, { lastSeen: now, online: online ?? false });
      return;
    }
    activity.lastSeen = now;
    if (online !== undefined) activity.online = online;
    const stored = this.table.peek(name);
    if (stored !== undefined && Math.abs(now - stored.lastSeen) >= LAST_SEEN_MILLIS) this.storeLastSeen(stored, now);
  }

  activityOf(name: string): Readonly<GroupActivity> | undefined {
    return this.activity.get(name);
  }

  async close(): Promise<void> {
    for (const entry of [...this.table.values()]) {
      const seen = this.activity.get(entry.name)?.lastSeen ?? 0;
      if (seen !== entry.lastSeen) this.storeLastSeen(entry, seen);
    }
    await this.table.close();
  }

  private storeLastSeen(entry: Entry, lastSeen: number): void {
    this.table.set(entry.name, { ...entry, lastSeen }).catch((error: unknown) => {
      this.platform.logger.warn(
        `The last sign of life of group ${entry.name} could not be stored: ${(error as Error).message}`,
      );
    });
  }
}

function checked(entry: Entry): Entry {
  for (const field of ['retryMaxTimes', 'retryQueueNums'] as const) {
    const value = entry[field];
    if (!Number.isInteger(value) || value < -1 || value > 65_535) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `Group ${entry.name}: ${field} must be a whole number from -1 to 65535, not ${value}.`,
      );
    }
  }
  return entry;
}
