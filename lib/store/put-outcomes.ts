import type { MessagingError } from '../protocol/index.js';

/** The outcomes may be kept: they are never written again. */
export type PutManyCallback = (outcomes: PutOutcomes) => void;
/** Of a batch: either all are stored, or the error says why none of them is. */
export type PutBatchCallback = (error: MessagingError | undefined, outcomes: PutOutcomes | undefined) => void;

/**
 * What became of each message of one `putMany`, by its place among them. Numbers in one array: a stored message costs no
 * object of its own.
 */
export class PutOutcomes {
  /** Four numbers a message: physical offset, queue offset, store time, size. One array, as packs are often small. */
  private readonly numbers: number[];
  private errors: (MessagingError | undefined)[] | undefined;
  /** Messages that are neither stored nor refused yet. */
  private open: number;

  constructor(
    /** How many messages there are. */
    readonly count: number,
    private readonly done: PutManyCallback,
    /**
     * Whether its messages are released as few at a time as those with a callback of their own: whoever sends a few batches at a
     * time would otherwise get the answers to all of them at once, and the disk would wait for the next ones.
     */
    readonly gradual = false,
  ) {
    // Of doubles from the beginning, and on the young heap: memory of its own for each pack costs more than the numbers in it.
    this.numbers = new Array<number>(count * 4).fill(Number.NaN);
    this.open = count;
  }

  /** Whether any message was refused. */
  get failed(): boolean {
    return this.errors !== undefined;
  }

  /** Why the message was refused; undefined when it is stored, and then the others below hold. */
  error(index: number): MessagingError | undefined {
    return this.errors?.[index];
  }

  get firstError(): MessagingError | undefined {
    return this.errors?.find((error) => error !== undefined);
  }

  physicalOffset(index: number): number {
    return this.numbers[index * 4]!;
  }

  queueOffset(index: number): number {
    return this.numbers[index * 4 + 1]!;
  }

  /** Milliseconds since 1970. */
  storeTimestamp(index: number): number {
    return this.numbers[index * 4 + 2]!;
  }

  /** Bytes of the stored record. */
  size(index: number): number {
    return this.numbers[index * 4 + 3]!;
  }

  /** For the store: the message is visible. The last one calls `done`. */
  stored(index: number, physicalOffset: number, queueOffset: number, storeTimestamp: number, size: number): void {
    const { numbers } = this;
    const at = index * 4;
    numbers[at] = physicalOffset;
    numbers[at + 1] = queueOffset;
    numbers[at + 2] = storeTimestamp;
    numbers[at + 3] = size;
    if (--this.open === 0) this.done(this);
  }

  /** For the store: nothing of the message is kept. True when `done` is due. */
  refuse(index: number, error: MessagingError): boolean {
    this.errors ??= new Array<MessagingError | undefined>(this.count).fill(undefined);
    this.errors[index] = error;
    return --this.open === 0;
  }

  finish(): void {
    this.done(this);
  }
}
