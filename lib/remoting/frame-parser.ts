import { checkFrameHeader, checkFrameLength, FRAME_PREFIX_BYTES } from './frame.js';
import type { FrameMemory } from './frame-memory.js';
import { freeNow } from './spent-memory.js';

/** Gets a whole frame: from its length field to its end. */
export type FrameSink = (bytes: Buffer, start: number, end: number) => void;

const FIRST_STITCH_BYTES = 4096;
/**
 * A frame of which this share is there gets all of its memory at once: doubling up to the 256 KiB of a pull's answer copied
 * every byte two and a half times.
 */
const TRUSTED_SHARE = 16;
/** Memory that is kept for the next frame is of a multiple of this, so that packs of nearly one size share it. */
const KEPT_STEP = 65_536;
/** The largest that is kept here: a pack of messages or a body of that size. Of larger ones see FrameMemory. */
const MOST_KEPT = 2 * 1024 * 1024;
/** A frame smaller than this share of the kept memory does not get it: whoever keeps the frame would keep all of it. */
const LEAST_SHARE = 2;

/**
 * Cuts a stream of chunks into frames. A frame inside one chunk is handed over where it lies. One that crosses chunks is
 * stitched in a buffer of its own which doubles, so that single bytes cost no more than large pieces and a length that
 * is only announced takes no memory.
 */
export class FrameParser {
  private stitched: Buffer | undefined;
  private filled = 0;
  /** Of the stitched frame with its length field; 0 while unknown. */
  private expected = 0;
  private rest: Buffer | undefined;
  private paused = false;
  private delivered = 0;
  /** Memory of an earlier frame that nothing refers to. */
  private spare: Buffer | undefined;
  /** Whether frames are let go here, and so larger memory is worth having. */
  private reuses = false;
  private free = false;
  private spent = false;

  constructor(
    private readonly sink: FrameSink,
    /** For frames that are larger than what is kept here. Default: each of them has memory of its own. */
    private readonly large?: FrameMemory,
  ) {}

  /** Frames that were handed over. */
  get frames(): number {
    return this.delivered;
  }

  /** Nothing refers to the chunk that was pushed last: its frames were let go, what is left of it was copied. */
  get chunkSpent(): boolean {
    return this.spent;
  }

  /** A frame has begun whose header is not complete. */
  get headerIncomplete(): boolean {
    if (this.stitched === undefined) return false;
    return (
      this.filled < FRAME_PREFIX_BYTES || this.filled < FRAME_PREFIX_BYTES + (this.stitched.readInt32BE(4) & 0xffffff)
    );
  }

  /**
   * Takes the next chunk; throws FRAME_INVALID when the stream cannot be trusted any further.
   * @param lent The memory of the chunk will be another's: frames inside it are copied.
   */
  push(chunk: Buffer, lent = false): void {
    this.spent = false;
    if (this.paused) {
      if (this.rest !== undefined) this.rest = Buffer.concat([this.rest, chunk]);
      else this.rest = lent ? Buffer.from(chunk) : chunk;
      return;
    }
    let spent = true;
    let at = this.stitched === undefined ? 0 : this.stitch(chunk);
    while (at < chunk.length) {
      if (this.paused) {
        this.rest = lent ? Buffer.from(chunk.subarray(at)) : chunk.subarray(at);
        return;
      }
      const left = chunk.length - at;
      if (left < FRAME_PREFIX_BYTES) break;
      const length = chunk.readInt32BE(at);
      checkFrameLength(length);
      checkFrameHeader(length, chunk.readInt32BE(at + 4));
      if (left < 4 + length) break;
      const start = at;
      at += 4 + length;
      this.delivered++;
      this.free = false;
      if (lent) this.sink(Buffer.from(chunk.subarray(start, at)), 0, at - start);
      else this.sink(chunk, start, at);
      spent &&= this.free;
    }
    if (at < chunk.length) this.begin(chunk, at);
    this.spent = spent;
  }

  /** Hands over nothing more until `resume`, not even what is in the chunk at hand. */
  pause(): void {
    this.paused = true;
  }

  /** Goes on with what was left; throws as `push` does. */
  resume(): void {
    this.paused = false;
    const rest = this.rest;
    this.rest = undefined;
    if (rest !== undefined) this.push(rest);
  }

  /**
   * For the sink, about the frame that it has been given: nothing refers to its bytes any more. Without it the memory of a frame
   * belongs to the garbage collector; packs of a quarter megabyte each made it mark the whole heap five times a second.
   */
  letGo(): void {
    this.free = true;
  }

  /** Gives back memory that only a burst needed; to be called now and then. */
  releaseMemory(): void {
    this.spare = undefined;
    this.reuses = false;
    this.large?.release();
  }

  /** The stream has ended: what has come of its last frame is nobody's. Nothing may be pushed any more. */
  end(): void {
    const { stitched } = this;
    this.stitched = undefined;
    if (stitched !== undefined) this.large?.put(stitched);
  }

  private begin(chunk: Buffer, from: number): void {
    const left = chunk.length - from;
    const announced = left < FRAME_PREFIX_BYTES ? 0 : 4 + chunk.readInt32BE(from);
    this.stitched = this.spareFor(announced) ?? this.allocate(announced, left);
    this.filled = 0;
    this.expected = 0;
    this.take(chunk, from, left);
    this.learnLength();
  }

  private spareFor(announced: number): Buffer | undefined {
    const { spare } = this;
    if (spare === undefined || announced > spare.length || announced * LEAST_SHARE < spare.length) return undefined;
    this.spare = undefined;
    return spare;
  }

  private allocate(announced: number, left: number): Buffer {
    if (announced > TRUSTED_SHARE * left) return Buffer.allocUnsafe(Math.max(FIRST_STITCH_BYTES, 2 * left));
    const large = this.large?.take(announced);
    if (large !== undefined) return large;
    const kept = this.reuses && announced > KEPT_STEP && announced <= MOST_KEPT;
    return Buffer.allocUnsafe(kept ? roundedUp(announced) : Math.max(FIRST_STITCH_BYTES, announced));
  }

  /** Completes the frame that earlier chunks have begun as far as `chunk` goes; returns where the next one starts. */
  private stitch(chunk: Buffer): number {
    let at = 0;
    if (this.filled < FRAME_PREFIX_BYTES) {
      at = Math.min(FRAME_PREFIX_BYTES - this.filled, chunk.length);
      this.take(chunk, 0, at);
      this.learnLength();
      if (this.filled < FRAME_PREFIX_BYTES) return at;
    }
    const count = Math.min(this.expected - this.filled, chunk.length - at);
    this.take(chunk, at, count);
    if (this.filled === this.expected) {
      const frame = this.stitched!;
      this.stitched = undefined;
      this.delivered++;
      this.free = false;
      this.sink(frame, 0, this.expected);
      if (this.free) this.keep(frame);
    }
    return at + count;
  }

  private keep(frame: Buffer): void {
    this.reuses = true;
    if (frame.length > MOST_KEPT) this.large?.put(frame);
    // Below a step it may lie in memory that Node shares out among buffers.
    else if (frame.length >= KEPT_STEP) this.spare = frame;
  }

  private learnLength(): void {
    const stitched = this.stitched!;
    if (this.filled < 4) return;
    const length = stitched.readInt32BE(0);
    checkFrameLength(length);
    if (this.filled < FRAME_PREFIX_BYTES) return;
    checkFrameHeader(length, stitched.readInt32BE(4));
    this.expected = 4 + length;
  }

  private take(chunk: Buffer, from: number, count: number): void {
    let stitched = this.stitched!;
    const needed = this.filled + count;
    if (needed > stitched.length) {
      const larger = this.spareFor(this.expected) ?? this.grown(stitched.length, needed);
      stitched.copy(larger, 0, 0, this.filled);
      freeNow(stitched);
      this.stitched = stitched = larger;
    }
    chunk.copy(stitched, this.filled, from, from + count);
    this.filled = needed;
  }

  private grown(bytes: number, needed: number): Buffer {
    if (this.expected > TRUSTED_SHARE * needed) return Buffer.allocUnsafe(Math.max(needed, 2 * bytes));
    return this.large?.take(this.expected) ?? Buffer.allocUnsafe(Math.max(needed, this.expected));
  }
}

function roundedUp(bytes: number): number {
  return Math.ceil(bytes / KEPT_STEP) * KEPT_STEP;
}
