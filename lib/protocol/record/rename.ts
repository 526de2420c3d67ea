import { readInt32, readUint16, writeInt16, writeInt32 } from '../int64.js';
import { findStructureFault } from './decode.js';
import { endsWithCrc } from './fields.js';
import { AT_MAGIC, AT_SYS_FLAG, CRC_PROPERTY_BYTES, MAGIC_V1, bodyLengthAt } from './layout.js';

/** Gives no longer names than it gets. */
export interface Renaming {
  readonly topic: (topic: string) => string;
  readonly properties: (properties: string) => string;
}

/**
 * Records with other names in them, as a copy; what is no record, and whatever follows it, is copied as it is. The CRC
 * of the whole record is left out, as by brokers that write none: it was that of the old names.
 *
 *   as it was                  new    new     new    new          new
 *   size … body │ topic length, topic, properties length, properties │ (size is new as well)
 */
export function renameRecords(bytes: Buffer, renaming: Renaming): Buffer {
  const target = Buffer.allocUnsafe(bytes.length);
  let end = 0;
  let at = 0;
  while (at < bytes.length && findStructureFault(bytes, at, bytes.length) === undefined) {
    const size = readInt32(bytes, at);
    end = renameRecord(bytes, at, size, target, end, renaming);
    at += size;
  }
  end += bytes.copy(target, end, at);
  return target.subarray(0, end);
}

/** Returns where the record ends in `target`. */
function renameRecord(
  bytes: Buffer,
  at: number,
  size: number,
  target: Buffer,
  start: number,
  renaming: Renaming,
): number {
  const bodyLength = at + bodyLengthAt(readInt32(bytes, at + AT_SYS_FLAG));
  const bodyEnd = bodyLength + 4 + readInt32(bytes, bodyLength);
  const isV1 = readInt32(bytes, at + AT_MAGIC) === MAGIC_V1;
  const topicStart = bodyEnd + (isV1 ? 1 : 2);
  const topicEnd = topicStart + (isV1 ? bytes[bodyEnd]! : readUint16(bytes, bodyEnd));
  const propertiesStart = topicEnd + 2;
  const hasCrc = endsWithCrc(bytes, propertiesStart, at + size);
  const propertiesEnd = hasCrc ? at + size - CRC_PROPERTY_BYTES : at + size;

  let end = start + bytes.copy(target, start, at, topicStart);
  const topicLength = put(bytes, topicStart, topicEnd, target, end, renaming.topic);
  if (isV1) target[end - 1] = topicLength;
  else writeInt16(target, end - 2, topicLength);
  end += topicLength + 2;
  const propertiesLength = put(bytes, propertiesStart, propertiesEnd, target, end, renaming.properties);
  writeInt16(target, end - 2, propertiesLength);
  end += propertiesLength;
  writeInt32(target, start, end - start);
  return end;
}

/** The text under its other name, or its bytes as they are: what is no UTF-8 would come out longer than it was. */
function put(
  bytes: Buffer,
  from: number,
  to: number,
  target: Buffer,
  at: number,
  rename: (text: string) => string,
): number {
  const text = bytes.toString('utf8', from, to);
  const renamed = rename(text);
  if (renamed === text || Buffer.byteLength(renamed) > to - from) return bytes.copy(target, at, from, to);
  return target.write(renamed, at);
}
