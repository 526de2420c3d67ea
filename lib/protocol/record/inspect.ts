import { readInt32, readInt64 } from '../int64.js';
import { crcOf, joinedCrc } from './crc.js';
import { findStructureFault } from './decode.js';
import { endsWithCrc } from './fields.js';
import {
  AT_BODY_CRC,
  AT_MAGIC,
  AT_PHYSICAL_OFFSET,
  AT_SYS_FLAG,
  BLANK_BYTES,
  BLANK_MAGIC,
  CRC_PROPERTY,
  CRC_PROPERTY_BYTES,
  LARGEST_RECORD,
  MAGIC_V1,
  MAGIC_V2,
  bodyLengthAt,
} from './layout.js';

/** What stands at a place of the log. */
export type Inspection =
  | { readonly kind: 'record'; readonly size: number }
  /** The rest of the segment is empty; whether `size` ends it is for the caller to check. */
  | { readonly kind: 'blank'; readonly size: number }
  | { readonly kind: 'invalid'; readonly why: string }
  /** It may be a record or a blank, but the bytes end before it does. */
  | { readonly kind: 'short' };

const SHORT: Inspection = { kind: 'short' };
const NO_CRC_BIT = 0x7fff_ffff;
const LARGEST_SEGMENT = 0x7fff_ffff;

function invalid(why: string): Inspection {
  return { kind: 'invalid', why };
}

/**
 * Looks at the bytes from `at` on, none at or beyond `end`. A record is one only with both CRCs right and at the
 * physical offset that it names: an old record in a reused file, or one that a client sent as a body, is none.
 */
export function inspectRecord(bytes: Buffer, at: number, end: number, expectedPhysicalOffset: number): Inspection {
  if (end - at < BLANK_BYTES) {
    return SHORT;
  }
  const size = readInt32(bytes, at);
  const magic = readInt32(bytes, at + AT_MAGIC);
  if (magic === BLANK_MAGIC) {
    return size >= BLANK_BYTES && size <= LARGEST_SEGMENT
      ? { kind: 'blank', size }
      : invalid(`a blank of ${size} bytes`);
  }
  if (magic !== MAGIC_V1 && magic !== MAGIC_V2) {
    return invalid(`the magic code is 0x${(magic >>> 0).toString(16)}`);
  }
  if (size > LARGEST_RECORD) {
    return invalid(`the size ${size} is over ${LARGEST_RECORD}`);
  }
  if (size > end - at) {
    return SHORT;
  }
  const fault = findStructureFault(bytes, at, at + Math.max(size, 0));
  if (fault !== undefined) {
    return invalid(fault);
  }
  const physicalOffset = readInt64(bytes, at + AT_PHYSICAL_OFFSET);
  if (physicalOffset !== expectedPhysicalOffset) {
    return invalid(`it names the offset ${physicalOffset} but stands at ${expectedPhysicalOffset}`);
  }
  const crcAt = at + size - CRC_PROPERTY_BYTES;
  if (!endsWithCrc(bytes, crcAt, at + size)) {
    return invalid('it has no CRC of its own');
  }
  const bodyAt = at + bodyLengthAt(readInt32(bytes, at + AT_SYS_FLAG)) + 4;
  const bodyEnd = bodyAt + readInt32(bytes, bodyAt - 4);
  const bodyCrc = crcOf(bytes, bodyAt, bodyEnd);
  const front = joinedCrc(crcOf(bytes, at, bodyAt), bodyCrc, bodyEnd - bodyAt);
  if (readCrc(bytes, crcAt) !== (crcOf(bytes, bodyEnd, crcAt, front) & NO_CRC_BIT)) {
    return invalid('the CRC of the record is wrong');
  }
  if (readInt32(bytes, at + AT_BODY_CRC) !== (bodyCrc & NO_CRC_BIT)) {
    return invalid('the CRC of the body is wrong');
  }
  return { kind: 'record', size };
}

/**
 * Whether the record of this size that was written at the offset stands at `at`. Its own CRC says so: that covers the body
 * and the body's CRC as well, which `inspectRecord` looks at besides, at a quarter of a microsecond for 1 KiB.
 */
export function isStoredRecord(bytes: Buffer, at: number, size: number, physicalOffset: number): boolean {
  if (readInt32(bytes, at) !== size || findStructureFault(bytes, at, at + size) !== undefined) return false;
  const crcAt = at + size - CRC_PROPERTY_BYTES;
  return (
    readInt64(bytes, at + AT_PHYSICAL_OFFSET) === physicalOffset &&
    endsWithCrc(bytes, crcAt, at + size) &&
    readCrc(bytes, crcAt) === (crcOf(bytes, at, crcAt) & NO_CRC_BIT)
  );
}

/** The ten digits, least significant first; -1 when they are none. */
function readCrc(bytes: Buffer, crcAt: number): number {
  const first = crcAt + CRC_PROPERTY.length + 1;
  let crc = 0;
  for (let i = 9; i >= 0; i--) {
    const digit = bytes[first + i]! - 48;
    if (digit < 0 || digit > 9) {
      return -1;
    }
    crc = crc * 10 + digit;
  }
  return bytes[first + 10] === 0x02 ? crc : -1;
}
