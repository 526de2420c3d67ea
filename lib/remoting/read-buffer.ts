import type { OnReadOpts } from 'node:net';

/** What one read may bring: as much as one of Node's own. */
const READ_BYTES = 65_536;

/**
 * The memory that a socket of ours reads into, the same for each read. Node's own reads take 64 KiB of new memory each, which
 * no cache holds and which is given back by a collection.
 */
export class ReadBuffer {
  private take: ((bytes: Buffer) => void) | undefined;
  private early: Buffer | undefined;

  /** For `connect` of node:net. Not for TLS, which reads for itself. */
  readonly onread: OnReadOpts = {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    callback: (count, memory) => {
      const bytes = (memory as Buffer).subarray(0, count);
      if (this.take !== undefined) this.take(bytes);
      else this.early = this.early === undefined ? Buffer.from(bytes) : Buffer.concat([this.early, bytes]);
      return true;
    },
  };

  /** `take` gets what is read, also what was read before; the bytes are the next read's as soon as it returns. */
  onBytes(take: (bytes: Buffer) => void): void {
    this.take = take;
    const { early } = this;
    this.early = undefined;
    if (early !== undefined) take(early);
  }
}
