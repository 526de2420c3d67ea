import type { Logger } from '../platform/index.js';
import type { PendingAppends } from './commitlog/pending-appends.js';
import type { Segments } from './commitlog/segments.js';
import { emptyDispatchEntry } from './dispatch-entry.js';
import type { ConsumeQueue } from './queue/consume-queue.js';
import type { DispatchEntry, DispatchTarget } from './types.js';

/** A queue that has become longer. */
export type Arrival = Pick<ConsumeQueue, 'topic' | 'queueId' | 'maxOffset' | 'arrivedTags'>;

/** @param arrivals valid during the call. */
export type VisibleListener = (arrivals: readonly Arrival[]) => void;

interface Fed {
  readonly target: DispatchTarget;
  /** Log offset from which on the target has not seen records. */
  readonly from: number;
}

/**
 * The one way from the log to everything derived from it: in log order, up to the visible offset and no further, so
 * that nobody sees a record that a crash could take back.
 */
export class Dispatcher {
  private readonly targets: Fed[] = [];
  private readonly listeners: VisibleListener[] = [];
  private touched: ConsumeQueue[] = [];
  /** One object for all records; targets copy what they keep. */
  private readonly entry = emptyDispatchEntry();

  constructor(
    private readonly segments: Segments,
    private readonly logger: Logger,
  ) {}

  get fedTargets(): readonly DispatchTarget[] {
    return this.targets.map((fed) => fed.target);
  }

  add(target: DispatchTarget): void {
    // One that needs nothing now may need something later, and knows by itself what it has seen.
    this.targets.push({ target, from: Number.isFinite(target.safeOffset) ? target.safeOffset : 0 });
  }

  onVisible(listener: VisibleListener): void {
    this.listeners.push(listener);
  }

  /** Hands on the pending records that end at or below the visible offset, acknowledges them, then wakes the waiting. */
  release(pending: PendingAppends, visibleOffset: number): void {
    const entry = this.entry;
    let last = -1;
    let lastTimestamp = 0;
    while (pending.length > 0) {
      const at = pending.head;
      const physicalOffset = pending.physicalOffsets[at]!;
      const size = pending.sizes[at]!;
      if (physicalOffset + size > visibleOffset) break;
      const queue = pending.queues[at]!;
      const queueOffset = pending.queueOffsets[at]!;
      const storeTimestamp = pending.storeTimestamps[at]!;
      const done = pending.callbacks[at];
      const place = pending.places[at]!;
      entry.topic = queue.topic;
      entry.queueId = queue.queueId;
      entry.queueOffset = queueOffset;
      entry.physicalOffset = physicalOffset;
      entry.size = size;
      entry.tagsCode = pending.tagsCodes[at]!;
      entry.storeTimestamp = storeTimestamp;
      entry.sysFlag = pending.sysFlags[at]!;
      const likeness = pending.likenesses[at];
      if (likeness === undefined) entry.properties = pending.properties[at]!;
      else {
        entry.idBegin = pending.properties[at]!;
        entry.idEnd = pending.idEnds[at]!;
        entry.rest = likeness.rest;
      }
      pending.shift();
      if (last < 0) this.segments.note(physicalOffset, storeTimestamp);
      last = physicalOffset;
      lastTimestamp = storeTimestamp;
      queue.push(physicalOffset, size, entry.tagsCode);
      if (queue.arrived(entry.tagsCode)) this.touched.push(queue);
      this.feed(entry);
      if (done === undefined) continue;
      try {
        if (typeof done === 'function') done(undefined, { physicalOffset, queueOffset, storeTimestamp, size });
        else done.stored(place, physicalOffset, queueOffset, storeTimestamp, size);
      } catch (error) {
        this.logger.error('A callback of a stored message threw; the message itself is stored.', error);
      }
    }
    if (last >= 0) this.segments.note(last, lastTimestamp);
    this.wake();
  }

  /** Hands on one record that recovery found; nobody waits for it yet. */
  replay(entry: DispatchEntry): void {
    this.segments.note(entry.physicalOffset, entry.storeTimestamp);
    this.feed(entry);
  }

  private feed(entry: DispatchEntry): void {
    const targets = this.targets;
    for (let index = 0; index < targets.length; index++) {
      const fed = targets[index]!;
      if (entry.physicalOffset < fed.from) continue;
      try {
        fed.target.dispatch(entry);
      } catch (error) {
        this.logger.error(
          `${fed.target.name} could not take in the record at log offset ${entry.physicalOffset}; its state no longer follows the log.`,
          error,
        );
      }
    }
  }

  /**
   * Once per batch; a listener may append, which only ever adds to a later batch. None may make records visible itself: a queue that
   * is being told of would not be told of again.
   */
  private wake(): void {
    const touched = this.touched;
    if (touched.length === 0) return;
    this.touched = [];
    for (const listener of this.listeners) {
      try {
        listener(touched);
      } catch (error) {
        this.logger.error('A listener for new messages threw.', error);
      }
    }
    for (const queue of touched) queue.told();
  }
}
