import { createHash } from 'node:crypto';
import type { ReceivedMessage } from '../client/index.js';
import { ExtensionProperty, PropertyName } from '../protocol/index.js';
import { IdempotencyKeyError } from './idempotency-errors.js';
import type { IdempotencyKey } from './options.js';
import { MAX_KEY_BYTES } from './store.js';

/** Whose messages are told apart. */
export interface KeyScope {
  readonly group: string;
  /** Of a broadcast group: every instance handles every message. */
  readonly instance: string | undefined;
}

// A key is a text of parts:
//
//   group | topic | id                         usually
//   group | instance | topic | id              of a broadcast group
//   group | topic | \again stamp | id          resent or replayed on purpose, without keepIdempotency
//
// In a part, `\` and `|` have a `\` before them, so that no part can look like two, and none like a mark (`\again`, `\sha256`).
// What is too long, or has characters that a database may refuse or fold, is cut and ends in `\sha256` and the hash of all.

const HASH_MARK = '\\sha256 ';
/** Of SHA-256 in base64url. */
const HASH_CHARS = 43;
const AGAIN_MARK = '\\again ';
/** PostgreSQL refuses U+0000, and half a surrogate pair becomes the same U+FFFD in every encoder. */
const UNSAFE = /\u0000|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

/**
 * By what a store knows the message, of at most `MAX_KEY_BYTES` bytes.
 * @throws IdempotencyKeyError for a message without the key that is asked for; whatever a key function throws.
 */
export function idempotencyKey(message: ReceivedMessage, key: 'id' | 'keys' | IdempotencyKey, scope: KeyScope): string {
  const parts = [escaped(scope.group)];
  if (scope.instance !== undefined) parts.push(escaped(scope.instance));
  parts.push(escaped(message.topic));
  const again = message.repetition;
  if (again !== undefined) parts.push(AGAIN_MARK + escaped(again));
  if (key === 'id') parts.push(escaped(originOf(message)));
  else for (const part of keyOf(message, key)) parts.push(escaped(part));
  return fitted(parts.join('|'));
}

/** Of senders that give no id, the place where the first copy was stored: retries are stored anew. */
function originOf(message: ReceivedMessage): string {
  const id = message.systemProperty(ExtensionProperty.ORIGIN_ID) ?? message.systemProperty(PropertyName.UNIQUE_KEY);
  return id ?? message.systemProperty(PropertyName.ORIGIN_MESSAGE_ID) ?? message.offsetMessageId;
}

function keyOf(message: ReceivedMessage, key: 'keys' | IdempotencyKey): readonly string[] {
  const found = key === 'keys' ? message.keys : key(message);
  const parts = typeof found === 'string' ? [found] : (found ?? []);
  const what = key === 'keys' ? 'no keys' : 'no key: the key function gave';
  if (!Array.isArray(parts) || parts.some((part) => typeof part !== 'string')) {
    throw new IdempotencyKeyError(message, `${what} something that is no text`);
  }
  if (parts.length > 0 && parts.every((part) => part !== '')) return parts;
  throw new IdempotencyKeyError(message, key === 'keys' ? what : `${what} ${JSON.stringify(found) ?? 'undefined'}`);
}

function escaped(part: string): string {
  return part.includes('|') || part.includes('\\') ? part.replace(/[\\|]/g, String.raw`\$&`) : part;
}

function fitted(key: string): string {
  // Three bytes a UTF-16 unit are the most that UTF-8 takes.
  if ((key.length * 3 <= MAX_KEY_BYTES || Buffer.byteLength(key) <= MAX_KEY_BYTES) && !UNSAFE.test(key)) return key;
  const hash = createHash('sha256').update(Buffer.from(key, 'utf16le')).digest('base64url');
  const room = MAX_KEY_BYTES - HASH_MARK.length - HASH_CHARS;
  return readableStart(key, room) + HASH_MARK + hash;
}

/** So much of it as fits in so many bytes, for people who look into the store. */
function readableStart(key: string, room: number): string {
  let bytes = 0;
  let start = '';
  for (const character of key) {
    if (UNSAFE.test(character)) break;
    bytes += Buffer.byteLength(character);
    if (bytes > room) break;
    start += character;
  }
  return start;
}
