import type { AlikeBatch, MessagingError } from '../../protocol/index.js';
import type { ConsumeQueue } from '../queue/consume-queue.js';
import type { PutOutcomes } from '../put-outcomes.js';
import type { PutCallback } from '../types.js';
import type { Likeness } from './stencils.js';

const SMALLEST = 1024;

/** Who is told that a record is visible, or why it is not stored. */
export type Acknowledged = PutCallback | PutOutcomes | undefined;

/**
 * Records that are appended and not visible yet, in log order: what the dispatcher and the acknowledgement need of
 * each. Columns of a ring, so that a message costs no object of its own; a million waiting ones are one page of numbers.
 */
export class PendingAppends {
  private capacity = SMALLEST;
  private mask = SMALLEST - 1;
  /** Count of all records ever taken in and let go. */
  private taken = 0;
  private gone = 0;

  physicalOffsets = new Float64Array(SMALLEST);
  queueOffsets = new Float64Array(SMALLEST);
  tagsCodes = new Float64Array(SMALLEST);
  storeTimestamps = new Float64Array(SMALLEST);
  sizes = new Int32Array(SMALLEST);
  sysFlags = new Int32Array(SMALLEST);
  /** Place of the message among those of its outcomes. */
  places = new Int32Array(SMALLEST);
  queues: (ConsumeQueue | undefined)[] = new Array<undefined>(SMALLEST).fill(undefined);
  /** Where there is a likeness: the id but for its last digits. */
  properties: string[] = new Array<string>(SMALLEST).fill('');
  idEnds = new Int32Array(SMALLEST);
  likenesses: (Likeness | undefined)[] = new Array<undefined>(SMALLEST).fill(undefined);
  callbacks: Acknowledged[] = new Array<undefined>(SMALLEST).fill(undefined);

  get length(): number {
    return this.taken - this.gone;
  }

  /** Place of the oldest record in the columns. */
  get head(): number {
    return this.gone & this.mask;
  }

  /**
   * Log offset behind what is released in one turn: so many records with a callback of their own, and so many in all, as those
   * that share one cost a fraction; undefined when that is all there is.
   */
  endOfTurn(callbacks: number, records: number): number | undefined {
    if (this.length <= callbacks) return undefined;
    let left = callbacks;
    for (let index = 0, end = Math.min(records, this.length); index < end; index++) {
      const at = (this.gone + index) & this.mask;
      const done = this.callbacks[at];
      if ((typeof done === 'function' || done?.gradual === true) && --left === 0) return this.endAt(at);
    }
    return this.length > records ? this.endAt((this.gone + records - 1) & this.mask) : undefined;
  }

  private endAt(at: number): number {
    return this.physicalOffsets[at]! + this.sizes[at]!;
  }

  /** @param properties Where there is a likeness: the id but for its last digits. */
  push(
    queue: ConsumeQueue,
    queueOffset: number,
    physicalOffset: number,
    size: number,
    tagsCode: number,
    storeTimestamp: number,
    sysFlag: number,
    properties: string,
    idEnd: number,
    likeness: Likeness | undefined,
    done: Acknowledged,
    place: number,
  ): void {
    if (this.taken - this.gone === this.capacity) this.grow();
    const at = this.taken++ & this.mask;
    this.physicalOffsets[at] = physicalOffset;
    this.queueOffsets[at] = queueOffset;
    this.tagsCodes[at] = tagsCode;
    this.storeTimestamps[at] = storeTimestamp;
    this.sizes[at] = size;
    this.sysFlags[at] = sysFlag;
    this.queues[at] = queue;
    this.properties[at] = properties;
    this.idEnds[at] = idEnd;
    this.likenesses[at] = likeness;
    this.callbacks[at] = done;
    this.places[at] = place;
  }

  /** The records of a batch, which lie one behind the other. */
  pushAlike(
    batch: AlikeBatch,
    queue: ConsumeQueue,
    queueOffset: number,
    physicalOffset: number,
    storeTimestamp: number,
    likeness: Likeness,
    done: Acknowledged,
  ): void {
    const { bodies, idBegin, length } = batch;
    const { tagsCode } = likeness;
    const { overhead } = likeness.stencil;
    let from = 0;
    for (let place = 0; place < length; place++) {
      const end = bodies.end(place);
      const size = overhead + end - from;
      from = end;
      const idEnd = batch.idEnd(place);
      const offset = queueOffset + place;
      this.push(
        queue,
        offset,
        physicalOffset,
        size,
        tagsCode,
        storeTimestamp,
        0,
        idBegin,
        idEnd,
        likeness,
        done,
        place,
      );
      physicalOffset += size;
    }
  }

  /** Lets the oldest record go. */
  shift(): void {
    const at = this.gone++ & this.mask;
    this.queues[at] = undefined;
    this.properties[at] = '';
    this.callbacks[at] = undefined;
  }

  /** Empties the ring and returns what has to be told to the producers, in log order. */
  drain(undo: (queue: ConsumeQueue) => void): ((error: MessagingError) => void)[] {
    const callbacks: ((error: MessagingError) => void)[] = [];
    while (this.length > 0) {
      const at = this.head;
      undo(this.queues[at]!);
      const done = this.callbacks[at];
      if (typeof done === 'function') callbacks.push((error) => done(error, undefined));
      else if (done !== undefined) callbacks.push(refusing(done, this.places[at]!));
      this.shift();
    }
    return callbacks;
  }

  private grow(): void {
    const order = Array.from({ length: this.capacity }, (_, index) => (this.gone + index) & this.mask);
    const count = this.capacity;
    this.capacity *= 2;
    this.mask = this.capacity - 1;
    this.physicalOffsets = this.widened(this.physicalOffsets, order);
    this.queueOffsets = this.widened(this.queueOffsets, order);
    this.tagsCodes = this.widened(this.tagsCodes, order);
    this.storeTimestamps = this.widened(this.storeTimestamps, order);
    this.sizes = Int32Array.from({ length: this.capacity }, (_, index) => this.sizes[order[index] ?? 0]!);
    this.sysFlags = Int32Array.from({ length: this.capacity }, (_, index) => this.sysFlags[order[index] ?? 0]!);
    this.places = Int32Array.from({ length: this.capacity }, (_, index) => this.places[order[index] ?? 0]!);
    this.idEnds = Int32Array.from({ length: this.capacity }, (_, index) => this.idEnds[order[index] ?? 0]!);
    const padded = <T>(column: T[], empty: T): T[] => [
      ...order.map((at) => column[at]!),
      ...new Array<T>(this.capacity - count).fill(empty),
    ];
    this.queues = padded(this.queues, undefined);
    this.properties = padded(this.properties, '');
    this.likenesses = padded(this.likenesses, undefined);
    this.callbacks = padded(this.callbacks, undefined);
    this.gone = 0;
    this.taken = count;
  }

  private widened(column: Float64Array, order: readonly number[]): Float64Array<ArrayBuffer> {
    const wide = new Float64Array(this.capacity);
    for (let index = 0; index < order.length; index++) wide[index] = column[order[index]!]!;
    return wide;
  }
}

function refusing(outcomes: PutOutcomes, place: number): (error: MessagingError) => void {
  return (error) => {
    if (outcomes.refuse(place, error)) outcomes.finish();
  };
}
