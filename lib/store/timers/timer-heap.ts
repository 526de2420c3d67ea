const DEAD = 0;
const WAITING = 1;
const TAKEN = 2;

const FIRST_CAPACITY = 1024;
/** Above this many entries arrays grow by a quarter instead of doubling: 5 M timers stay below 250 MB while they grow. */
const DOUBLING_LIMIT = 1 << 20;

/**
 * Pending timers by time, then by log offset. Parallel typed arrays in the order of the log (offsets only rise, so an
 * offset is found by bisection) and a binary heap of indices into them: 25 bytes a timer.
 *
 * What is removed without being first stays in the heap as a dead index until it surfaces or half of the entries are dead.
 */
export class TimerHeap {
  private offsets = new Float64Array(FIRST_CAPACITY);
  private times = new Float64Array(FIRST_CAPACITY);
  private sizes = new Uint32Array(FIRST_CAPACITY);
  private states = new Uint8Array(FIRST_CAPACITY);
  private used = 0;
  private live = 0;
  private heap = new Uint32Array(FIRST_CAPACITY);
  private heapSize = 0;

  /** Pending timers, those being delivered included. */
  get size(): number {
    return this.live;
  }

  /** When the next one that waits is due; Infinity when none waits. */
  get nextTime(): number {
    this.dropDead();
    return this.heapSize === 0 ? Infinity : (this.times[this.heap[0] as number] as number);
  }

  /** Adds a timer; an offset that is not above all earlier ones is ignored (it has been added before). */
  add(offset: number, time: number, size: number): boolean {
    if (this.used > 0 && offset <= (this.offsets[this.used - 1] as number)) return false;
    if (this.used === this.offsets.length) this.makeRoom();
    const index = this.used++;
    this.offsets[index] = offset;
    this.times[index] = time;
    this.sizes[index] = size;
    this.states[index] = WAITING;
    this.live++;
    this.push(index);
    return true;
  }

  remove(offset: number): boolean {
    const index = this.find(offset);
    if (index < 0) return false;
    this.states[index] = DEAD;
    this.live--;
    return true;
  }

  has(offset: number): boolean {
    return this.find(offset) >= 0;
  }

  /** Time of a pending timer; undefined when there is none at this offset. */
  timeOf(offset: number): number | undefined {
    const index = this.find(offset);
    return index < 0 ? undefined : this.times[index];
  }

  /**
   * Takes what is due by `now`, the earliest first, until `maximum` are taken or their records exceed `maxBytes`.
   * They stay pending until removed, but are not handed out again unless given back.
   */
  takeDue(now: number, maximum: number, maxBytes: number): { offset: number; time: number }[] {
    const due: { offset: number; time: number }[] = [];
    let bytes = 0;
    while (due.length < maximum && this.nextTime <= now && this.heapSize > 0) {
      const index = this.heap[0] as number;
      bytes += this.sizes[index] as number;
      if (bytes > maxBytes && due.length > 0) break;
      this.pop();
      this.states[index] = TAKEN;
      due.push({ offset: this.offsets[index] as number, time: this.times[index] as number });
    }
    return due;
  }

  /** Takes one, due or not; false when it is taken already or not there. */
  take(offset: number): boolean {
    const index = this.find(offset);
    if (index < 0 || this.states[index] !== WAITING) return false;
    this.states[index] = TAKEN;
    return true;
  }

  /** Lets one that was taken wait again. */
  giveBack(offset: number): void {
    const index = this.find(offset);
    if (index < 0 || this.states[index] !== TAKEN) return;
    this.states[index] = WAITING;
    this.push(index);
  }

  /** Offsets of pending timers in [from, to), in the order of the log. */
  offsetsIn(from: number, to: number): number[] {
    const found: number[] = [];
    for (let index = this.lowerBound(from); index < this.used; index++) {
      const offset = this.offsets[index] as number;
      if (offset >= to) break;
      if (this.states[index] !== DEAD) found.push(offset);
    }
    return found;
  }

  /** Calls back for every pending timer in the order of the log. */
  forEach(visit: (offset: number, time: number, size: number) => void): void {
    for (let index = 0; index < this.used; index++) {
      if (this.states[index] !== DEAD) {
        visit(this.offsets[index] as number, this.times[index] as number, this.sizes[index] as number);
      }
    }
  }

  /** Copies the pending timers in the order of the log; each target has room for `size` of them. */
  copyTo(offsets: Float64Array, times: Float64Array, sizes: Uint32Array): void {
    gather(this.offsets, offsets, this.states, this.used);
    gather(this.times, times, this.states, this.used);
    gather(this.sizes, sizes, this.states, this.used);
  }

  /** Drops everything from this offset on. */
  truncate(offset: number): void {
    for (let index = this.lowerBound(offset); index < this.used; index++) {
      if (this.states[index] !== DEAD) this.live--;
      this.states[index] = DEAD;
    }
    this.compact(this.offsets.length);
  }

  private find(offset: number): number {
    const index = this.lowerBound(offset);
    return index < this.used && this.offsets[index] === offset && this.states[index] !== DEAD ? index : -1;
  }

  private lowerBound(offset: number): number {
    let low = 0;
    let high = this.used;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.offsets[middle] as number) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private makeRoom(): void {
    if (this.live <= this.used / 2) {
      this.compact(this.offsets.length);
      return;
    }
    const capacity = this.used < DOUBLING_LIMIT ? this.used * 2 : Math.ceil(this.used * 1.25);
    this.compact(capacity);
  }

  /** Moves the living entries together and rebuilds the heap, which is linear; one array at a time is held twice. */
  private compact(capacity: number): void {
    const { states, used } = this;
    const living = this.live;
    this.offsets = gather(this.offsets, new Float64Array(capacity), states, used);
    this.times = gather(this.times, new Float64Array(capacity), states, used);
    this.sizes = gather(this.sizes, new Uint32Array(capacity), states, used);
    const compacted = gather(states, new Uint8Array(capacity), states, used);
    this.states = compacted;
    this.used = living;
    this.heap = new Uint32Array(capacity);
    this.heapSize = 0;
    for (let index = 0; index < living; index++) if (compacted[index] === WAITING) this.heap[this.heapSize++] = index;
    for (let at = (this.heapSize >>> 1) - 1; at >= 0; at--) this.sink(at);
  }

  private dropDead(): void {
    while (this.heapSize > 0 && this.states[this.heap[0] as number] !== WAITING) this.pop();
  }

  private before(a: number, b: number): boolean {
    const difference = (this.times[a] as number) - (this.times[b] as number);
    return difference < 0 || (difference === 0 && a < b);
  }

  private push(index: number): void {
    // An entry that was taken out of turn and given back is in the heap twice; the second one surfaces dead or taken.
    if (this.heapSize === this.heap.length) {
      const grown = new Uint32Array(Math.ceil(this.heap.length * 1.25));
      grown.set(this.heap);
      this.heap = grown;
    }
    const heap = this.heap;
    let at = this.heapSize++;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.before(index, heap[parent] as number)) break;
      heap[at] = heap[parent] as number;
      at = parent;
    }
    heap[at] = index;
  }

  private pop(): void {
    const last = this.heap[--this.heapSize] as number;
    if (this.heapSize === 0) return;
    this.heap[0] = last;
    this.sink(0);
  }

  private sink(start: number): void {
    const heap = this.heap;
    const moved = heap[start] as number;
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.heapSize) break;
      if (child + 1 < this.heapSize && this.before(heap[child + 1] as number, heap[child] as number)) child++;
      if (!this.before(heap[child] as number, moved)) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = moved;
  }
}

function gather<A extends Float64Array | Uint32Array | Uint8Array>(
  from: A,
  to: A,
  states: Uint8Array,
  used: number,
): A {
  let next = 0;
  for (let index = 0; index < used; index++) if (states[index] !== DEAD) to[next++] = from[index] as number;
  return to;
}
