import { type BatchItem, type BatchMessages, BATCH_ITEM_BYTES } from './batch.js';
import { ID_DIGITS, ID_NAME, joinedProperties } from './property-parts.js';

/** Bodies one behind the other in one piece of memory, which takes those of another batch once they are of no use any more. */
export class BodyRow {
  readonly bytes: Buffer;
  /** The same bytes, to be read a word at a time. */
  readonly view: DataView;
  /** Where each of them ends. */
  private ends: Int32Array;
  count = 0;

  constructor(bytes: number, bodies: number) {
    this.bytes = Buffer.allocUnsafeSlow(bytes);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, bytes);
    this.ends = new Int32Array(bodies);
  }

  /** Whether so many bodies with so many bytes find room when there are no others. */
  holds(bytes: number, bodies: number): boolean {
    return bytes <= this.bytes.length && bodies <= this.ends.length;
  }

  clear(): void {
    this.count = 0;
  }

  /** A copy of the body, behind the others. */
  add(body: Uint8Array): void {
    const from = this.end(this.count - 1);
    this.bytes.set(body, from);
    this.ends[this.count++] = from + body.length;
  }

  /** Where the body in this place ends and the next one begins; 0 for the place before the first. */
  end(place: number): number {
    return place < 0 ? 0 : this.ends[place]!;
  }

  /** A view, valid as long as nothing else takes the memory. */
  body(place: number): Buffer {
    return this.bytes.subarray(this.end(place - 1), this.end(place));
  }
}

/**
 * A batch whose messages differ in their bodies and in the last digits of their ids alone, which follow each other: they cost no
 * object each, neither the sender nor the broker in its process.
 */
export class AlikeBatch implements BatchMessages {
  constructor(
    /** Of all ids; see PropertyParts. */
    readonly idBegin: string,
    /** Of the first message. */
    readonly firstIdEnd: number,
    /** Of all properties. */
    readonly rest: string,
    readonly bodies: BodyRow,
  ) {}

  get length(): number {
    return this.bodies.count;
  }

  get idLength(): number {
    return this.idBegin.length + ID_DIGITS;
  }

  idEnd(place: number): number {
    return (this.firstIdEnd + place) & 0xffff;
  }

  /** The same with another rest. */
  withRest(rest: string): AlikeBatch {
    return rest === this.rest ? this : new AlikeBatch(this.idBegin, this.firstIdEnd, rest, this.bodies);
  }

  /** Bytes that it takes on a wire. */
  get wireBytes(): number {
    const each = BATCH_ITEM_BYTES + ID_NAME.length + this.idLength + Buffer.byteLength(this.rest);
    return this.length * each + this.bodies.end(this.length - 1);
  }

  *[Symbol.iterator](): Generator<BatchItem> {
    for (let place = 0; place < this.length; place++) {
      yield {
        body: this.bodies.body(place),
        properties: joinedProperties(this.idBegin, this.idEnd(place), this.rest),
      };
    }
  }
}
