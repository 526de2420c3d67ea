import { hostText } from '../host.js';
import { readInt32, readInt64, readUint16 } from '../int64.js';
import {
  AT_BORN_HOST,
  AT_BORN_TIMESTAMP,
  AT_FLAG,
  AT_MAGIC,
  AT_PHYSICAL_OFFSET,
  AT_QUEUE_ID,
  AT_QUEUE_OFFSET,
  AT_SYS_FLAG,
  CRC_PROPERTY,
  CRC_PROPERTY_BYTES,
  MAGIC_V2,
  bodyLengthAt,
  bornHostIsV6,
  storeHostIsV6,
  storeTimestampAt,
} from './layout.js';

// Single fields of a record that is known to be whole: one that `inspectRecord` passed, or that we wrote.
// They check nothing.

export function recordTotalSize(bytes: Buffer, at: number): number {
  return readInt32(bytes, at);
}

export function recordQueueId(bytes: Buffer, at: number): number {
  return readInt32(bytes, at + AT_QUEUE_ID);
}

export function recordFlag(bytes: Buffer, at: number): number {
  return readInt32(bytes, at + AT_FLAG);
}

export function recordQueueOffset(bytes: Buffer, at: number): number {
  return readInt64(bytes, at + AT_QUEUE_OFFSET);
}

export function recordPhysicalOffset(bytes: Buffer, at: number): number {
  return readInt64(bytes, at + AT_PHYSICAL_OFFSET);
}

export function recordSysFlag(bytes: Buffer, at: number): number {
  return readInt32(bytes, at + AT_SYS_FLAG);
}

export function recordBornTimestamp(bytes: Buffer, at: number): number {
  return readInt64(bytes, at + AT_BORN_TIMESTAMP);
}

export function recordBornHost(bytes: Buffer, at: number): string {
  return hostText(bytes, at + AT_BORN_HOST, bornHostIsV6(recordSysFlag(bytes, at)));
}

export function recordStoreTimestamp(bytes: Buffer, at: number): number {
  return readInt64(bytes, at + storeTimestampAt(recordSysFlag(bytes, at)));
}

export function recordStoreHost(bytes: Buffer, at: number): string {
  const sysFlag = recordSysFlag(bytes, at);
  return hostText(bytes, at + storeTimestampAt(sysFlag) + 8, storeHostIsV6(sysFlag));
}

export function recordReconsumeTimes(bytes: Buffer, at: number): number {
  return readInt32(bytes, at + bodyLengthAt(recordSysFlag(bytes, at)) - 12);
}

export function recordPreparedTransactionOffset(bytes: Buffer, at: number): number {
  return readInt64(bytes, at + bodyLengthAt(recordSysFlag(bytes, at)) - 8);
}

/** A view, no copy. */
export function recordBody(bytes: Buffer, at: number): Buffer {
  const lengthAt = at + bodyLengthAt(recordSysFlag(bytes, at));
  return bytes.subarray(lengthAt + 4, lengthAt + 4 + readInt32(bytes, lengthAt));
}

/** Where the topic's length stands. */
export function topicLengthPosition(bytes: Buffer, at: number): number {
  const lengthAt = at + bodyLengthAt(recordSysFlag(bytes, at));
  return lengthAt + 4 + readInt32(bytes, lengthAt);
}

/** How many bytes the topic's length itself takes in this record. */
export function topicLengthWidth(bytes: Buffer, at: number): number {
  return readInt32(bytes, at + AT_MAGIC) === MAGIC_V2 ? 2 : 1;
}

export function recordTopic(bytes: Buffer, at: number): string {
  const lengthAt = topicLengthPosition(bytes, at);
  const width = topicLengthWidth(bytes, at);
  const length = width === 2 ? readUint16(bytes, lengthAt) : bytes[lengthAt]!;
  return bytes.toString('utf8', lengthAt + width, lengthAt + width + length);
}

/** Wire form, without the record's own CRC. */
export function recordProperties(bytes: Buffer, at: number): string {
  const topicAt = topicLengthPosition(bytes, at);
  const width = topicLengthWidth(bytes, at);
  const lengthAt = topicAt + width + (width === 2 ? readUint16(bytes, topicAt) : bytes[topicAt]!);
  const start = lengthAt + 2;
  const end = start + readUint16(bytes, lengthAt);
  return bytes.toString('utf8', start, endsWithCrc(bytes, start, end) ? end - CRC_PROPERTY_BYTES : end);
}

/** Whether the properties between these places end in the CRC of the record. */
export function endsWithCrc(bytes: Buffer, start: number, end: number): boolean {
  const at = end - CRC_PROPERTY_BYTES;
  if (at < start || bytes[at + CRC_PROPERTY.length] !== 0x01) {
    return false;
  }
  for (let i = 0; i < CRC_PROPERTY.length; i++) {
    if (bytes[at + i] !== CRC_PROPERTY.charCodeAt(i)) {
      return false;
    }
  }
  return at === start || bytes[at - 1] === 0x02;
}
