import type { OutgoingMessage, Producer, SendOptions, SendResult } from '../../client/index.js';
import { MessagingError } from '../../protocol/index.js';

/** Five lengths and numbers, plus what the client adds to the properties (unique id, flags). */
const OVERHEAD_BYTES = 256;

/** Cuts the messages, in order, into parts that one batch holds. A message too large for any is left to the producer to refuse. */
export function splitBatch(messages: readonly OutgoingMessage[], limit: number): OutgoingMessage[][] {
  const parts: OutgoingMessage[][] = [];
  let size = 0;
  for (const message of messages) {
    const own = batchedSize(message);
    const part = parts.at(-1);
    if (part === undefined || size + own > limit) {
      parts.push([message]);
      size = own;
    } else {
      part.push(message);
      size += own;
    }
  }
  return parts;
}

function batchedSize(message: OutgoingMessage): number {
  let size = OVERHEAD_BYTES + message.body.length + byteLength(message.tag);
  for (const key of message.keys ?? []) size += byteLength(key) + 1;
  for (const [name, value] of Object.entries(message.properties ?? {}))
    size += byteLength(name) + byteLength(value) + 2;
  return size;
}

function byteLength(text: string | undefined): number {
  return text === undefined ? 0 : Buffer.byteLength(text, 'utf8');
}

/** Sends part after part, so that the order is kept; stops at the first that fails. */
export async function sendInParts(
  producer: Producer,
  parts: readonly OutgoingMessage[][],
  options: SendOptions,
): Promise<SendResult[]> {
  const results: SendResult[] = [];
  let sent = 0;
  for (const part of parts) {
    try {
      results.push(await producer.sendBatch(part, options));
    } catch (cause) {
      if (results.length === 0 || !(cause instanceof MessagingError)) throw cause;
      throw new MessagingError(
        cause.code,
        `batch: part ${results.length + 1} of ${parts.length} failed after ${sent} messages were stored: ${cause.message}`,
        { cause, retryable: cause.retryable },
      );
    }
    sent += part.length;
  }
  return results;
}
