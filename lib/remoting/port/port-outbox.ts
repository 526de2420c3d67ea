import type { Clock } from '../../platform/index.js';

/** Buffers start with this and double while a turn fills them, so that one message does not take the memory of a thousand. */
const SMALLEST_BYTES = 4096;
const LARGEST_BYTES = 262_144;

/*
 * What crosses at a time is one ArrayBuffer, or a list of them; each holds whole frames, one behind the other:
 *
 *   +---------+---------+-----+----------------------+
 *   | frame   | frame   | ... | int32 0, then unused |   the zero is missing where fewer than 4 bytes are left
 *   +---------+---------+-----+----------------------+
 */

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
    private readonly post: (buffers: ArrayBuffer[], frameBytes: number) => void,
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
    this.cut();
    const bytes = this.waiting;
    this.waiting = 0;
    this.post(this.full.splice(0), bytes);
  };

  private room(length: number): Buffer {
    if (this.current !== undefined && this.at + length <= this.current.length) return this.current;
    if (this.current !== undefined) {
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
