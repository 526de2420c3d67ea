import { DEAD, TAKEN, TimerRows, type TimerView, WAITING } from './timer-rows.js';

const SHIFT = 16;
const CHUNK = 1 << SHIFT;
const MASK = CHUNK - 1;

/**
 * Pending timers by time, then by log offset. Rows in the order of the log (offsets only rise, so an offset is found by
 * bisection) and a binary heap of their numbers, in chunks as well: 25 bytes a timer.
 *
 * What is removed without being first stays in the heap as a dead row until it surfaces or half of the rows are dead.
 */
export class TimerHeap {
  private readonly rows = new TimerRows();
  private live = 0;
  private readonly heap: Uint32Array[] = [];
  private heapSize = 0;

  /** Pending timers, those being delivered included. */
  get size(): number {
    return this.live;
  }

  /** When the next one that waits is due; Infinity when none waits. */
  get nextTime(): number {
    this.dropDead();
    return this.heapSize === 0 ? Infinity : this.rows.time(this.rowAt(0));
  }

  /** Adds a timer; an offset that is not above all earlier ones is ignored (it has been added before). */
  add(offset: number, time: number, size: number): boolean {
    const { rows } = this;
    if (rows.length > 0 && offset <= rows.offset(rows.length - 1)) return false;
    if (rows.length === rows.capacity && this.live <= rows.length / 2 && rows.movable) {
      rows.compact();
      this.rebuild();
    }
    this.push(rows.add(offset, time, size));
    this.live++;
    return true;
  }

  remove(offset: number): boolean {
    const row = this.find(offset);
    if (row < 0) return false;
    this.rows.setState(row, DEAD);
    this.live--;
    return true;
  }

  has(offset: number): boolean {
    return this.find(offset) >= 0;
  }

  /** Time of a pending timer; undefined when there is none at this offset. */
  timeOf(offset: number): number | undefined {
    const row = this.find(offset);
    return row < 0 ? undefined : this.rows.time(row);
  }

  /**
   * Takes what is due by `now`, the earliest first, until `maximum` are taken or their records exceed `maxBytes`.
   * They stay pending until removed, but are not handed out again unless given back.
   */
  takeDue(now: number, maximum: number, maxBytes: number): { offset: number; time: number }[] {
    const { rows } = this;
    const due: { offset: number; time: number }[] = [];
    let bytes = 0;
    while (due.length < maximum && this.nextTime <= now && this.heapSize > 0) {
      const row = this.rowAt(0);
      bytes += rows.size(row);
      if (bytes > maxBytes && due.length > 0) break;
      this.pop();
      rows.setState(row, TAKEN);
      due.push({ offset: rows.offset(row), time: rows.time(row) });
    }
    return due;
  }

  /** Takes one, due or not; false when it is taken already or not there. */
  take(offset: number): boolean {
    const row = this.find(offset);
    if (row < 0 || this.rows.state(row) !== WAITING) return false;
    this.rows.setState(row, TAKEN);
    return true;
  }

  /** Lets one that was taken wait again. */
  giveBack(offset: number): void {
    const row = this.find(offset);
    if (row < 0 || this.rows.state(row) !== TAKEN) return;
    this.rows.setState(row, WAITING);
    this.push(row);
  }

  /** Offsets of pending timers in [from, to), in the order of the log. */
  offsetsIn(from: number, to: number): number[] {
    const { rows } = this;
    const found: number[] = [];
    for (let row = rows.lowerBound(from); row < rows.length; row++) {
      const offset = rows.offset(row);
      if (offset >= to) break;
      if (rows.state(row) !== DEAD) found.push(offset);
    }
    return found;
  }

  /** Calls back for every pending timer in the order of the log. */
  forEach(visit: (offset: number, time: number, size: number) => void): void {
    const { rows } = this;
    for (let row = 0; row < rows.length; row++)
      if (rows.state(row) !== DEAD) visit(rows.offset(row), rows.time(row), rows.size(row));
  }

  /** The pending timers as they are now, in the order of the log. Whoever asks releases it: until then no memory is given back. */
  view(): TimerView {
    return this.rows.view();
  }

  /** Drops everything from this offset on. */
  truncate(offset: number): void {
    const { rows } = this;
    const first = rows.lowerBound(offset);
    for (let row = first; row < rows.length; row++) if (rows.state(row) !== DEAD) this.live--;
    rows.cut(first);
    this.rebuild();
  }

  private find(offset: number): number {
    const { rows } = this;
    const row = rows.lowerBound(offset);
    return row < rows.length && rows.offset(row) === offset && rows.state(row) !== DEAD ? row : -1;
  }

  /** After rows have moved; linear. */
  private rebuild(): void {
    const { rows } = this;
    this.heapSize = 0;
    for (let row = 0; row < rows.length; row++) {
      if (rows.state(row) !== WAITING) continue;
      this.makeRoom();
      this.put(this.heapSize++, row);
    }
    this.heap.length = Math.ceil(this.heapSize / CHUNK);
    for (let at = (this.heapSize >>> 1) - 1; at >= 0; at--) this.sink(at);
  }

  private dropDead(): void {
    while (this.heapSize > 0 && this.rows.state(this.rowAt(0)) !== WAITING) this.pop();
  }

  private rowAt(at: number): number {
    return this.heap[at >>> SHIFT]![at & MASK]!;
  }

  private put(at: number, row: number): void {
    this.heap[at >>> SHIFT]![at & MASK] = row;
  }

  /** An entry that was taken out of turn and given back is in the heap twice, which then has more entries than there are rows. */
  private makeRoom(): void {
    if (this.heapSize === this.heap.length * CHUNK) this.heap.push(new Uint32Array(CHUNK));
  }

  private before(a: number, b: number): boolean {
    const difference = this.rows.time(a) - this.rows.time(b);
    return difference < 0 || (difference === 0 && a < b);
  }

  private push(row: number): void {
    this.makeRoom();
    let at = this.heapSize++;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = this.rowAt(parent);
      if (!this.before(row, above)) break;
      this.put(at, above);
      at = parent;
    }
    this.put(at, row);
  }

  private pop(): void {
    const last = this.rowAt(--this.heapSize);
    if (this.heapSize === 0) return;
    this.put(0, last);
    this.sink(0);
  }

  private sink(start: number): void {
    const moved = this.rowAt(start);
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.heapSize) break;
      if (child + 1 < this.heapSize && this.before(this.rowAt(child + 1), this.rowAt(child))) child++;
      const below = this.rowAt(child);
      if (!this.before(below, moved)) break;
      this.put(at, below);
      at = child;
    }
    this.put(at, moved);
  }
}
