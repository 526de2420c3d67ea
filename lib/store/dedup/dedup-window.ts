import type { Platform } from '../../platform/index.js';
import {
  ExtensionProperty,
  getProperty,
  LIMITS,
  PropertyName,
  SCHEDULE_TOPIC,
  TIMER_TOPIC,
} from '../../protocol/index.js';
import { DerivedState } from '../state/derived-state.js';
import type { TopicConfig, TopicTable } from '../state/topic-table.js';
import type { DispatchEntry, DispatchTarget } from '../types.js';
import { type DedupPlace, IdTable } from './id-table.js';
import { seededHash } from './seeded-hash.js';

/*
 * The snapshot, little-endian:
 *
 *   0            8          16
 *   +------------+----------+----------------------------------------------------------+
 *   | safeOffset | topics n | topic number f64, bytes b f64, entries (b bytes)   (each) |
 *   +------------+----------+----------------------------------------------------------+
 */
const HEADER = 16;
const TOPIC_HEADER = 16;
/** Up to here every checkpoint may write one; bigger ones wait for a segment of growth. */
const SMALL_BYTES = 160 * 1024;

/** What has any of these was not sent by a client for the first time: it is stored once more, and passes. */
const AGAIN: readonly string[] = [
  ExtensionProperty.TIMER_SOURCE,
  ExtensionProperty.TRANSACTION_SOURCE,
  ExtensionProperty.COPIED_FROM,
  ExtensionProperty.RESENT,
  ExtensionProperty.REPLAYED,
];

export interface DedupStats {
  /** Ids that are remembered. */
  readonly ids: number;
  /** Memory that they take, at the most. */
  readonly bytes: number;
  /** Ids that the bound on memory took away although their window was still open. */
  readonly evicted: number;
}

/**
 * The ids that the topics with de-duplication remember: a pure function of the log up to a point, of the topics'
 * settings and of the bound on memory.
 *
 * - A record with NESTMQ_DEDUP_ID in such a topic is the first with its id, or the first after its window has closed.
 * - So is a parked one whose REAL_TOPIC is such a topic: the send is what counts, not the delivery.
 */
export class DedupWindow implements DispatchTarget {
  readonly name = 'de-duplication';
  readonly state: DerivedState;

  private readonly tables = new Map<number, IdTable>();
  private readonly hash: (bytes: Buffer, length: number) => number;
  /** Of all tables together. */
  private bytes = 0;
  private evicted = 0;

  private constructor(
    private readonly platform: Platform,
    directory: string,
    private readonly topics: TopicTable,
    private readonly memoryBytes: number,
    private readonly segmentBytes: number,
    hash?: (bytes: Buffer, length: number) => number,
  ) {
    this.hash = hash ?? seededHash(platform.random.below(0x7fff_ffff));
    this.state = new DerivedState(platform, directory, {
      file: 'deduplication',
      what: 'The ids for de-duplication',
      encode: (until) => this.encode(until),
      restore: (payload) => this.restore(payload),
    });
  }

  /**
   * Restores the snapshot; the records from `safeOffset` on have to be dispatched to it then.
   * @param hash For tests that want ids to meet.
   */
  static async open(
    platform: Platform,
    directory: string,
    topics: TopicTable,
    memoryBytes: number,
    segmentBytes: number,
    hash?: (bytes: Buffer, length: number) => number,
  ): Promise<DedupWindow> {
    const window = new DedupWindow(platform, directory, topics, memoryBytes, segmentBytes, hash);
    await window.state.load();
    return window;
  }

  /** Infinity while no topic de-duplicates: nothing in the log matters to it, and no snapshot is ever written. */
  get safeOffset(): number {
    return Math.max(this.topics.dedupSince, this.state.safeOffset);
  }

  get stats(): DedupStats {
    let ids = 0;
    for (const table of this.tables.values()) ids += table.size;
    return { ids, bytes: this.bytes, evicted: this.evicted };
  }

  /** The message with this id, if it was sent within the topic's window. */
  find({ number, dedup }: TopicConfig, id: string): DedupPlace | undefined {
    if (dedup === undefined) return undefined;
    const place = this.tables.get(number)?.find(id);
    if (place === undefined || place.physicalOffset < dedup.since) return undefined;
    return this.platform.clock.now() - place.storedAt < dedup.windowMillis ? place : undefined;
  }

  dispatch(entry: DispatchEntry): void {
    if (!this.state.follow(entry)) return;
    if (this.topics.dedupSince === Number.POSITIVE_INFINITY) return;
    const parked = entry.topic === SCHEDULE_TOPIC || entry.topic === TIMER_TOPIC;
    if (parked) {
      if (entry.properties.includes(ExtensionProperty.DEDUP_ID)) this.arrived(this.realTopic(entry), entry, true);
      return;
    }
    const topic = this.topics.get(entry.topic);
    if (topic?.dedup !== undefined) this.arrived(topic, entry, false);
  }

  /** Writes a snapshot when that is worth it, see `TimerIndex.flush`; lets go of what nobody can ask for any more. */
  flush(): Promise<void> {
    if (this.topics.dedupSince === Number.POSITIVE_INFINITY) {
      this.tables.clear();
      this.bytes = 0;
      return Promise.resolve();
    }
    this.expire(this.platform.clock.now());
    const behind = this.state.dispatchedOffset - this.safeOffset;
    return this.bytes > SMALL_BYTES && behind < this.segmentBytes ? Promise.resolve() : this.snapshot();
  }

  /** Writes a snapshot of what was dispatched so far, unless there is one or nothing needs it. */
  snapshot(): Promise<void> {
    return this.state.dispatchedOffset <= this.safeOffset ? Promise.resolve() : this.state.save();
  }

  private realTopic({ properties }: DispatchEntry): TopicConfig | undefined {
    const name = getProperty(properties, PropertyName.REAL_TOPIC);
    return name === undefined ? undefined : this.topics.get(name);
  }

  private arrived(topic: TopicConfig | undefined, entry: DispatchEntry, parked: boolean): void {
    const { physicalOffset, queueOffset, storeTimestamp, properties } = entry;
    if (topic?.dedup === undefined || physicalOffset < topic.dedup.since) return;
    const id = getProperty(properties, ExtensionProperty.DEDUP_ID);
    if (id === undefined || Buffer.byteLength(id) > LIMITS.dedupIdBytes) return;
    if (AGAIN.some((name) => getProperty(properties, name) !== undefined)) return;
    const queueId = parked ? Number(getProperty(properties, PropertyName.REAL_QUEUE_ID) ?? 0) : entry.queueId;
    this.remember(topic, id, {
      physicalOffset,
      queueId,
      queueOffset,
      storedAt: storeTimestamp,
      uniqueKey: getProperty(properties, PropertyName.UNIQUE_KEY),
    });
  }

  private remember({ number, dedup }: TopicConfig, id: string, place: DedupPlace): void {
    let table = this.tables.get(number);
    if (table === undefined) this.tables.set(number, (table = new IdTable(this.hash)));
    const { windowMillis, count } = dedup!;
    const before = table.bytes;
    table.add(id, place);
    while (table.size > count || table.oldestTime <= place.storedAt - windowMillis) table.dropOldest();
    this.bytes += table.bytes - before;
    if (this.bytes <= this.memoryBytes) return;
    // By the time of the log, not by the clock: a rebuild must come to the same.
    this.expire(place.storedAt);
    while (this.bytes > this.memoryBytes) this.evictOldest();
  }

  private evictOldest(): void {
    let oldest: IdTable | undefined;
    for (const table of this.tables.values())
      if (table.oldestOffset < (oldest?.oldestOffset ?? Number.POSITIVE_INFINITY)) oldest = table;
    if (oldest === undefined) return;
    const before = oldest.bytes;
    oldest.dropOldest();
    this.bytes += oldest.bytes - before;
    if (this.evicted++ === 0)
      this.platform.logger.warn(
        `De-duplication forgets ids before their window closes: they need more than ${this.memoryBytes} bytes. ` +
          'Raise dedup.memoryBytes, or shorten the windows.',
      );
  }

  private expire(now: number): void {
    for (const [number, table] of this.tables) {
      // Of a topic that has gone, or no longer de-duplicates: nothing.
      const closed = now - (this.topics.ofNumber(number)?.dedup?.windowMillis ?? Number.NEGATIVE_INFINITY);
      const before = table.bytes;
      while (table.size > 0 && table.oldestTime <= closed) table.dropOldest();
      this.bytes += table.bytes - before;
      if (table.size === 0) this.tables.delete(number);
    }
  }

  private encode(until: number): Buffer {
    const parts: Buffer[] = [Buffer.alloc(HEADER)];
    parts[0]!.writeDoubleLE(until, 0);
    parts[0]!.writeDoubleLE(this.tables.size, 8);
    for (const [number, table] of this.tables) {
      const header = Buffer.alloc(TOPIC_HEADER);
      const entries = table.encode();
      header.writeDoubleLE(number, 0);
      header.writeDoubleLE(entries.length, 8);
      parts.push(header, entries);
    }
    return Buffer.concat(parts);
  }

  private restore(payload: Buffer): number {
    let at = HEADER;
    for (let left = payload.readDoubleLE(8); left > 0; left--) {
      const topic = this.topics.ofNumber(payload.readDoubleLE(at));
      const length = payload.readDoubleLE(at + 8);
      at += TOPIC_HEADER;
      if (topic?.dedup !== undefined)
        IdTable.decode(payload.subarray(at, at + length), (id, place) => {
          if (place.physicalOffset >= topic.dedup!.since) this.remember(topic, id, place);
        });
      at += length;
    }
    return payload.readDoubleLE(0);
  }
}
