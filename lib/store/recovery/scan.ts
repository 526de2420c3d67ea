import type { FileHandle } from '../../platform/index.js';
import { inspectRecord, recordTotalSize } from '../../protocol/index.js';

const WINDOW_BYTES = 1024 * 1024;

/** Sees one valid record; says what is wrong with it if it does not fit its surroundings. Its bytes are valid only during the call. */
export type RecordVisitor = (bytes: Buffer, at: number, physicalOffset: number, size: number) => string | undefined;

export interface ScanEnd {
  /** Log offset at which the scan stopped: the segment's end, `to`, or the first place without a valid record. */
  readonly offset: number;
  /** Why there is no valid record; undefined when the scan reached the segment's end or `to`. */
  readonly invalid: string | undefined;
}

/**
 * Walks over the records of one segment in order from the log offset `from` on, up to `to`.
 */
export async function scanSegment(
  file: FileHandle,
  base: number,
  segmentBytes: number,
  from: number,
  to: number,
  visit: RecordVisitor,
): Promise<ScanEnd> {
  let window: Buffer = Buffer.allocUnsafe(Math.min(WINDOW_BYTES, segmentBytes));
  let windowStart = from;
  let filled = 0;
  let at = 0;
  let ended = false;
  for (;;) {
    const offset = windowStart + at;
    if (offset >= to || offset >= base + segmentBytes) return { offset, invalid: undefined };
    const found = inspectRecord(window, at, filled, offset);
    switch (found.kind) {
      case 'record': {
        const wrong = visit(window, at, offset, found.size);
        if (wrong !== undefined) return { offset, invalid: wrong };
        at += found.size;
        break;
      }
      case 'blank':
        if (found.size !== base + segmentBytes - offset)
          return { offset, invalid: `an end-of-segment record of ${found.size} bytes at the wrong place` };
        return { offset: base + segmentBytes, invalid: undefined };
      case 'invalid':
        return { offset, invalid: found.why };
      case 'short': {
        if (ended) return { offset, invalid: 'the file ends in the middle of a record' };
        const needed = filled - at >= 4 ? recordTotalSize(window, at) : 0;
        if (needed > window.length) {
          const larger = Buffer.allocUnsafe(needed);
          window.copy(larger, 0, at, filled);
          window = larger;
        } else {
          window.copy(window, 0, at, filled);
        }
        filled -= at;
        windowStart = offset;
        at = 0;
        const read = await file.read(window.subarray(filled), windowStart - base + filled);
        ended = read < window.length - filled;
        filled += read;
      }
    }
  }
}

/** The log offset of the first valid record of the segment at or above `from`; undefined when there is none. */
export async function findRecord(
  file: FileHandle,
  base: number,
  segmentBytes: number,
  from: number,
): Promise<number | undefined> {
  const window = Buffer.allocUnsafe(Math.min(WINDOW_BYTES, segmentBytes));
  for (let start = from; start < base + segmentBytes;) {
    const filled = await file.read(window, start - base);
    // A header that the window cuts is looked at in the next one.
    const last = filled - HEADER;
    for (let at = nextMagic(window, 0, last); at >= 0; at = nextMagic(window, at + 1, last)) {
      // The cheap look at the offset that it names comes first: a recycled file is full of records of other places.
      const offset = start + at;
      if (readInt64(window, at + AT_PHYSICAL_OFFSET) !== offset) continue;
      const record = await scanSegment(file, base, segmentBytes, offset, offset + 1, () => undefined);
      if (record.invalid === undefined) return offset;
    }
    if (filled < window.length) return undefined;
    start += last + 1;
  }
  return undefined;
}

const AT_PHYSICAL_OFFSET = 28;
/** What must be in view to tell whether a record may begin here. */
const HEADER = AT_PHYSICAL_OFFSET + 8;

/** The first place from `at` up to `last` where the magic of a record, of either version, stands at its fifth byte. */
function nextMagic(bytes: Buffer, at: number, last: number): number {
  for (
    let found = bytes.indexOf(0xda, at + 4);
    found >= 0 && found - 4 <= last;
    found = bytes.indexOf(0xda, found + 1)
  ) {
    if (bytes[found + 1] !== 0xa3 || bytes[found + 2] !== 0x20) continue;
    if (bytes[found + 3] === 0xa7 || bytes[found + 3] === 0xab) return found - 4;
  }
  return -1;
}

function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}
