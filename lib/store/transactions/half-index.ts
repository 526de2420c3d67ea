import type { Platform } from '../../platform/index.js';
import { ExtensionProperty, getProperty, TRANSACTION_HALF_TOPIC, TRANSACTION_OP_TOPIC } from '../../protocol/index.js';
import { DerivedState } from '../state/derived-state.js';
import { offsetIn } from '../timers/timer-index.js';
import type { DispatchEntry, DispatchTarget } from '../types.js';

/** A half message that is neither committed nor rolled back. */
export interface Half {
  /** Log offset of its record; another one after retention has moved it. */
  readonly offset: number;
  /** Log offset and queue offset that its producer was told. */
  readonly original: number;
  readonly queueOffset: number;
  /** When it was stored first, milliseconds since 1970. */
  readonly storedAt: number;
  /** Times that its producer group was asked. */
  readonly checks: number;
  /** When it was asked last; 0 for never. */
  readonly checkedAt: number;
}

/** Of a copy: what its producer was told, and how often it has been asked. Reads back as `halfOfCopy`. */
export function stateOfCopy({ original, queueOffset, checks, checkedAt }: Half): string {
  return [original, queueOffset, checks, checkedAt].join(',');
}

function halfOfCopy({ physicalOffset, queueOffset, storeTimestamp, properties }: DispatchEntry): Half {
  const state = getProperty(properties, ExtensionProperty.TRANSACTION_HALF)?.split(',').map(Number) ?? [];
  const [original = physicalOffset, toldOffset = queueOffset, checks = 0, checkedAt = 0] = state;
  const storedAt = offsetIn(properties, ExtensionProperty.FIRST_STORED_AT) ?? storeTimestamp;
  return { offset: physicalOffset, original, queueOffset: toldOffset, storedAt, checks, checkedAt };
}

/*
 * The snapshot, doubles, big-endian:
 *
 *   0            8          16
 *   +------------+----------+------------------------------------------------------------------------+
 *   | safeOffset | count n  | offset, original, queue offset, stored at, checks, checked at   (each) |
 *   +------------+----------+------------------------------------------------------------------------+
 */
const HEADER = 16;
const BYTES_PER_HALF = 48;

/**
 * The half messages that the log holds and nobody has settled: a pure function of the log up to a point.
 *
 * - A record in the half topic is a half message, known by its log offset; with NESTMQ_COPIED_FROM it takes the place of
 *   the one at that offset. What the log may not tell any more by then, the segment being gone, stands in its
 *   NESTMQ_TRANSACTION_HALF.
 * - A record with NESTMQ_TRANSACTION_SOURCE settles the one at that offset: the message itself when it was committed, a
 *   dead letter, or a mark in the op topic when it was rolled back.
 * - A record in the op topic with NESTMQ_TRANSACTION_CHECKED counts a check of each that it names.
 */
export class HalfIndex implements DispatchTarget {
  readonly name = 'transactions';
  /** Called when a half message arrives or was checked. */
  onChange: ((half: Half) => void) | undefined;
  readonly state: DerivedState;

  /** By log offset, and by the offset that the producer was told where that is another one. */
  private readonly halves = new Map<number, Half>();
  private readonly moved = new Map<number, number>();
  /** Those in other hands: being copied by retention, or being settled. */
  private readonly held = new Set<number>();

  private constructor(platform: Platform, directory: string) {
    this.state = new DerivedState(platform, directory, {
      file: 'transactions',
      what: 'Half messages',
      encode: (until) => this.encode(until),
      restore: (payload) => this.restore(payload),
    });
  }

  /** Restores the snapshot; the records from `safeOffset` on have to be dispatched to it then. */
  static async open(platform: Platform, directory: string): Promise<HalfIndex> {
    const index = new HalfIndex(platform, directory);
    await index.state.load();
    return index;
  }

  get safeOffset(): number {
    return this.state.safeOffset;
  }

  get size(): number {
    return this.halves.size;
  }

  /** In the order of their storing, the moved ones last. */
  all(): IterableIterator<Half> {
    return this.halves.values();
  }

  /** By the offset that its producer was told, or where it lies now. */
  find(offset: number): Half | undefined {
    return this.halves.get(offset) ?? this.halves.get(this.moved.get(offset) ?? -1);
  }

  /** Log offsets of those in [from, to), ascending. */
  offsetsIn(from: number, to: number): number[] {
    return [...this.halves.keys()].filter((offset) => offset >= from && offset < to).toSorted((a, b) => a - b);
  }

  /** Reserves one, so that it is not settled and moved at the same time; false when somebody else has. */
  hold(offset: number): boolean {
    if (!this.halves.has(offset) || this.held.has(offset)) return false;
    this.held.add(offset);
    return true;
  }

  release(offset: number): void {
    this.held.delete(offset);
  }

  dispatch(entry: DispatchEntry): void {
    if (!this.state.follow(entry)) return;
    const { topic } = entry;
    if (topic === TRANSACTION_HALF_TOPIC) this.arrived(entry);
    else if (this.halves.size === 0 || entry.rest !== undefined) return;
    else if (topic === TRANSACTION_OP_TOPIC && this.checked(entry)) return;
    else if (entry.properties.includes(ExtensionProperty.TRANSACTION_SOURCE)) this.settled(entry.properties);
  }

  /** Small as long as transactions end: ten thousand open ones are 480 KB. */
  flush(): Promise<void> {
    return this.state.save();
  }

  private arrived(entry: DispatchEntry): void {
    const { physicalOffset, queueOffset, storeTimestamp, properties } = entry;
    const from = offsetIn(properties, ExtensionProperty.COPIED_FROM);
    if (from !== undefined) {
      this.movedTo(physicalOffset, this.halves.get(from) ?? halfOfCopy(entry));
      return;
    }
    const half: Half = {
      offset: physicalOffset,
      original: physicalOffset,
      queueOffset,
      storedAt: storeTimestamp,
      checks: 0,
      checkedAt: 0,
    };
    this.halves.set(physicalOffset, half);
    this.onChange?.(half);
  }

  /** Whoever waits for its next check knows it by `original`, which stays. */
  private movedTo(offset: number, half: Half): void {
    this.remove(half);
    this.halves.set(offset, { ...half, offset });
    this.moved.set(half.original, offset);
  }

  private checked(entry: DispatchEntry): boolean {
    const list = getProperty(entry.properties, ExtensionProperty.TRANSACTION_CHECKED);
    if (list === undefined) return false;
    for (const text of list.split(',')) {
      const half = this.find(Number(text));
      if (half === undefined) continue;
      const next = { ...half, checks: half.checks + 1, checkedAt: entry.storeTimestamp };
      this.halves.set(half.offset, next);
      this.onChange?.(next);
    }
    return true;
  }

  private settled(properties: string): void {
    const source = offsetIn(properties, ExtensionProperty.TRANSACTION_SOURCE);
    const half = source === undefined ? undefined : this.find(source);
    if (half !== undefined) this.remove(half);
  }

  private remove(half: Half): void {
    this.halves.delete(half.offset);
    this.moved.delete(half.original);
    this.held.delete(half.offset);
  }

  private encode(until: number): Buffer {
    const payload = Buffer.allocUnsafe(HEADER + this.halves.size * BYTES_PER_HALF);
    let at = payload.writeDoubleBE(this.halves.size, payload.writeDoubleBE(until, 0));
    for (const { offset, original, queueOffset, storedAt, checks, checkedAt } of this.halves.values())
      for (const value of [offset, original, queueOffset, storedAt, checks, checkedAt])
        at = payload.writeDoubleBE(value, at);
    return payload;
  }

  private restore(payload: Buffer): number {
    for (let at = HEADER; at + BYTES_PER_HALF <= payload.length; at += BYTES_PER_HALF) {
      const [offset, original, queueOffset, storedAt, checks, checkedAt] = Array.from({ length: 6 }, (_, field) =>
        payload.readDoubleBE(at + field * 8),
      ) as [number, number, number, number, number, number];
      this.halves.set(offset, { offset, original, queueOffset, storedAt, checks, checkedAt });
      if (original !== offset) this.moved.set(original, offset);
    }
    return payload.readDoubleBE(0);
  }
}
