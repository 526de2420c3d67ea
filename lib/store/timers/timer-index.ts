import type { Platform } from '../../platform/index.js';
import { ExtensionProperty, getProperty, PropertyName, SCHEDULE_TOPIC, TIMER_TOPIC } from '../../protocol/index.js';
import { DerivedState, type SnapshotPieces } from '../state/derived-state.js';
import type { DispatchEntry, DispatchTarget } from '../types.js';
import { TimerHeap } from './timer-heap.js';
import type { TimerView } from './timer-rows.js';

/*
 * The snapshot, little-endian:
 *
 *   0            8          16             16+8n          16+16n         16+20n
 *   +------------+----------+--------------+--------------+--------------+
 *   | safeOffset | count n  | offsets      | times        | sizes        |
 *   | f64        | f64      | n × f64      | n × f64      | n × u32      |
 *   +------------+----------+--------------+--------------+--------------+
 */
const HEADER = 16;
const BYTES_PER_TIMER = 20;
const BIG_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 0;

/** Up to here a snapshot is so small (160 KiB) that every checkpoint may write one; bigger ones wait for a segment of growth. */
const SMALL = 8_192;

/**
 * The timers that the log holds and has not delivered: a pure function of the log up to a point.
 *
 * - A parked record (SCHEDULE_TOPIC_XXXX, or the timer topic with TIMER_OUT_MS) is a timer, known by its log offset.
 * - A record with NESTMQ_COPIED_FROM in a parked topic takes the place of the timer at that offset.
 * - A record with NESTMQ_TIMER_SOURCE settles the timer at that offset: delivered, or given up when it lies in the timer
 *   topic without TIMER_OUT_MS.
 */
export class TimerIndex implements DispatchTarget {
  readonly name = 'timers';
  readonly heap = new TimerHeap();
  /** Called when a timer arrives, with its time. */
  onArrival: ((time: number) => void) | undefined;
  readonly state: DerivedState;

  private constructor(
    platform: Platform,
    directory: string,
    private readonly segmentBytes: number,
  ) {
    this.state = new DerivedState(platform, directory, {
      file: 'timers',
      what: 'The timers',
      encode: (until) => this.encode(until),
      restore: (payload) => this.restore(payload),
    });
  }

  /** Restores the snapshot; the records from `safeOffset` on have to be dispatched to it then. */
  static async open(platform: Platform, directory: string, segmentBytes: number): Promise<TimerIndex> {
    const index = new TimerIndex(platform, directory, segmentBytes);
    await index.state.load();
    return index;
  }

  get safeOffset(): number {
    return this.state.safeOffset;
  }

  /** Pending timers, those being delivered included. */
  get pending(): number {
    return this.heap.size;
  }

  dispatch(entry: DispatchEntry): void {
    if (!this.state.follow(entry)) return;
    const { topic } = entry;
    if (topic === SCHEDULE_TOPIC || topic === TIMER_TOPIC) this.parked(entry);
    else if (this.heap.size === 0 || entry.rest !== undefined) return;
    else if (entry.properties.includes(ExtensionProperty.TIMER_SOURCE)) this.settled(entry.properties);
  }

  /**
   * Writes a snapshot when that is worth it: always while there are few timers, otherwise once the log has grown by a
   * segment. Rewriting 100 MB at every checkpoint would save a restart less than it costs.
   */
  flush(): Promise<void> {
    const { dispatchedOffset, safeOffset } = this.state;
    if (this.heap.size > SMALL && dispatchedOffset - safeOffset < this.segmentBytes) return Promise.resolve();
    return this.state.save();
  }

  /** Forgets what lies at or behind this log offset. */
  truncate(offset: number): void {
    this.heap.truncate(offset);
    this.state.truncate(offset);
  }

  private parked(entry: DispatchEntry): void {
    const { physicalOffset, properties } = entry;
    const copiedFrom = offsetIn(properties, ExtensionProperty.COPIED_FROM);
    if (copiedFrom !== undefined) this.heap.remove(copiedFrom);
    const time = deliveryTime(entry);
    if (time === undefined) {
      this.settled(properties);
      return;
    }
    if (this.heap.add(physicalOffset, time, entry.size)) this.onArrival?.(time);
  }

  private settled(properties: string): void {
    const source = offsetIn(properties, ExtensionProperty.TIMER_SOURCE);
    if (source !== undefined) this.heap.remove(source);
  }

  /**
   * A view of the moment, put together and written a chunk at a time: 100 MB for 5 M timers would otherwise be in memory
   * beside them, and the host would stand still meanwhile. A small one is one write.
   */
  private encode(safeOffset: number): Uint8Array | SnapshotPieces {
    const view = this.heap.view();
    const length = HEADER + view.count * BYTES_PER_TIMER;
    const pieces = piecesOf(view, safeOffset);
    if (view.count > SMALL) return { length, pieces, release: () => view.release() };
    const payload = Buffer.allocUnsafe(length);
    let at = 0;
    for (const piece of pieces) {
      payload.set(piece, at);
      at += piece.length;
    }
    view.release();
    return payload;
  }

  private restore(payload: Buffer): number {
    const count = payload.readDoubleLE(8);
    for (let index = 0; index < count; index++) {
      const at = HEADER + index * 8;
      const size = payload.readUInt32LE(HEADER + count * 16 + index * 4);
      this.heap.add(payload.readDoubleLE(at), payload.readDoubleLE(at + count * 8), size);
    }
    return payload.readDoubleLE(0);
  }
}

function* piecesOf(view: TimerView, safeOffset: number): Generator<Uint8Array> {
  const header = Buffer.alloc(HEADER);
  header.writeDoubleLE(safeOffset, 0);
  header.writeDoubleLE(view.count, 8);
  yield header;
  for (const name of ['offsets', 'times', 'sizes'] as const) {
    for (const { buffer, byteOffset, byteLength, BYTES_PER_ELEMENT } of view.column(name)) {
      const bytes = Buffer.from(buffer, byteOffset, byteLength);
      if (BIG_ENDIAN && BYTES_PER_ELEMENT === 8) bytes.swap64();
      else if (BIG_ENDIAN) bytes.swap32();
      yield bytes;
    }
  }
}

/** When a parked record is due; undefined for one that only settles another. */
export function deliveryTime(entry: Pick<DispatchEntry, 'topic' | 'tagsCode' | 'properties'>): number | undefined {
  const exact = offsetIn(entry.properties, PropertyName.TIMER_OUT_MS);
  if (exact !== undefined) return exact;
  return entry.topic === SCHEDULE_TOPIC ? entry.tagsCode : undefined;
}

/** A property that holds a whole number of at least 0. */
export function offsetIn(properties: string, name: string): number | undefined {
  const text = getProperty(properties, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
