import { checkFrameHeader, checkFrameLength, FRAME_PREFIX_BYTES } from './frame.js';

/** Gets a whole frame: from its length field to its end. */
export type FrameSink = (bytes: Buffer, start: number, end: number) => void;

const FIRST_STITCH_BYTES = 4096;
/**
 * A frame of which this share is there gets all of its memory at once: doubling up to the 256 KiB of a pull's answer copied
 * every byte two and a half times.
 */
const TRUSTED_SHARE = 16;

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

  constructor(private readonly sink: FrameSink) {}

  /** Frames that were handed over. */
  get frames(): number {
    return this.delivered;
  }

  /** A frame has begun whose header is not complete. */
  get headerIncomplete(): boolean {
    if (this.stitched === undefined) return false;
    return (
      this.filled < FRAME_PREFIX_BYTES || this.filled < FRAME_PREFIX_BYTES + (this.stitched.readInt32BE(4) & 0xffffff)
    );
  }

  /** Takes the next chunk; throws FRAME_INVALID when the stream cannot be trusted any further. */
  push(chunk: Buffer): void {
    if (this.paused) {
      this.rest = this.rest === undefined ? chunk : Buffer.concat([this.rest, chunk]);
      return;
    }
    let at = this.stitched === undefined ? 0 : this.stitch(chunk);
    while (at < chunk.length) {
      if (this.paused) {
        this.rest = chunk.subarray(at);
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
      this.sink(chunk, start, at);
    }
    if (at < chunk.length) this.begin(chunk, at);
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

  private begin(chunk: Buffer, from: number): void {
    const left = chunk.length - from;
    const announced = left < FRAME_PREFIX_BYTES ? 0 : 4 + chunk.readInt32BE(from);
    const room = announced <= TRUSTED_SHARE * left ? announced : 2 * left;
    this.stitched = Buffer.allocUnsafe(Math.max(FIRST_STITCH_BYTES, room));
    this.filled = 0;
    this.expected = 0;
    this.take(chunk, from, left);
    this.learnLength();
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
      this.sink(frame, 0, this.expected);
    }
    return at + count;
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
      const room = this.expected <= TRUSTED_SHARE * needed ? this.expected : 2 * stitched.length;
      const larger = Buffer.allocUnsafe(Math.max(needed, Math.min(room, this.expected)));
      stitched.copy(larger, 0, 0, this.filled);
      this.stitched = stitched = larger;
    }
    chunk.copy(stitched, this.filled, from, from + count);
    this.filled = needed;
  }
}
