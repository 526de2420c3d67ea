/** Where a timer stands: settled, waiting for its time, or being delivered. */
export const DEAD = 0;
export const WAITING = 1;
export const TAKEN = 2;

const SHIFT = 16;
/** Rows of one chunk. Memory that has not been written to takes no room, so that a handful of timers costs a few pages. */
const CHUNK = 1 << SHIFT;
const MASK = CHUNK - 1;

/**
 * Timers in the order of the log, 21 bytes each, in chunks: growing copies nothing, so that millions of timers are never in
 * memory twice (one array that grew was, until the collector came for the old one: 280 MB for 5 M timers).
 */
export class TimerRows {
  private offsets: Float64Array[] = [];
  private times: Float64Array[] = [];
  private sizes: Uint32Array[] = [];
  private states: Uint8Array[] = [];
  /** Views that have not been released: rows stay where they are. */
  private views = 0;
  private end = 0;

  /** Rows, dead ones included. */
  get length(): number {
    return this.end;
  }

  /** Rows for which there is memory. */
  get capacity(): number {
    return this.offsets.length * CHUNK;
  }

  /** Whether rows may be moved. */
  get movable(): boolean {
    return this.views === 0;
  }

  offset(row: number): number {
    return this.offsets[row >>> SHIFT]![row & MASK]!;
  }

  time(row: number): number {
    return this.times[row >>> SHIFT]![row & MASK]!;
  }

  size(row: number): number {
    return this.sizes[row >>> SHIFT]![row & MASK]!;
  }

  state(row: number): number {
    return this.states[row >>> SHIFT]![row & MASK]!;
  }

  setState(row: number, state: number): void {
    this.states[row >>> SHIFT]![row & MASK] = state;
  }

  /** Adds a row that waits; answers its number. */
  add(offset: number, time: number, size: number): number {
    const row = this.end++;
    const chunk = row >>> SHIFT;
    if (chunk === this.offsets.length) this.addChunk();
    const at = row & MASK;
    this.offsets[chunk]![at] = offset;
    this.times[chunk]![at] = time;
    this.sizes[chunk]![at] = size;
    this.states[chunk]![at] = WAITING;
    return row;
  }

  /** The first row whose offset is not below this one. */
  lowerBound(offset: number): number {
    let low = 0;
    let high = this.end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.offset(middle) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Moves the living rows together, where they are, and gives back what is left over. Only while rows are `movable`. */
  compact(): void {
    let to = 0;
    for (let from = 0; from < this.end; from++) {
      const state = this.state(from);
      if (state === DEAD) continue;
      const chunk = to >>> SHIFT;
      const at = to & MASK;
      this.offsets[chunk]![at] = this.offset(from);
      this.times[chunk]![at] = this.time(from);
      this.sizes[chunk]![at] = this.size(from);
      this.states[chunk]![at] = state;
      to++;
    }
    this.end = to;
    this.keepChunks(Math.ceil(to / CHUNK));
  }

  /** Forgets the rows from this one on. */
  cut(row: number): void {
    this.end = row;
    this.keepChunks(Math.ceil(row / CHUNK));
    const last = this.offsets.length - 1;
    if (last < 0) return;
    // A view may still have what was there.
    this.offsets[last] = this.offsets[last]!.slice();
    this.times[last] = this.times[last]!.slice();
    this.sizes[last] = this.sizes[last]!.slice();
    this.states[last] = this.states[last]!.slice();
  }

  /** The living rows as they are now, whatever is added or settled later, until it is released. */
  view(): TimerView {
    this.views++;
    let open = true;
    const release = (): void => {
      if (open) this.views--;
      open = false;
    };
    const states = this.states.map((chunk) => chunk.slice());
    return new TimerView([...this.offsets], [...this.times], [...this.sizes], states, this.end, release);
  }

  private addChunk(): void {
    this.offsets.push(new Float64Array(CHUNK));
    this.times.push(new Float64Array(CHUNK));
    this.sizes.push(new Uint32Array(CHUNK));
    this.states.push(new Uint8Array(CHUNK));
  }

  private keepChunks(count: number): void {
    for (const column of [this.offsets, this.times, this.sizes, this.states])
      column.length = Math.min(column.length, count);
  }
}

/** What `TimerRows` had at one moment. */
export class TimerView {
  /** Living rows. */
  readonly count: number;

  constructor(
    private readonly offsets: readonly Float64Array[],
    private readonly times: readonly Float64Array[],
    private readonly sizes: readonly Uint32Array[],
    private readonly states: readonly Uint8Array[],
    private readonly end: number,
    /** Lets rows be moved again. */
    readonly release: () => void,
  ) {
    let count = 0;
    for (const [chunk, column] of states.entries()) {
      const rows = Math.min(CHUNK, end - chunk * CHUNK);
      for (let at = 0; at < rows; at++) if (column[at] !== DEAD) count++;
    }
    this.count = count;
  }

  /** One column of the living rows, a chunk at a time: what was handed out is used again for the next. */
  *column(name: 'offsets' | 'times' | 'sizes'): Generator<Float64Array | Uint32Array> {
    const most = Math.min(CHUNK, this.count);
    const target = name === 'sizes' ? new Uint32Array(most) : new Float64Array(most);
    for (const [chunk, column] of this[name].entries()) {
      const states = this.states[chunk]!;
      const rows = Math.min(CHUNK, this.end - chunk * CHUNK);
      let filled = 0;
      for (let at = 0; at < rows; at++) if (states[at] !== DEAD) target[filled++] = column[at]!;
      if (filled > 0) yield target.subarray(0, filled);
    }
  }
}
