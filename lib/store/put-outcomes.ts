import type { MessagingError } from '../protocol/index.js';

/** The outcomes may be kept: they are never written again. */
export type PutManyCallback = (outcomes: PutOutcomes) => void;

/**
 * What became of each message of one `putMany`, by its place among them. Columns of numbers: a stored message costs no
 * object of its own.
 */
export class PutOutcomes {
  private readonly physicalOffsets: Float64Array;
  private readonly queueOffsets: Float64Array;
  private readonly storeTimestamps: Float64Array;
  private readonly sizes: Int32Array;
  private errors: (MessagingError | undefined)[] | undefined;
  /** Messages that are neither stored nor refused yet. */
  private open: number;

  constructor(
    /** How many messages there are. */
    readonly count: number,
    private readonly done: PutManyCallback,
  ) {
    const bytes = new ArrayBuffer(count * 28);
    this.physicalOffsets = new Float64Array(bytes, 0, count);
    this.queueOffsets = new Float64Array(bytes, count * 8, count);
    this.storeTimestamps = new Float64Array(bytes, count * 16, count);
    this.sizes = new Int32Array(bytes, count * 24, count);
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

  physicalOffset(index: number): number {
    return this.physicalOffsets[index]!;
  }

  queueOffset(index: number): number {
    return this.queueOffsets[index]!;
  }

  /** Milliseconds since 1970. */
  storeTimestamp(index: number): number {
    return this.storeTimestamps[index]!;
  }

  /** Bytes of the stored record. */
  size(index: number): number {
    return this.sizes[index]!;
  }

  /** For the store: the message is visible. The last one calls `done`. */
  stored(index: number, physicalOffset: number, queueOffset: number, storeTimestamp: number, size: number): void {
    this.physicalOffsets[index] = physicalOffset;
    this.queueOffsets[index] = queueOffset;
    this.storeTimestamps[index] = storeTimestamp;
    this.sizes[index] = size;
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
