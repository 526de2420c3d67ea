import { MessagingError, type RemotingCommand } from '../protocol/index.js';
import { decodeBinaryHeader, encodeBinaryHeader, fitsBinaryHeader } from './binary-header.js';
import type { FieldSource } from './header-fields.js';
import { frameInvalid } from './frame-error.js';
import { HeaderBuffer } from './header-buffer.js';
import { decodeJsonHeader, encodeJsonHeader } from './json-header.js';

/*
 * A frame, all numbers big-endian:
 *
 *    0        4          5              8                    8 + headerLength
 *   +--------+----------+--------------+--------------------+------------------------+
 *   | length | header   | headerLength | header             | body                   |
 *   | int32  | type int8| uint24       | JSON or binary     | the rest, may be empty |
 *   +--------+----------+--------------+--------------------+------------------------+
 *            |<------------------------- length ---------------------------------- >|
 *
 * header type: 0 JSON, 1 binary ("ROCKETMQ"). Each end reads what it finds and answers in the same form.
 */

/** Java's com.rocketmq.remoting.frameMaxLength; a longer frame closes the connection there as well. */
export const MAX_FRAME_BYTES = 16_777_216;
/** Far above every header that exists; parsing one of 15 MiB of JSON held up the process for 1.2 s (measured). */
export const MAX_HEADER_BYTES = 1_048_576;
/** Bytes before the header. */
export const FRAME_PREFIX_BYTES = 8;

export type SerializeType = 0 | 1;
export const SERIALIZE_JSON = 0;
export const SERIALIZE_BINARY = 1;

const scratch = new HeaderBuffer();

/**
 * Encodes all of a frame but its body. The bytes are valid until the next call. `fields` gives the header's fields.
 * Codes that do not fit 16 bits (POP) travel as JSON whatever was asked for.
 */
export function encodeFrameHead(command: RemotingCommand, type: SerializeType, fields: FieldSource): Buffer {
  scratch.reset(FRAME_PREFIX_BYTES);
  const binary = type === SERIALIZE_BINARY && fitsBinaryHeader(command);
  if (binary) encodeBinaryHeader(command, fields, scratch);
  else encodeJsonHeader(command, fields, scratch);
  const headerLength = scratch.at - FRAME_PREFIX_BYTES;
  const length = 4 + headerLength + (command.body?.length ?? 0);
  if (length > MAX_FRAME_BYTES || headerLength > MAX_HEADER_BYTES) {
    throw new MessagingError(
      'MESSAGE_TOO_LARGE',
      `A frame of ${length} bytes (header ${headerLength}) with code ${command.code} is over the limit of ${MAX_FRAME_BYTES} ` +
        `(header ${MAX_HEADER_BYTES}). Send less at once, or smaller messages`,
    );
  }
  const bytes = scratch.bytes;
  bytes.writeInt32BE(length, 0);
  bytes.writeInt32BE(((binary ? SERIALIZE_BINARY : SERIALIZE_JSON) << 24) | headerLength, 4);
  return bytes.subarray(0, scratch.at);
}

/** A whole frame in one buffer of its own; for tools and tests. */
export function encodeFrame(command: RemotingCommand, type: SerializeType, fields: FieldSource): Buffer {
  const head = encodeFrameHead(command, type, fields);
  return command.body === undefined ? Buffer.from(head) : Buffer.concat([head, command.body]);
}

/**
 * Decodes the frame at `start` (of its length field) to `end`. `header` stays empty: its type depends on the code, for
 * answers on that of the request. The body is a view: whoever keeps it longer than the call keeps the whole chunk.
 */
export function decodeFrame(bytes: Buffer, start: number, end: number): RemotingCommand {
  const word = bytes.readInt32BE(start + 4);
  const headerStart = start + FRAME_PREFIX_BYTES;
  const headerEnd = headerStart + (word & 0xffffff);
  const command =
    word >>> 24 === SERIALIZE_BINARY
      ? decodeBinaryHeader(bytes, headerStart, headerEnd)
      : decodeJsonHeader(bytes, headerStart, headerEnd);
  if (headerEnd < end) command.body = bytes.subarray(headerEnd, end);
  return command;
}

/** Checks what can be checked before the frame is there; throws FRAME_INVALID. */
export function checkFrameLength(length: number): void {
  if (length < 4 || length > MAX_FRAME_BYTES) {
    throw frameInvalid(`its length is ${length}; lengths from 4 to ${MAX_FRAME_BYTES} are allowed`);
  }
}

/** `word` is the second word of the frame. */
export function checkFrameHeader(length: number, word: number): void {
  const type = word >>> 24;
  const headerLength = word & 0xffffff;
  if (type !== SERIALIZE_JSON && type !== SERIALIZE_BINARY) {
    throw frameInvalid(`its header type is ${type}; 0 (JSON) and 1 (binary) exist`);
  }
  if (headerLength > length - 4) {
    throw frameInvalid(`its header of ${headerLength} bytes is longer than the frame of ${length}`);
  }
  if (headerLength > MAX_HEADER_BYTES) {
    throw frameInvalid(`its header has ${headerLength} bytes; the limit is ${MAX_HEADER_BYTES}`);
  }
}
