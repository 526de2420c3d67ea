import type { OutgoingMessage } from '../../client/index.js';

/** A row as a relay reads it. */
export interface OutboxRow {
  readonly seq: number;
  readonly lane: number;
  /** How often it was sent in vain. */
  readonly attempts: number;
  readonly message: OutgoingMessage & { readonly messageId: string };
}

type Headers = Pick<OutgoingMessage, 'tag' | 'keys' | 'properties' | 'contentType' | 'expiresAt' | 'delay' | 'dedupId'>;

/** Undefined values leave no trace in JSON. */
export function encodeHeaders(message: OutgoingMessage): string {
  const { tag, keys, properties, contentType, expiresAt, delay, dedupId } = message;
  const headers: Headers = { tag, keys, properties, contentType, expiresAt, delay, dedupId };
  return JSON.stringify(headers);
}

export function decodeRow(row: Readonly<Record<string, unknown>>): OutboxRow {
  const body = row.body as Uint8Array;
  const orderKey = row.order_key as string | null;
  const message: OutgoingMessage & { messageId: string } = {
    ...(JSON.parse(row.headers as string) as Headers),
    topic: row.topic as string,
    messageId: row.id as string,
    body: Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength),
  };
  if (orderKey !== null) message.shardingKey = orderKey;
  // Whole numbers beyond 32 bits come as texts, numbers or BigInts, by the client of the database.
  return { seq: Number(row.seq), lane: Number(row.lane), attempts: Number(row.attempts), message };
}
