import { MessagingError } from '../errors.js';
import { HOST_V6_BYTES, hostBytes } from '../host.js';
import { readInt32, writeInt16, writeInt32, writeInt64 } from '../int64.js';
import { LIMITS } from '../names.js';
import { SysFlag } from '../sys-flag.js';
import { crcOf, joinedCrc } from './crc.js';
import {
  AT_BODY_CRC,
  AT_BORN_HOST,
  AT_BORN_TIMESTAMP,
  AT_FLAG,
  AT_MAGIC,
  AT_PHYSICAL_OFFSET,
  AT_QUEUE_ID,
  AT_QUEUE_OFFSET,
  AT_SYS_FLAG,
  BLANK_MAGIC,
  CRC_PROPERTY,
  CRC_PROPERTY_BYTES,
  LARGEST_TOPIC,
  MAGIC_V1,
  MAGIC_V2,
  bodyLengthAt,
  topicLengthBytes,
} from './layout.js';

/** What a record is made of. The size, the CRCs and the IPv6 bits of `sysFlag` follow from it. */
export interface RecordFields {
  queueId: number;
  flag: number;
  queueOffset: number;
  physicalOffset: number;
  sysFlag: number;
  bornTimestamp: number;
  /** `ip:port` */
  bornHost: string;
  storeTimestamp: number;
  /** `ip:port` */
  storeHost: string;
  reconsumeTimes: number;
  preparedTransactionOffset: number;
  body: Buffer;
  topic: string;
  /** Wire form, without `__CRC32#`; a missing last 0x02 is added. */
  properties: string;
}

export const NO_CRC_BIT = 0x7fff_ffff;
const PROPERTY_END = 0x02;
/** Below it a loop over the characters beats the call into the native encoder. */
const SHORT_TEXT = 48;

/**
 * Bytes that the record takes, CRC property included. `propertiesByteLength` counts the last 0x02, also if it is yet to be
 * added; the IPv6 bits of `sysFlag` count. `recordSizeOf` does all that by itself.
 */
export function recordSize(
  bodyLength: number,
  topicLength: number,
  propertiesByteLength: number,
  sysFlag: number,
): number {
  return (
    bodyLengthAt(sysFlag) +
    4 +
    bodyLength +
    topicLengthBytes(topicLength) +
    topicLength +
    2 +
    propertiesByteLength +
    CRC_PROPERTY_BYTES
  );
}

/** Exactly what `encodeRecord` will take. */
export function recordSizeOf(fields: RecordFields): number {
  return recordSize(
    fields.body.length,
    Buffer.byteLength(fields.topic),
    propertiesByteLength(fields.properties),
    withHostFlags(fields.sysFlag, hostBytes(fields.bornHost), hostBytes(fields.storeHost)),
  );
}

/** UTF-8 bytes of a properties string once closed. */
export function propertiesByteLength(properties: string): number {
  return Buffer.byteLength(properties) + (isOpen(properties) ? 1 : 0);
}

function isOpen(properties: string): boolean {
  return properties.length > 0 && properties.charCodeAt(properties.length - 1) !== PROPERTY_END;
}

function withHostFlags(sysFlag: number, bornHost: Buffer, storeHost: Buffer): number {
  return (
    (sysFlag & ~(SysFlag.BORN_HOST_V6 | SysFlag.STORE_HOST_V6)) |
    (bornHost.length === HOST_V6_BYTES ? SysFlag.BORN_HOST_V6 : 0) |
    (storeHost.length === HOST_V6_BYTES ? SysFlag.STORE_HOST_V6 : 0)
  );
}

/**
 * Writes the record at this place and returns its size. Nothing is kept of `fields`.
 * Throws, with nothing but garbage after `at`: BAD_ARGUMENT when it does not fit into `target` or the topic is over 255
 * bytes, PROPERTIES_INVALID when the properties with the CRC are over 32,767 bytes.
 */
export function encodeRecord(target: Buffer, at: number, fields: RecordFields): number {
  const { body, topic, properties } = fields;
  const bornHost = hostBytes(fields.bornHost);
  const storeHost = hostBytes(fields.storeHost);
  const sysFlag = withHostFlags(fields.sysFlag, bornHost, storeHost);
  const topicLength = topicByteLength(topic);
  const closedLength = propertiesByteLength(properties);
  const propertiesLength = closedLength + CRC_PROPERTY_BYTES;
  const size = recordSize(body.length, topicLength, closedLength, sysFlag);
  checkSizes(target.length - at, size, topicLength, propertiesLength);

  writeInt32(target, at, size);
  writeInt32(target, at + AT_MAGIC, topicLengthBytes(topicLength) === 1 ? MAGIC_V1 : MAGIC_V2);
  const bodyCrc = crcOf(body, 0, body.length);
  writeInt32(target, at + AT_BODY_CRC, bodyCrc & NO_CRC_BIT);
  writeInt32(target, at + AT_QUEUE_ID, fields.queueId);
  writeInt32(target, at + AT_FLAG, fields.flag);
  writeInt64(target, at + AT_QUEUE_OFFSET, fields.queueOffset);
  writeInt64(target, at + AT_PHYSICAL_OFFSET, fields.physicalOffset);
  writeInt32(target, at + AT_SYS_FLAG, sysFlag);
  writeInt64(target, at + AT_BORN_TIMESTAMP, fields.bornTimestamp);
  let next = writeBytes(target, at + AT_BORN_HOST, bornHost);
  writeInt64(target, next, fields.storeTimestamp);
  next = writeBytes(target, next + 8, storeHost);
  writeInt32(target, next, fields.reconsumeTimes);
  writeInt64(target, next + 4, fields.preparedTransactionOffset);
  writeInt32(target, next + 12, body.length);
  target.set(body, next + 16);
  const bodyAt = next + 16;
  next = bodyAt + body.length;
  next = writeTopic(target, next, topic, topicLength);
  writeInt16(target, next, propertiesLength);
  if (isOpen(properties)) {
    next = writeText(target, next + 2, properties, closedLength - 1);
    target[next++] = PROPERTY_END;
  } else {
    next = writeText(target, next + 2, properties, closedLength);
  }
  const front = joinedCrc(crcOf(target, at, bodyAt), bodyCrc, body.length);
  writeCrc(target, next, crcOf(target, bodyAt + body.length, next, front) & NO_CRC_BIT);
  return size;
}

let lastTopic = '';
let lastTopicLength = 0;

/** Records of one topic come one after the other: the call that counts costs 40 ns, the comparison nothing. */
function topicByteLength(topic: string): number {
  if (topic !== lastTopic) {
    lastTopic = topic;
    lastTopicLength = Buffer.byteLength(topic);
  }
  return lastTopicLength;
}

function checkSizes(room: number, size: number, topicLength: number, propertiesLength: number): void {
  if (propertiesLength > LIMITS.propertiesBytes) {
    throw new MessagingError(
      'PROPERTIES_INVALID',
      `The properties take ${propertiesLength} bytes with those of the broker; ${LIMITS.propertiesBytes} are allowed.`,
    );
  }
  if (topicLength > LARGEST_TOPIC) {
    throw new MessagingError('BAD_ARGUMENT', `The topic takes ${topicLength} bytes; ${LARGEST_TOPIC} are allowed.`);
  }
  if (size > room) {
    throw new MessagingError('BAD_ARGUMENT', `A record of ${size} bytes does not fit into the ${room} that are left.`);
  }
}

/** For the few bytes of a host: a loop is faster than the call behind `set`. */
function writeBytes(target: Buffer, at: number, bytes: Buffer): number {
  for (let i = 0; i < bytes.length; i++) {
    target[at + i] = bytes[i]!;
  }
  return at + bytes.length;
}

function writeTopic(target: Buffer, at: number, topic: string, length: number): number {
  if (topicLengthBytes(length) === 1) {
    target[at] = length;
    return writeText(target, at + 1, topic, length);
  }
  writeInt16(target, at, length);
  return writeText(target, at + 2, topic, length);
}

/** Writes UTF-8 text whose length in bytes is known; returns where it ends. */
function writeText(target: Buffer, at: number, text: string, byteLength: number): number {
  if (byteLength > text.length) {
    target.write(text, at, byteLength, 'utf8');
  } else if (byteLength > SHORT_TEXT) {
    // ASCII, as it takes a byte for each character: half the time of the UTF-8 encoder (80 against 170 ns for 170 bytes).
    target.write(text, at, byteLength, 'latin1');
  } else {
    for (let i = 0; i < byteLength; i++) {
      target[at + i] = text.charCodeAt(i);
    }
  }
  return at + byteLength;
}

const CRC_NAME = Buffer.from(`${CRC_PROPERTY}\x01`);
const CRC_NAME_START = readInt32(CRC_NAME, 0);
const CRC_NAME_END = readInt32(CRC_NAME, 4);
/** The digits of each number below 1000, the least significant first: ten divisions one after the other took 60 ns a record. */
const DIGITS = Uint8Array.from({ length: 3000 }, (_, at) => 48 + (Math.floor(at / 3 / 10 ** (at % 3)) % 10));

export function writeCrc(target: Buffer, at: number, crc: number): void {
  writeInt32(target, at, CRC_NAME_START);
  writeInt32(target, at + 4, CRC_NAME_END);
  target[at + 8] = CRC_NAME[8]!;
  // Never off by enough to matter: the numbers have 31 bits, and 0.001 as a double is a little above it.
  const thousands = (crc * 0.001) | 0;
  const millions = (thousands * 0.001) | 0;
  const billions = (millions * 0.001) | 0;
  writeDigits(target, at + 9, crc - thousands * 1000);
  writeDigits(target, at + 12, thousands - millions * 1000);
  writeDigits(target, at + 15, millions - billions * 1000);
  target[at + 18] = 48 + billions;
  target[at + 19] = PROPERTY_END;
}

function writeDigits(target: Buffer, at: number, number: number): void {
  target[at] = DIGITS[number * 3]!;
  target[at + 1] = DIGITS[number * 3 + 1]!;
  target[at + 2] = DIGITS[number * 3 + 2]!;
}

/** Marks the rest of a segment, `remaining` bytes, as holding no record. Writes 8 bytes. */
export function encodeBlank(target: Buffer, at: number, remaining: number): void {
  writeInt32(target, at, remaining);
  writeInt32(target, at + 4, BLANK_MAGIC);
}
