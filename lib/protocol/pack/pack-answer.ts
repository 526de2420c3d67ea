import { ResponseCode } from '../codes.js';
import { MessagingError } from '../errors.js';
import { readInt32, readInt64, readUint16, writeInt16, writeInt32, writeInt64 } from '../int64.js';
import { writeCounted } from './texts.js';

/** The answer to SEND_PACK, once every message is stored or refused. Columns as in the request, in its order. */
export interface PackAnswerHeader {
  /** The broker's `ip:port` as it stands in offset message ids. */
  readonly storeHost: string;
  /** SUCCESS, or the response code with which the message alone would have been answered. */
  readonly codes: readonly number[];
  readonly queueIds: readonly number[];
  readonly queueOffsets: readonly number[];
  readonly physicalOffsets: readonly number[];
  /** What is wrong with those that were refused; undefined when none was. */
  readonly remarks: readonly (string | undefined)[] | undefined;
}

// Body of the answer to SEND_PACK, all numbers big-endian; its header has no fields:
//
//   +--------+------+-------------+------------+---------------+------------+
//   | host   | m    | m results   | refused: r | r remarks     |
//   | text   |uint16|             | uint16     |               |
//   +--------+------+-------------+------------+---------------+
//
//    0       4          8              16                24
//   +-------+----------+--------------+-----------------+      +----------+------+
//   | code  | queue id | queue offset | physical offset |      | message  | text |
//   | int32 | int32    | int64        | int64           |      | uint16   |      |
//   +-------+----------+--------------+-----------------+      +----------+------+
//              a result                                           a remark
//
//   text := | length uint16 | UTF-8 |

const RESULT_BYTES = 24;
const AT_QUEUE = 4;
const AT_QUEUE_OFFSET = 8;
const AT_PHYSICAL_OFFSET = 16;

/** Throws BAD_ARGUMENT for a remark of more than 65,535 bytes. */
export function encodePackAnswer(answer: PackAnswerHeader): Buffer {
  const { storeHost, codes, queueIds, queueOffsets, physicalOffsets } = answer;
  const refused = remarksOf(answer);
  const hostLength = Buffer.byteLength(storeHost);
  let size = 2 + hostLength + 2 + codes.length * RESULT_BYTES + 2;
  for (const { text } of refused) size += 4 + Buffer.byteLength(text);
  const target = Buffer.allocUnsafe(size);
  let at = writeCounted(target, 0, storeHost, hostLength);
  writeInt16(target, at, codes.length);
  at += 2;
  for (let i = 0; i < codes.length; i++) {
    writeInt32(target, at, codes[i]!);
    writeInt32(target, at + AT_QUEUE, queueIds[i]!);
    writeInt64(target, at + AT_QUEUE_OFFSET, queueOffsets[i]!);
    writeInt64(target, at + AT_PHYSICAL_OFFSET, physicalOffsets[i]!);
    at += RESULT_BYTES;
  }
  writeInt16(target, at, refused.length);
  at += 2;
  for (const { message, text } of refused) {
    writeInt16(target, at, message);
    at = writeCounted(target, at + 2, text, Buffer.byteLength(text));
  }
  return target;
}

const NONE_REFUSED: readonly { message: number; text: string }[] = [];

function remarksOf({ remarks }: PackAnswerHeader): readonly { message: number; text: string }[] {
  if (remarks === undefined) return NONE_REFUSED;
  const refused: { message: number; text: string }[] = [];
  remarks.forEach((remark, message) => {
    if (remark !== undefined) refused.push({ message, text: remark });
  });
  return refused;
}

/** Throws BAD_ARGUMENT for what is no such answer. */
export function decodePackAnswer(bytes: Buffer): PackAnswerHeader {
  const end = bytes.length;
  if (end < 2) throw noAnswer(0, end);
  let at = 2 + readUint16(bytes, 0);
  if (at + 2 > end) throw noAnswer(0, end);
  const storeHost = bytes.toString('utf8', 2, at);
  const count = readUint16(bytes, at);
  at += 2;
  if (at + count * RESULT_BYTES + 2 > end) throw noAnswer(at, end);
  const codes: number[] = [];
  const queueIds: number[] = [];
  const queueOffsets: number[] = [];
  const physicalOffsets: number[] = [];
  for (let i = 0; i < count; i++) {
    codes.push(readInt32(bytes, at));
    queueIds.push(readInt32(bytes, at + AT_QUEUE));
    const queueOffset = readInt64(bytes, at + AT_QUEUE_OFFSET);
    const physicalOffset = readInt64(bytes, at + AT_PHYSICAL_OFFSET);
    if (!Number.isSafeInteger(queueOffset) || !Number.isSafeInteger(physicalOffset)) throw noAnswer(at, end);
    queueOffsets.push(queueOffset);
    physicalOffsets.push(physicalOffset);
    at += RESULT_BYTES;
  }
  const remarks = decodeRemarks(bytes, at, codes);
  return { storeHost, codes, queueIds, queueOffsets, physicalOffsets, remarks };
}

function decodeRemarks(bytes: Buffer, from: number, codes: readonly number[]): (string | undefined)[] | undefined {
  const end = bytes.length;
  const refused = readUint16(bytes, from);
  let at = from + 2;
  let remarks: (string | undefined)[] | undefined;
  for (let i = 0; i < refused; i++) {
    if (at + 4 > end) throw noAnswer(at, end);
    const message = readUint16(bytes, at);
    const next = at + 4 + readUint16(bytes, at + 2);
    if (message >= codes.length || codes[message] === ResponseCode.SUCCESS || next > end) throw noAnswer(at, end);
    remarks ??= codes.map(() => undefined);
    remarks[message] = bytes.toString('utf8', at + 4, next);
    at = next;
  }
  if (at !== end) throw noAnswer(at, end);
  return remarks;
}

function noAnswer(at: number, end: number): MessagingError {
  return new MessagingError('BAD_ARGUMENT', `The answer to a pack cannot be read at byte ${at} of ${end}.`);
}
