import { isUtf8 } from 'node:buffer';
import type { ContentType } from '../../client/index.js';
import { BodyCopies, MessagingError } from '../../protocol/index.js';
import { describeValue } from './duration.js';

/** @publicApi */
export interface EncodedPayload {
  body: Buffer;
  contentType: ContentType;
}

/**
 * Turns payloads into bytes and back. Replace it with the `converter` option of `forRoot`.
 *
 * @publicApi
 */
export interface MessageConverter {
  /** The body may be the payload itself: it is copied before the send returns. Throws when the payload has no such form. */
  encode(payload: unknown): EncodedPayload;
  /**
   * What it throws sends the message to the dead letters, without the handler being called.
   *
   * @param contentType What the sender said; undefined from senders that say nothing.
   * @param type The declared type of the handler's payload, when the compiler emitted it.
   */
  decode(body: Buffer, contentType: ContentType | undefined, type: unknown): unknown;
}

/**
 * Text, bytes, and JSON for everything else. What arrives is read as its sender said; without a word of the sender's
 * the declared type decides (`string`, `Buffer`, `Uint8Array`), then it is JSON.
 *
 * @publicApi
 */
export class DefaultMessageConverter implements MessageConverter {
  /** Smaller than a sender's: applications may keep what they are given. */
  readonly #copies = new BodyCopies(64 * 1024);

  encode(payload: unknown): EncodedPayload {
    if (typeof payload === 'string') return { body: Buffer.from(payload, 'utf8'), contentType: 'text' };
    if (payload instanceof Uint8Array) return { body: bytesOf(payload), contentType: 'binary' };
    return { body: Buffer.from(toJson(payload), 'utf8'), contentType: 'json' };
  }

  decode(body: Buffer, contentType: ContentType | undefined, type: unknown): unknown {
    switch (contentType ?? typeFor(type)) {
      case 'text':
        return decodeText(body);
      case 'binary':
        return this.#copies.copy(body);
      default:
        return fromJson(body);
    }
  }
}

function bytesOf(payload: Uint8Array): Buffer {
  return Buffer.isBuffer(payload) ? payload : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}

function typeFor(type: unknown): ContentType {
  if (type === String) return 'text';
  return type === Buffer || type === Uint8Array ? 'binary' : 'json';
}

function toJson(payload: unknown): string {
  let json: string | undefined;
  let cause: unknown;
  try {
    json = JSON.stringify(payload) as string | undefined;
  } catch (error) {
    cause = error;
  }
  if (json !== undefined) return json;
  const why = cause instanceof Error ? cause.message : `${describeValue(payload)} has no JSON form`;
  throw new MessagingError(
    'PAYLOAD_UNENCODABLE',
    `the payload cannot be sent: ${why}; send text, a Buffer or what JSON can hold, or set a converter`,
    { cause },
  );
}

function decodeText(body: Buffer): string {
  // toString() would replace what is no UTF-8, and the damage would go unseen.
  if (isUtf8(body)) return body.toString('utf8');
  throw new MessagingError('UNDECODABLE', `the body of ${body.length} bytes is not UTF-8 text`);
}

function fromJson(body: Buffer): unknown {
  const text = decodeText(body);
  try {
    return JSON.parse(text);
  } catch (cause) {
    // The parser's own message would quote the body, which is nobody's business in a log.
    throw new MessagingError('UNDECODABLE', `the body of ${body.length} bytes is not JSON`, { cause });
  }
}
