import type { Clock } from '../platform/index.js';

/** The only size there is: the largest message with its header, with room to spare. */
const PIECE_BYTES = 4 * 1024 * 1024 + 131_072;
/** For a smaller frame a piece would be memory that it does not need; below that each connection keeps its own. */
const LEAST_BYTES = 2 * 1024 * 1024;
/** Kept for the frames to come, of all connections together: one that is filled and one that waits, for two of them. */
const MOST_SPARE = 4;
/** Kept so long after they were last wanted. */
const KEPT_MILLIS = 10_000;

/**
 * Memory for received frames of a large message each, shared by the connections of a server so that it is bounded however many
 * there are. New memory for each was touched page by page, and as a few of them made the collector mark the whole heap, that
 * was 40 % of the processor time of a broker that took messages of 4 MiB.
 */
export class FrameMemory {
  private readonly spare: Buffer[] = [];
  private lastWanted = 0;

  constructor(private readonly clock: Clock) {}

  /** Bytes that are kept for frames to come. */
  get spareBytes(): number {
    return this.spare.length * PIECE_BYTES;
  }

  /** At least so many bytes; undefined for sizes that are not kept. */
  take(bytes: number): Buffer | undefined {
    if (bytes <= LEAST_BYTES || bytes > PIECE_BYTES) return undefined;
    this.lastWanted = this.clock.monotonic();
    return this.spare.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
  }

  /** Nothing may refer to it but the caller. Whatever was not taken here is left to the collector. */
  put(memory: Buffer): void {
    if (memory.length === PIECE_BYTES && this.spare.length < MOST_SPARE) this.spare.push(memory);
  }

  /** Gives back what was not wanted for a while; to be called now and then. */
  release(): void {
    if (this.spare.length > 0 && this.clock.monotonic() - this.lastWanted >= KEPT_MILLIS) this.clear();
  }

  clear(): void {
    this.spare.length = 0;
  }
}
