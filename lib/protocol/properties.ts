import { MessagingError } from './errors.js';
import { javaHashCode } from './java-hash.js';
import { PropertyName } from './property-names.js';

const NAME_VALUE = 0x01;
const NAME_VALUE_SEPARATOR = '\x01';
const PROPERTY_SEPARATOR = '\x02';
const END = 0x02;

// Properties string, UTF-8 on the wire; 4.9 writers leave out the last 0x02, 5.x writers keep it:
//
//   name 0x01 value 0x02 name 0x01 value 0x02 …
//
// A reader skips entries without a name, a separator or a value; of two entries of one name the last counts. A value may
// hold 0x01, a name may not; so whatever was read can be written again.

function checkEntry(name: string, value: string): void {
  if (name === '' || value === '') {
    throw new MessagingError(
      'PROPERTIES_INVALID',
      `The property ${JSON.stringify(name)} has no ${name === '' ? 'name' : 'value'}; readers would drop it. Leave it out.`,
    );
  }
  if (name.includes(NAME_VALUE_SEPARATOR) || name.includes(PROPERTY_SEPARATOR) || value.includes(PROPERTY_SEPARATOR)) {
    throw new MessagingError(
      'PROPERTIES_INVALID',
      `The property ${JSON.stringify(name)} contains a character that ends names (0x01) or properties (0x02). Encode it otherwise.`,
    );
  }
}

/** Writes the wire form, closed by 0x02. Throws PROPERTIES_INVALID for what no reader would get back. */
export function encodeProperties(entries: Iterable<readonly [string, string]>): string {
  let text = '';
  for (const [name, value] of entries) {
    checkEntry(name, value);
    text += name + NAME_VALUE_SEPARATOR + value + PROPERTY_SEPARATOR;
  }
  return text;
}

/** Reads the wire form, as tolerantly as RocketMQ does. Never throws. */
export function decodeProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (let at = 0; at < text.length;) {
    let end = text.indexOf(PROPERTY_SEPARATOR, at);
    if (end < 0) {
      end = text.length;
    }
    const separator = text.indexOf(NAME_VALUE_SEPARATOR, at);
    if (separator < 0) {
      break;
    }
    if (separator > at && separator < end - 1) {
      properties.set(text.slice(at, separator), text.slice(separator + 1, end));
    }
    at = end + 1;
  }
  return properties;
}

/** The value that `decodeProperties` would give for the name, by a scan and without building anything else. */
export function getProperty(text: string, name: string): string | undefined {
  let value: string | undefined;
  const length = name.length;
  if (length === 0) {
    return undefined;
  }
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    if (text.charCodeAt(at + length) !== NAME_VALUE || (at > 0 && text.charCodeAt(at - 1) !== END)) {
      continue;
    }
    const start = at + length + 1;
    let end = text.indexOf(PROPERTY_SEPARATOR, start);
    if (end < 0) {
      end = text.length;
    }
    if (end > start) {
      value = text.slice(start, end);
    }
  }
  return value;
}

/** Adds an entry at the end, where it overrules an earlier one of its name; closes an open string first. */
export function appendProperty(text: string, name: string, value: string): string {
  checkEntry(name, value);
  return closeProperties(text) + name + NAME_VALUE_SEPARATOR + value + PROPERTY_SEPARATOR;
}

/** Puts an entry in the place of all earlier ones of its name. */
export function setProperty(text: string, name: string, value: string): string {
  return appendProperty(removeProperties(text, [name]), name, value);
}

/** The string with its last 0x02, which 4.9 clients leave out. */
export function closeProperties(text: string): string {
  return text.length === 0 || text.charCodeAt(text.length - 1) === END ? text : text + PROPERTY_SEPARATOR;
}

/** Drops every entry of these names; the very same string when there is none. */
export function removeProperties(text: string, names: Iterable<string>): string {
  let rest = text;
  for (const name of names) {
    rest = removeProperty(rest, name);
  }
  return rest;
}

function removeProperty(text: string, name: string): string {
  let rest = '';
  let kept = 0;
  for (let at = name === '' ? -1 : text.indexOf(name); at >= 0; at = text.indexOf(name, at)) {
    if (text.charCodeAt(at + name.length) !== NAME_VALUE || (at > 0 && text.charCodeAt(at - 1) !== END)) {
      at++;
      continue;
    }
    const end = text.indexOf(PROPERTY_SEPARATOR, at + name.length);
    rest += text.slice(kept, at);
    kept = end < 0 ? text.length : end + 1;
    at = kept;
  }
  return kept === 0 ? text : rest + text.slice(kept);
}

/** What consume queues keep of the tag: its Java hash code, 0 without a tag. */
export function tagsCode(properties: string): number {
  const tag = getProperty(properties, PropertyName.TAGS);
  return tag === undefined ? 0 : javaHashCode(tag);
}
