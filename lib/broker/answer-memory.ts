import { LIMITS } from '../protocol/index.js';
import type { AnswerRoom } from '../store/index.js';

/** Below it Node's own pool serves, and answers are copied into what others share. */
const LEAST_BYTES = 16_384;
/**
 * Memory comes in these sizes: an answer takes four times its own at the most. What clients of ours ask for ends with the third; the
 * others are for single messages that are larger, the last one for the largest there are.
 */
const SIZES = [65_536, 262_144, 524_288, 1_114_112, LIMITS.bodyBytes + 65_536] as const;
const LARGEST = SIZES.length - 1;
/** Of each size. They serve as many answers as are on their way at once; further ones are new each time. */
const MOST_SPARE = [16, 16, 16, 8, 8] as const;
/** Answers of other sizes behind which the memory of the largest is given back: such messages have stopped coming. */
const OTHERS = 1_000;

/**
 * Memory of the answers to pulls. Of 256 KiB each, new ones were counted against the collector, which marked the whole heap for
 * them: half of the processor time of a broker that only gives messages out.
 */
export class AnswerMemory {
  private readonly spare: Buffer[][] = SIZES.map(() => []);
  /** Answers since the last one of the largest size. */
  private others = 0;

  /** Room for one answer. */
  lease(): AnswerLease {
    return new AnswerLease(this);
  }

  take(bytes: number): Buffer {
    const index = SIZES.findIndex((size) => bytes <= size);
    if (index === LARGEST) this.others = 0;
    else if (++this.others === OTHERS) this.spare[LARGEST]!.length = 0;
    if (bytes <= LEAST_BYTES || index < 0) return Buffer.allocUnsafe(bytes);
    return this.spare[index]!.pop() ?? Buffer.allocUnsafeSlow(SIZES[index]!);
  }

  /** Nothing may refer to it but the caller. */
  put(memory: Buffer): void {
    const index = SIZES.findIndex((size) => memory.length === size);
    if (index >= 0 && this.spare[index]!.length < MOST_SPARE[index]!) this.spare[index]!.push(memory);
  }
}

/** The memory of one answer, until that has left. What is never given back belongs to the garbage collector. */
export class AnswerLease implements AnswerRoom {
  private memory: Buffer | undefined;

  constructor(private readonly owner: AnswerMemory) {}

  room(bytes: number): Buffer {
    this.giveBack();
    this.memory = this.owner.take(bytes);
    return this.memory.subarray(0, bytes);
  }

  /** Only the first call does anything: memory that is given back twice would be that of two answers. */
  readonly giveBack = (): void => {
    const { memory } = this;
    this.memory = undefined;
    if (memory !== undefined) this.owner.put(memory);
  };
}
