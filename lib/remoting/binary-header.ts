import type { RemotingCommand } from '../protocol/index.js';
import { frameInvalid } from './frame-error.js';
import type { HeaderBuffer } from './header-buffer.js';
import type { FieldSource, PutField } from './header-fields.js';

/*
 * RocketMQSerializable, all numbers big-endian:
 *
 *    0      2          3         5        9      13           17       17 + r      21 + r
 *   +------+----------+---------+--------+------+------------+--------+-----------+------------+
 *   | code | language | version | opaque | flag | remark     | remark | fields    | fields     |
 *   | int16| int8     | int16   | int32  | int32| length r   | UTF-8  | length    | repeated   |
 *   |      |          |         |        |      | int32      |        | int32     |            |
 *   +------+----------+---------+--------+------+------------+--------+-----------+------------+
 *
 *   field := | name length uint16 | name | value length int32 | value |
 *
 * A name length over 32,767 is negative to Java; it is read unsigned here and bounded by what is left.
 */

const FIXED_BYTES = 21;
const NO_FIELDS: ReadonlyMap<string, string> = new Map();

/** Code and version have 16 bits: POP codes (200050) would arrive as other ones. */
export function fitsBinaryHeader(command: RemotingCommand): boolean {
  return command.code === (command.code << 16) >> 16 && command.version === (command.version << 16) >> 16;
}

let target: HeaderBuffer;

const putField: PutField = (name, value) => {
  target.reserve(6 + 3 * (name.length + value.length));
  const nameAt = target.at;
  target.at += 2;
  const nameBytes = target.text(name);
  if (nameBytes > 0x7fff) throw frameInvalid(`a field name has ${nameBytes} bytes; the binary header takes 32767`);
  target.bytes.writeUInt16BE(nameBytes, nameAt);
  const valueAt = target.at;
  target.at += 4;
  target.bytes.writeInt32BE(target.text(value), valueAt);
};

export function encodeBinaryHeader(command: RemotingCommand, fields: FieldSource, into: HeaderBuffer): void {
  const remark = command.remark ?? '';
  into.reserve(FIXED_BYTES + 3 * remark.length);
  const start = into.at;
  const bytes = into.bytes;
  bytes.writeInt16BE(command.code, start);
  bytes[start + 2] = command.language;
  bytes.writeInt16BE(command.version, start + 3);
  bytes.writeInt32BE(command.opaque, start + 5);
  bytes.writeInt32BE(command.flag, start + 9);
  into.at = start + 17;
  bytes.writeInt32BE(into.text(remark), start + 13);
  const fieldsAt = into.at;
  into.at += 4;
  // One module-wide function instead of a closure per frame; encoding never nests.
  target = into;
  fields(command, putField);
  into.bytes.writeInt32BE(into.at - fieldsAt - 4, fieldsAt);
}

/** Throws FRAME_INVALID when a length does not fit into what is there. */
export function decodeBinaryHeader(bytes: Buffer, start: number, end: number): RemotingCommand {
  if (end - start < FIXED_BYTES)
    throw frameInvalid(`its binary header has ${end - start} bytes, less than ${FIXED_BYTES}`);
  const remarkLength = bytes.readInt32BE(start + 13);
  const remarkEnd = start + 17 + remarkLength;
  if (remarkLength < 0 || remarkEnd + 4 > end) throw frameInvalid(`a remark of ${remarkLength} bytes does not fit`);
  const fieldsLength = bytes.readInt32BE(remarkEnd);
  const fieldsStart = remarkEnd + 4;
  if (fieldsLength < 0 || fieldsStart + fieldsLength > end)
    throw frameInvalid(`fields of ${fieldsLength} bytes do not fit`);
  return {
    code: bytes.readInt16BE(start),
    language: bytes[start + 2]!,
    version: bytes.readInt16BE(start + 3),
    opaque: bytes.readInt32BE(start + 5),
    flag: bytes.readInt32BE(start + 9),
    remark: remarkLength === 0 ? undefined : bytes.toString('utf8', start + 17, remarkEnd),
    header: {},
    extFields: fieldsLength === 0 ? NO_FIELDS : decodeFields(bytes, fieldsStart, fieldsStart + fieldsLength),
    body: undefined,
    serializeType: 1,
  };
}

function decodeFields(bytes: Buffer, start: number, end: number): Map<string, string> {
  const fields = new Map<string, string>();
  let at = start;
  while (at < end) {
    const nameStart = at + 2;
    const nameEnd = nameStart > end ? end + 1 : nameStart + bytes.readUInt16BE(at);
    const valueStart = nameEnd + 4;
    if (valueStart > end) throw frameInvalid('a field of its binary header does not fit');
    const valueLength = bytes.readInt32BE(nameEnd);
    at = valueStart + valueLength;
    if (valueLength < 0 || at > end) throw frameInvalid(`a field value of ${valueLength} bytes does not fit`);
    fields.set(text(bytes, nameStart, nameEnd), text(bytes, valueStart, at));
  }
  return fields;
}

/** Most names and values are a few ASCII characters: building them here is faster than the call into C++. */
function text(bytes: Buffer, start: number, end: number): string {
  if (end - start > 8) return bytes.toString('utf8', start, end);
  let value = '';
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte > 0x7f) return bytes.toString('utf8', start, end);
    value += String.fromCharCode(byte);
  }
  return value;
}
