import type { Clock } from '../../platform/index.js';

/** Buffers start with this and double while a turn fills them, so that one message does not take the memory of a thousand. */
const SMALLEST_BYTES = 4096;
const LARGEST_BYTES = 262_144;

/**
 * Up to this a turn's frames cross as a string of one character a byte, because handing memory over costs more than it saves
 * (measured, post and receipt: 3.0 us instead of 4.0 us for 1 KB, 4.0 instead of 4.8 for 4 KB, 7.7 instead of 5.8 for 16 KB).
 */
const TEXT_BYTES = SMALLEST_BYTES;

/*
 * What crosses at a time is a short string of bytes, an ArrayBuffer, or a list of those; each holds whole frames, one
 * behind the other:
 *
 *   +---------+---------+-----+----------------------+
 *   | frame   | frame   | ... | int32 0, then unused |   the zero is missing in a string, and where fewer than 4 bytes are left
 *   +---------+---------+-----+----------------------+
 */
export type Crossing = string | ArrayBuffer | ArrayBuffer[];

/**
 * The frames of one end that wait to cross to another thread. All of one turn of the event loop cross as one message of the
 * port, and their memory is handed over with them, not copied once more.
 */
export class PortOutbox {
  private readonly full: ArrayBuffer[] = [];
  private current: Buffer | undefined;
  private at = 0;
  private size = SMALLEST_BYTES;
  private waiting = 0;
  private scheduled = false;

  constructor(
    private readonly clock: Clock,
    /** Takes the memory away. */
    private readonly post: (crossing: Crossing, transfer: ArrayBuffer[], frameBytes: number) => void,
  ) {}

  /** Bytes that have not crossed yet. */
  get waitingBytes(): number {
    return this.waiting;
  }

  /** Copies both. */
  add(head: Buffer, body: Buffer | undefined): void {
    const length = head.length + (body === undefined ? 0 : body.length);
    const target = this.room(length);
    head.copy(target, this.at);
    body?.copy(target, this.at + head.length);
    this.at += length;
    this.waiting += length;
    if (this.scheduled) return;
    this.scheduled = true;
    this.clock.defer(this.flush);
  }

  readonly flush = (): void => {
    this.scheduled = false;
    if (this.waiting === 0) return;
    // One turn in a row that needs less is no reason yet for smaller buffers, a hundred of them are.
    if (this.full.length === 0 && this.at < this.size / 4) this.size = Math.max(SMALLEST_BYTES, this.size * 0.98);
    const bytes = this.waiting;
    this.waiting = 0;
    if (this.full.length === 0 && bytes <= TEXT_BYTES) {
      const text = this.current!.toString('latin1', 0, this.at);
      this.at = 0;
      this.post(text, [], bytes);
      return;
    }
    this.cut();
    const buffers = this.full.splice(0);
    this.post(buffers.length === 1 ? buffers[0]! : buffers, buffers, bytes);
  };

  private room(length: number): Buffer {
    if (this.current !== undefined && this.at + length <= this.current.length) return this.current;
    if (this.current !== undefined && this.at > 0) {
      this.cut();
      this.size = Math.min(LARGEST_BYTES, this.size * 2);
    }
    // Not of the pool that others have parts of: the whole of it goes to the other thread.
    this.current = Buffer.allocUnsafeSlow(Math.max(length, Math.ceil(this.size)));
    this.at = 0;
    return this.current;
  }

  private cut(): void {
    const { current } = this;
    if (current === undefined) return;
    if (this.at + 4 <= current.length) current.writeInt32BE(0, this.at);
    this.full.push(current.buffer as ArrayBuffer);
    this.current = undefined;
  }
}
