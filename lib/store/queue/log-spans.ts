import type { ColdCursor, ColdReader } from '../commitlog/cold-reader.js';

/** Records that lie closer together than this are read at once, with what is between them. */
const GAP_BYTES = 8 * 1024;

interface Span {
  readonly from: number;
  to: number;
  /** As much as the file had of it. */
  bytes: Buffer | undefined;
}

/** Stretches of the older log that hold some records and little else, for one who will not come by there again. */
export class LogSpans {
  private readonly spans: Span[] = [];
  /** What they have together. */
  bytes = 0;
  /** Where `copy` found the last record: the next one is in the same span or the one behind it. */
  private at = 0;

  /** The record has to lie behind those that were added before. */
  add(offset: number, size: number, segmentBytes: number): void {
    const last = this.spans.at(-1);
    const end = offset + size;
    const together =
      last !== undefined &&
      offset >= last.from &&
      offset - last.to <= GAP_BYTES &&
      Math.floor(offset / segmentBytes) === Math.floor(last.from / segmentBytes);
    if (together) {
      this.bytes += end - last.to;
      last.to = end;
    } else {
      this.spans.push({ from: offset, to: end, bytes: undefined });
      this.bytes += size;
    }
  }

  async read(cold: ColdReader, cursor: ColdCursor): Promise<void> {
    await Promise.all(
      this.spans.map(async (span) => {
        const bytes = Buffer.allocUnsafe(span.to - span.from);
        span.bytes = bytes.subarray(0, await cold.into(bytes, span.from, cursor));
      }),
    );
  }

  /** Copies a record, in the order in which they were added; false when it was not read, or not whole. */
  copy(offset: number, size: number, target: Buffer, at: number): boolean {
    while (this.at < this.spans.length && this.spans[this.at]!.to <= offset) this.at++;
    const span = this.spans[this.at];
    if (span?.bytes === undefined || offset < span.from || offset + size > span.from + span.bytes.length) return false;
    span.bytes.copy(target, at, offset - span.from, offset - span.from + size);
    return true;
  }
}
