/** A stretch of the newest log, in the very buffer that is written to disk. Records never straddle two of them. */
export class TailChunk {
  /** Bytes in use. */
  length = 0;
  /** True once a view of it was handed out: its memory then belongs to the garbage collector, never to a next chunk. */
  lent = false;
  /** The same bytes: what is written through it is written a word at a time. */
  readonly view: DataView;

  constructor(
    /** Log offset of its first byte. */
    readonly base: number,
    readonly bytes: Buffer,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** Chunks that are kept for re-use; more would be memory that the budget does not know of. */
const SPARE = 4;
/** Sizes of chunks for a record that is larger than the others have room for: such records are mostly of one size, but for their headers. */
const LARGE_STEPS = 32;
/** The largest of those that are kept, in chunks of the usual size: a message with the largest body, no batch that takes more. */
const MOST_LARGE = 2;
/** Chunks that are asked for ahead; where more fit into the budget they are too small for the collector to care. */
const MOST_RESERVED = 64;

/**
 * The newest part of the log in memory, where more than nine reads in ten are answered. Contiguous from `start` to
 * the append position.
 */
export class LogTail {
  private readonly chunks: TailChunk[] = [];
  private readonly spare: Buffer[] = [];
  /**
   * For records that a chunk has no room for. Memory of 4 MiB that was new for each of them had 1,024 pages to be touched for the first
   * time, and a few of them made the collector mark the whole heap.
   */
  private readonly largeSpare: Buffer[] = [];
  /** Chunks of the usual size begun since the last large one. */
  private usual = 0;
  private held = 0;
  /** True when the next record must not go into the last chunk: it belongs to another segment. */
  private sealed = false;
  private reserved = false;

  constructor(
    private readonly chunkBytes: number,
    private readonly keepBytes: number,
    private appendOffset: number,
  ) {}

  /** Log offset from which on reads are answered from memory. */
  get start(): number {
    return this.chunks.length > 0 ? this.chunks[0]!.base : this.appendOffset;
  }

  get end(): number {
    return this.appendOffset;
  }

  get heldBytes(): number {
    return this.held;
  }

  /** The chunk in which the next `size` bytes fit in one piece. */
  room(size: number): TailChunk {
    const last = this.chunks[this.chunks.length - 1];
    if (!this.sealed && last !== undefined && last.bytes.length - last.length >= size) return last;
    return this.begin(size);
  }

  /** Counts bytes that were put behind the end of `chunk`. */
  filled(chunk: TailChunk, size: number): void {
    chunk.length += size;
    this.appendOffset += size;
  }

  /** Leaves the rest of a segment out: the next chunk begins at `offset`. */
  skipTo(offset: number): void {
    this.appendOffset = offset;
    this.sealed = true;
  }

  /**
   * Collects what is to be written next from `from` on, whole chunks up to `most` bytes and never beyond a segment (a
   * single chunk may be larger, when it is one large record). Returns where the batch ends: behind a segment's end
   * record that is the begin of the next segment.
   */
  nextBatch(from: number, most: number, segmentBytes: number, parts: Buffer[]): number {
    const segmentEnd = from - (from % segmentBytes) + segmentBytes;
    let to = from;
    for (let index = Math.max(0, this.indexOf(from)); index < this.chunks.length; index++) {
      const chunk = this.chunks[index]!;
      const end = chunk.base + chunk.length;
      if (end <= to) continue;
      if (chunk.base >= segmentEnd || (parts.length > 0 && end - from > most)) break;
      parts.push(chunk.bytes.subarray(to - chunk.base, chunk.length));
      to = end;
    }
    const ended =
      parts.length > 0 && to < segmentEnd && this.appendOffset >= segmentEnd && this.chunkAt(to) === undefined;
    return ended ? segmentEnd : to;
  }

  /** The chunk that holds the offset, or undefined when it is no longer, or not yet, in memory. */
  chunkAt(offset: number): TailChunk | undefined {
    const index = this.indexOf(offset);
    if (index < 0) return undefined;
    const chunk = this.chunks[index]!;
    return offset < chunk.base + chunk.length ? chunk : undefined;
  }

  /** Drops the oldest chunks over the budget; what lies at or above `upTo` is not on the disk yet and stays. */
  trim(upTo: number): void {
    let drop = 0;
    while (drop < this.chunks.length - 1 && this.held > this.keepBytes) {
      const chunk = this.chunks[drop]!;
      if (chunk.base + chunk.length > upTo) break;
      this.held -= chunk.bytes.length;
      if (!chunk.lent) this.keep(chunk.bytes);
      drop++;
    }
    if (drop > 0) this.chunks.splice(0, drop);
  }

  /** Forgets everything at and above `offset`: bytes that could not be written. */
  cut(offset: number): void {
    while (this.chunks.length > 0) {
      const last = this.chunks[this.chunks.length - 1]!;
      if (last.base < offset) {
        last.length = Math.min(last.length, offset - last.base);
        break;
      }
      this.held -= last.bytes.length;
      this.chunks.pop();
    }
    this.appendOffset = offset;
    this.sealed = true;
  }

  /**
   * Asks for the memory of all chunks to come with the second one, for who needs a second one will need all. The kernel hands it
   * out as it is filled, but the collector counts it now: every 8 MiB outside of the heap make it go through the whole heap, which
   * would be at each second chunk until the budget is reached.
   */
  private reserve(): void {
    this.reserved = true;
    const wanted = Math.min(MOST_RESERVED, Math.floor((this.keepBytes - this.held) / this.chunkBytes) + 1);
    while (this.spare.length < wanted) this.spare.push(Buffer.allocUnsafeSlow(this.chunkBytes));
  }

  private begin(size: number): TailChunk {
    const bytes = size <= this.chunkBytes ? this.usualMemory() : this.largeMemory(size);
    const chunk = new TailChunk(this.appendOffset, bytes);
    this.sealed = false;
    this.chunks.push(chunk);
    this.held += bytes.length;
    return chunk;
  }

  private usualMemory(): Buffer {
    if (!this.reserved && this.chunks.length > 0) this.reserve();
    // None of the chunks that are held is large any more: such records have stopped coming.
    if (++this.usual * this.chunkBytes > this.keepBytes) this.largeSpare.length = 0;
    return this.spare.pop() ?? Buffer.allocUnsafeSlow(this.chunkBytes);
  }

  private largeMemory(size: number): Buffer {
    this.usual = 0;
    const index = this.largeSpare.findIndex(({ length }) => length >= size);
    if (index >= 0) return this.largeSpare.splice(index, 1)[0]!;
    const step = Math.ceil(this.chunkBytes / LARGE_STEPS);
    return Buffer.allocUnsafeSlow(Math.ceil(size / step) * step);
  }

  /** Nothing refers to it any more. */
  private keep(memory: Buffer): void {
    if (memory.length === this.chunkBytes) {
      if (this.spare.length < SPARE) this.spare.push(memory);
    } else if (memory.length <= MOST_LARGE * this.chunkBytes && this.largeSpare.length < SPARE) {
      this.largeSpare.push(memory);
    }
  }

  /** Index of the last chunk that begins at or below the offset; -1 when there is none. */
  private indexOf(offset: number): number {
    let low = 0;
    let high = this.chunks.length - 1;
    if (high >= 0 && offset >= this.chunks[high]!.base) return high;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (this.chunks[middle]!.base <= offset) low = middle + 1;
      else high = middle - 1;
    }
    return high;
  }
}
