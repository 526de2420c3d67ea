import type { Platform, Timer } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { Coalesced } from './coalesced.js';
import { SnapshotFile } from './snapshot-file.js';
import { MAX_QUEUES_PER_TOPIC } from './topic-table.js';
import { writeFailure } from './write-failure.js';

/** Offsets by queue; a hole is a queue without a stored position. */
type Offsets = (number | undefined)[];

interface Stored {
  /** Topic → its number when the offsets were stored; offsets of a predecessor of the same name are not taken over. */
  numbers: Record<string, number>;
  groups: Record<string, Record<string, (number | null)[]>>;
}

const FLUSH_MILLIS = 1_000;

/**
 * How far each group has got in each queue: the offset of the next message that it has not settled.
 *
 * Commits stay in memory and are written every second when something changed: a crash makes a group see again what it
 * settled in the last second, it never makes it skip. An offset goes down only by `reset` or `clampTo`.
 */
export class ConsumerProgress {
  private readonly groups = new Map<string, Map<string, Offsets>>();
  private readonly file: SnapshotFile;
  private readonly writer = new Coalesced(() => this.write());
  private changes = 0;
  private written = 0;
  private timer: Timer | undefined;
  private failed = false;
  private closed = false;

  private constructor(
    private readonly platform: Platform,
    private readonly directory: string,
    private readonly numberOf: (topic: string) => number | undefined,
  ) {
    this.file = new SnapshotFile(platform.fileSystem, directory, 'progress', platform.logger);
  }

  /** @param numberOf the number of the topic of that name; tells a topic from a deleted predecessor. */
  static async open(
    platform: Platform,
    directory: string,
    numberOf: (topic: string) => number | undefined,
  ): Promise<ConsumerProgress> {
    const progress = new ConsumerProgress(platform, directory, numberOf);
    await progress.load();
    return progress;
  }

  query(group: string, topic: string, queueId: number): number | undefined {
    return this.groups.get(group)?.get(topic)?.[queueId];
  }

  /**
   * Stores the position unless a higher one is stored already; says whether it did.
   * @throws MessagingError BAD_ARGUMENT for an offset or a queue that cannot be.
   */
  commit(group: string, topic: string, queueId: number, offset: number): boolean {
    const known = this.groups.get(group)?.get(topic);
    const before = known?.[queueId];
    if (before !== undefined && offset <= before) return false;
    if (before === undefined) checkQueue(group, topic, queueId);
    checkOffset(group, topic, offset);
    const offsets = known ?? this.create(group, topic);
    this.fill(offsets, queueId);
    offsets[queueId] = offset;
    this.changed();
    return true;
  }

  /**
   * Moves a position wherever it is told to, down as well; undefined takes it away. Only for an explicit order.
   * Durable within a second, or when the promise of a `flush` resolves.
   */
  reset(group: string, topic: string, queueId: number, offset: number | undefined): void {
    checkQueue(group, topic, queueId);
    if (offset !== undefined) checkOffset(group, topic, offset);
    const offsets = this.groups.get(group)?.get(topic) ?? this.create(group, topic);
    this.fill(offsets, queueId);
    offsets[queueId] = offset;
    this.changed();
  }

  /** The groups that have a position in the topic. */
  groupsOf(topic: string): string[] {
    const found: string[] = [];
    for (const [group, topics] of this.groups) if (topics.has(topic)) found.push(group);
    return found;
  }

  /** The topics in which the group has a position. */
  topicsOf(group: string): string[] {
    return [...(this.groups.get(group)?.keys() ?? [])];
  }

  removeGroup(group: string): void {
    if (this.groups.delete(group)) this.changed();
  }

  removeTopic(topic: string): void {
    for (const topics of this.groups.values()) if (topics.delete(topic)) this.changed();
  }

  /**
   * After a recovery that lost the unsynced end of the log: brings positions beyond a queue's end back to it, because
   * new messages will get those offsets, and says so in the log.
   * Nothing may be appended before the promise resolves: a crash would find the old positions again, beyond the end
   * of new messages that nobody has seen.
   * @param end the next offset of the queue; undefined when there is no such topic.
   * @throws MessagingError DISK_FULL, BROKER_ERROR.
   */
  clampTo(end: (topic: string, queueId: number) => number | undefined): Promise<void> {
    let clamped = false;
    for (const [group, topics] of this.groups) {
      for (const [topic, offsets] of topics) {
        for (let queueId = 0; queueId < offsets.length; queueId++) {
          const offset = offsets[queueId];
          if (offset === undefined) continue;
          const limit = end(topic, queueId);
          if (limit === undefined || offset <= limit) continue;
          this.platform.logger.warn(
            `Group ${group}: its position ${offset} in ${topic} queue ${queueId} lies beyond the queue's end after a loss of unsynced messages; it is set back to ${limit}`,
          );
          offsets[queueId] = limit;
          clamped = true;
        }
      }
    }
    if (!clamped) return Promise.resolve();
    this.changed();
    const durable = this.flush();
    // Whoever does not wait for it is told by the log: a failed flush is reported there and tried again.
    durable.catch(() => undefined);
    return durable;
  }

  /** Resolves when all commits made so far are durable. */
  async flush(): Promise<void> {
    if (this.changes !== this.written) await this.writer.run();
  }

  /** The last write: whoever comes later, a retry of this one included, might write into what another process has opened. */
  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    this.timer = undefined;
    await this.flush();
  }

  private create(group: string, topic: string): Offsets {
    let topics = this.groups.get(group);
    if (topics === undefined) this.groups.set(group, (topics = new Map()));
    const offsets: Offsets = [];
    topics.set(topic, offsets);
    return offsets;
  }

  /** Keeps the array dense: a hole at the front would turn it into a hash table. */
  private fill(offsets: Offsets, queueId: number): void {
    while (offsets.length < queueId) offsets.push(undefined);
  }

  private changed(): void {
    this.changes++;
    if (this.timer === undefined && !this.closed) {
      this.timer = this.platform.clock.after(FLUSH_MILLIS, () => {
        this.timer = undefined;
        this.flush().catch(() => undefined);
      });
    }
  }

  private async write(): Promise<void> {
    const until = this.changes;
    if (until === this.written) return;
    try {
      await this.file.write(this.encode());
      this.written = until;
      if (this.failed) this.platform.logger.log('Consumer positions are stored again');
      this.failed = false;
    } catch (error) {
      const failure = writeFailure(`${this.directory}/progress`, error);
      // Once, not every second: the positions stay in memory and the next flush takes them along.
      if (!this.failed) this.platform.logger.error(`Consumer positions cannot be stored: ${failure.message}`, failure);
      this.failed = true;
      this.changed();
      throw failure;
    }
  }

  private encode(): Buffer {
    const stored: Stored = { numbers: {}, groups: {} };
    const numbers = new Map<string, number>();
    const groups: [string, Record<string, (number | null)[]>][] = [];
    for (const [group, topics] of this.groups) {
      const byTopic: [string, (number | null)[]][] = [];
      for (const [topic, offsets] of topics) {
        numbers.set(topic, this.numberOf(topic) ?? 0);
        byTopic.push([topic, offsets as (number | null)[]]);
      }
      groups.push([group, Object.fromEntries(byTopic)]);
    }
    stored.numbers = Object.fromEntries(numbers);
    stored.groups = Object.fromEntries(groups);
    return Buffer.from(JSON.stringify(stored));
  }

  private async load(): Promise<void> {
    const payload = await this.file.load();
    if (payload === undefined) return;
    const stored = JSON.parse(payload.toString()) as Stored;
    for (const [group, topics] of Object.entries(stored.groups)) {
      const byTopic = new Map<string, Offsets>();
      for (const [topic, offsets] of Object.entries(topics)) {
        if (stored.numbers[topic] !== (this.numberOf(topic) ?? 0)) {
          this.platform.logger.log(
            `Group ${group}: its positions in ${topic} belonged to a deleted topic of that name and are dropped`,
          );
          continue;
        }
        byTopic.set(
          topic,
          offsets.map((offset) => offset ?? undefined),
        );
      }
      this.groups.set(group, byTopic);
    }
  }
}

function checkQueue(group: string, topic: string, queueId: number): void {
  if (!Number.isInteger(queueId) || queueId < 0 || queueId >= MAX_QUEUES_PER_TOPIC) {
    throw new MessagingError('BAD_ARGUMENT', `Group ${group}: ${topic} cannot have a queue ${queueId}.`);
  }
}

function checkOffset(group: string, topic: string, offset: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new MessagingError('BAD_ARGUMENT', `Group ${group}: ${offset} is not an offset of a queue of ${topic}.`);
  }
}
