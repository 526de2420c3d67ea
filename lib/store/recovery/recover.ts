import type { Platform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import {
  recordProperties,
  recordQueueId,
  recordQueueOffset,
  recordStoreTimestamp,
  recordSysFlag,
  recordTopic,
} from '../../protocol/index.js';
import type { StoredCheckpoint } from '../checkpoint.js';
import type { Segments } from '../commitlog/segments.js';
import { emptyDispatchEntry } from '../dispatch-entry.js';
import type { Dispatcher } from '../dispatcher.js';
import type { HandlePool } from '../handle-pool.js';
import type { StorePaths } from '../paths.js';
import type { QueueTable } from '../queue/queue-table.js';
import { ENTRY_BYTES } from '../queue/queue-files.js';
import { queueTagsCode } from '../queue/queue-tags-code.js';
import type { QueueBounds } from '../state/queue-bounds.js';
import type { TopicTable } from '../state/topic-table.js';
import { damageError, quarantine, type DamagedRange, type DamageList } from './damage.js';
import { findRecord, scanSegment, type ScanEnd } from './scan.js';

export interface RecoveryParts {
  readonly platform: Platform;
  readonly paths: StorePaths;
  readonly pool: HandlePool;
  readonly segments: Segments;
  readonly queues: QueueTable;
  readonly topics: TopicTable;
  readonly bounds: QueueBounds;
  readonly dispatcher: Dispatcher;
  readonly damage: DamageList;
  readonly acceptDamage: boolean;
  /** Assumed of a process that left no checkpoint to say it. */
  readonly unsyncedBytes: number;
}

export interface Recovered {
  /** Where appending goes on. */
  readonly endOffset: number;
  /** False after a crash: bytes behind the end may have to be cleared, and a new epoch begins. */
  readonly clean: boolean;
  /** Records read again. */
  readonly replayed: number;
  /** Bytes behind the end in which an unfinished batch may have left something. */
  readonly unsyncedBytes: number;
}

/**
 * Brings everything derived from the log up to the log's end. Begins where the checkpoint, or the target that lags
 * most, says; what ends there without doubt being a torn batch is cut, anything else that is not valid is damage.
 */
export class Recovery {
  private replayed = 0;
  /** A stretch was passed over just now: the next record of a queue may have a later offset than expected. */
  private passedDamage = false;
  private readonly entry = emptyDispatchEntry();
  /** The consume queues hold what lies below. */
  private derivedTo = 0;
  /** What lies below was on the disk once, so anything invalid there is damage. */
  private syncedTo = 0;

  constructor(private readonly parts: RecoveryParts) {}

  /** @throws MessagingError STORE_DAMAGED, before anything of the log is changed. */
  async run(checkpoint: StoredCheckpoint | undefined): Promise<Recovered> {
    const { segments, dispatcher } = this.parts;
    const usable = checkpoint !== undefined && checkpoint.logOffset >= segments.startOffset ? checkpoint : undefined;
    this.syncedTo = usable?.logOffset ?? segments.startOffset;
    this.derivedTo = (await this.restoreQueues(usable)) ? this.syncedTo : segments.startOffset;
    const safe = dispatcher.fedTargets.map((target) => target.safeOffset);
    const start = Math.max(segments.startOffset, Math.min(this.derivedTo, ...safe));
    const unsyncedBytes = checkpoint?.unsyncedBytes ?? this.parts.unsyncedBytes;
    const endOffset = await this.replay(start, unsyncedBytes, usable?.clean === true);
    this.finishQueues();
    return {
      endOffset,
      clean: usable?.clean === true && endOffset === usable.logOffset,
      replayed: this.replayed,
      unsyncedBytes,
    };
  }

  /** False when the queues have to be derived from the log anew. */
  private async restoreQueues(checkpoint: StoredCheckpoint | undefined): Promise<boolean> {
    const { queues, topics, bounds, platform, paths } = this.parts;
    await queues.removeDeleted();
    if (checkpoint !== undefined) {
      this.restoreFrom(checkpoint);
      // Entries that were flushed after the checkpoint may be of records that the crash took back.
      const short = await queues.firstShort(!checkpoint.clean);
      if (short === undefined) return true;
      platform.logger.warn(
        `Queue ${short.queueId} of topic ${short.topic} has lost entries below ${paths.queues}; all queues are derived from the log anew.`,
      );
    }
    await queues.removeAll();
    for (const { topicNumber, queueId, min } of bounds.all()) {
      const config = topics.ofNumber(topicNumber);
      if (config !== undefined) queues.restore(config, queueId, min, min);
    }
    return false;
  }

  private restoreFrom(checkpoint: StoredCheckpoint): void {
    const { queues, topics, bounds } = this.parts;
    let at = 0;
    for (const ends of checkpoint.queues) {
      const kept = checkpoint.entries.subarray(at, (at += (ends.nextOffset - ends.flushedOffset) * ENTRY_BYTES));
      const config = topics.ofNumber(ends.topicNumber);
      if (config === undefined) continue;
      const queue = queues.restore(config, ends.queueId, ends.minOffset, ends.flushedOffset);
      queue.restoreKept(kept);
      queue.raiseMinimum(bounds.get(ends.topicNumber, ends.queueId)?.min ?? 0);
    }
  }

  /** A queue whose messages have all expired goes on behind the last one that it had. */
  private finishQueues(): void {
    const { queues, topics, bounds } = this.parts;
    for (const { topicNumber, queueId, next } of bounds.all()) {
      const config = topics.ofNumber(topicNumber);
      if (config === undefined || next === 0) continue;
      const queue = queues.find(config.name, queueId) ?? queues.restore(config, queueId, next, next);
      if (queue.maxOffset < next) queue.startAt(next);
    }
  }

  private async replay(start: number, unsyncedBytes: number, clean: boolean): Promise<number> {
    const { segments } = this.parts;
    const all = segments.all;
    const last = all.at(-1);
    // A checkpoint behind the last file must not hide that files are missing: they would be replaced by empty ones.
    let offset = Math.min(start, last === undefined ? 0 : last.base + segments.segmentBytes);
    for (let index = Math.floor((start - segments.startOffset) / segments.segmentBytes); index < all.length; index++) {
      const end = all[index]!.base + segments.segmentBytes;
      while (offset < end) {
        const stop = await this.scan(all[index]!.base, offset);
        offset = stop.offset;
        if (stop.invalid === undefined) {
          // A rebuild of the whole log must not hold the entries of the whole log in memory. A checkpoint keeps the rest.
          await this.parts.queues.flush(Number.POSITIVE_INFINITY, 0);
          break;
        }
        const known = this.parts.damage.endOf(offset);
        if (known !== undefined) {
          this.passedDamage = true;
          offset = known;
          continue;
        }
        const newest = all[index] === last;
        if (newest && offset >= this.syncedTo && clean) return offset;
        const damaged = await this.damagedFrom(stop, all[index]!.base, newest, unsyncedBytes);
        if (damaged === undefined) return offset;
        await this.report(damaged, all[index]!.base);
        this.passedDamage = true;
        offset = damaged.to;
      }
    }
    if (offset < this.syncedTo)
      throw new MessagingError(
        'STORE_DAMAGED',
        `The log ends at offset ${offset}, but the checkpoint says that ${this.syncedTo} was on the disk. Restore the missing files of ${this.parts.paths.log}.`,
      );
    return offset;
  }

  private scan(base: number, from: number): Promise<ScanEnd> {
    const { pool, paths, segments } = this.parts;
    return pool.use(paths.segment(base), 'read', (file) =>
      scanSegment(file, base, segments.segmentBytes, from, Number.POSITIVE_INFINITY, this.visit),
    );
  }

  /**
   * The damaged stretch that begins at this stop, or undefined when it is the log's end. It is the end only if the one
   * batch that may have been under way explains all: nothing valid lies farther away, nothing was known to be synced.
   */
  private async damagedFrom(
    stop: ScanEnd,
    base: number,
    last: boolean,
    unsyncedBytes: number,
  ): Promise<DamagedRange | undefined> {
    const { pool, paths, segments } = this.parts;
    const why = stop.invalid!;
    return pool.use(paths.segment(base), 'read', async (file) => {
      const synced = !last || stop.offset < this.syncedTo;
      const beyond = synced
        ? undefined
        : await findRecord(file, base, segments.segmentBytes, stop.offset + unsyncedBytes);
      if (!synced && beyond === undefined) return undefined;
      const next = await findRecord(file, base, segments.segmentBytes, stop.offset + 1);
      return { from: stop.offset, to: next ?? base + segments.segmentBytes, why };
    });
  }

  private async report(range: DamagedRange, base: number): Promise<void> {
    const { platform, paths, pool, damage, acceptDamage } = this.parts;
    const path = paths.segment(base);
    const copy = await pool.use(path, 'read', (file) => quarantine(platform.fileSystem, paths, file, base, range));
    const error = damageError(range, path, copy);
    platform.logger.error(error.message);
    if (!acceptDamage) throw error;
    await damage.accept(range);
  }

  private readonly visit = (bytes: Buffer, at: number, physicalOffset: number, size: number): string | undefined => {
    const entry = this.entry;
    entry.topic = recordTopic(bytes, at);
    entry.queueId = recordQueueId(bytes, at);
    entry.queueOffset = recordQueueOffset(bytes, at);
    // Records of a topic that was deleted since are valid, and belong to nobody.
    const queue = this.parts.queues.forReplay(entry.topic, entry.queueId, physicalOffset);
    if (queue === undefined) return undefined;
    const derived = physicalOffset < this.derivedTo;
    if (!derived && entry.queueOffset !== queue.maxOffset) {
      if (entry.queueOffset < queue.maxOffset || !this.passedDamage)
        return `it has offset ${entry.queueOffset} of ${entry.topic} queue ${entry.queueId}, where ${queue.maxOffset} is next`;
      queue.skipTo(entry.queueOffset, physicalOffset);
    }
    entry.physicalOffset = physicalOffset;
    entry.size = size;
    entry.storeTimestamp = recordStoreTimestamp(bytes, at);
    entry.sysFlag = recordSysFlag(bytes, at);
    entry.properties = recordProperties(bytes, at);
    entry.tagsCode = queueTagsCode(entry.topic, entry.properties, entry.storeTimestamp);
    if (!derived) {
      queue.push(physicalOffset, size, entry.tagsCode);
      queue.nextOffset = queue.maxOffset;
      this.replayed++;
    }
    this.parts.dispatcher.replay(entry);
    return undefined;
  };
}
