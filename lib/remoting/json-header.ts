import type { RemotingCommand } from '../protocol/index.js';
import { frameInvalid } from './frame-error.js';
import type { HeaderBuffer } from './header-buffer.js';
import type { FieldSource } from './header-fields.js';
import { JsonFields } from './json-fields.js';
import { languageName, languageOf } from './languages.js';

/*
 * {"code":310,"language":"OTHER","version":479,"opaque":7,"flag":0,"remark":"…","extFields":{"a":"group",…}}
 *
 * Every extension field is a string (Go refuses anything else); `extFields` is always there, because Java's client and
 * NameServer read it without looking whether it is.
 */

const INT32_MAX = 2 ** 31 - 1;
const INT32_MIN = -(2 ** 31);
const NO_FIELDS: ReadonlyMap<string, string> = new Map();

export function encodeJsonHeader(command: RemotingCommand, fields: FieldSource, into: HeaderBuffer): void {
  // Only relayed fields come from the wire, where one may be named `__proto__`; an object without a prototype takes it,
  // but is slow.
  const extFields: Record<string, string> = command.extFields === undefined ? {} : Object.create(null);
  fields(command, (name, value) => {
    extFields[name] = value;
  });
  const text = JSON.stringify({
    code: command.code,
    language: languageName(command.language),
    version: command.version,
    opaque: command.opaque,
    flag: command.flag,
    remark: command.remark,
    extFields,
  });
  into.reserve(3 * text.length);
  into.text(text);
}

/** Throws FRAME_INVALID when the text is not the JSON of a header. */
export function decodeJsonHeader(bytes: Buffer, start: number, end: number): RemotingCommand {
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8', start, end));
  } catch (error) {
    throw frameInvalid('its header is not JSON', error);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw frameInvalid('its JSON header is no object');
  }
  const header = parsed as Record<string, unknown>;
  return {
    code: int32(header, 'code'),
    language: languageOf(header.language),
    version: int32(header, 'version', 0),
    opaque: int32(header, 'opaque'),
    flag: int32(header, 'flag', 0),
    remark: typeof header.remark === 'string' ? header.remark : undefined,
    header: {},
    extFields: extFieldsOf(header.extFields),
    body: undefined,
    serializeType: 0,
  };
}

function int32(header: Record<string, unknown>, name: string, absent?: number): number {
  const value = Object.hasOwn(header, name) ? header[name] : undefined;
  if ((value === undefined || value === null) && absent !== undefined) return absent;
  if (typeof value !== 'number' || !Number.isInteger(value) || value > INT32_MAX || value < INT32_MIN) {
    throw frameInvalid(`the field ${name} of its JSON header is no 32-bit number`);
  }
  // JSON knows -0; as a key of a table it would be another one than 0.
  return value | 0;
}

function extFieldsOf(value: unknown): ReadonlyMap<string, string> {
  if (value === undefined || value === null) return NO_FIELDS;
  if (typeof value !== 'object' || Array.isArray(value))
    throw frameInvalid('extFields of its JSON header is no object');
  return new JsonFields(value as Record<string, unknown>);
}
