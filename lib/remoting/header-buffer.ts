/** Above this the buffer is not kept: one huge header must not take memory for ever. */
const KEPT_BYTES = 65_536;
/** Below this a loop over the characters is faster than the call into C++ (measured: 3x at 10 characters). */
const SHORT = 24;

/** Growing scratch memory into which one header at a time is written. */
export class HeaderBuffer {
  bytes: Buffer = Buffer.allocUnsafe(4096);
  at = 0;

  reset(at: number): void {
    if (this.bytes.length > KEPT_BYTES) this.bytes = Buffer.allocUnsafe(4096);
    this.at = at;
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.at + count;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }

  /** Appends the text as UTF-8 and returns the number of bytes. Room for 3 bytes a character must be reserved. */
  text(value: string): number {
    const start = this.at;
    const length = value.length;
    if (length < SHORT) {
      let index = 0;
      for (; index < length; index++) {
        const code = value.charCodeAt(index);
        if (code > 0x7f) break;
        this.bytes[start + index] = code;
      }
      if (index === length) {
        this.at = start + length;
        return length;
      }
    }
    const count = this.bytes.write(value, start);
    this.at = start + count;
    return count;
  }
}
