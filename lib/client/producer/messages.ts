/** What the body is, for whoever decodes it. */
export type ContentType = 'text' | 'json' | 'binary';

/** A message to be sent. The client copies `body`: changing it afterwards changes nothing. */
export interface OutgoingMessage {
  topic: string;
  body: Buffer;
  /** One tag, by which consumers filter. */
  tag?: string;
  /** By these the message can be found later; without white space. */
  keys?: readonly string[];
  /** Own properties: names neither reserved nor empty, values not empty, 31 KiB in all. */
  properties?: Readonly<Record<string, string>>;
  contentType?: ContentType;
  /** Messages with the same key stay in the order in which they were sent, whatever is retried. */
  shardingKey?: string;
  /** Milliseconds since 1970. No handler gets it from then on: it becomes a dead letter. Default: never. */
  expiresAt?: number;
  /** Only on topics that de-duplicate: a further message with this id is not stored. At most 255 bytes. */
  dedupId?: string;
  /** @internal The unique id, of a message that may have been sent before. Default: a new one. */
  messageId?: string;
  /** @internal Whoever handles it sends a reply. */
  request?: { readonly correlationId: string; readonly replyTo: string; readonly ttlMillis: number };
  /** `level` 1 to 18 (1 s to 2 h), or `deliverAt` in milliseconds since 1970. */
  delay?: { readonly level: number } | { readonly deliverAt: number };
}

export interface SendOptions {
  /** For everything: route, connection, all attempts. Default: `sendTimeoutMillis` of the client (3 s). */
  timeoutMillis?: number;
  /** Further attempts after the first one. Default: `sendRetries` of the client (2). */
  retries?: number;
}

/** How far the broker got before it answered. All of them mean: stored. */
export type SendStatus = 'SEND_OK' | 'FLUSH_DISK_TIMEOUT' | 'FLUSH_SLAVE_TIMEOUT' | 'SLAVE_NOT_AVAILABLE';

export interface SendResult {
  status: SendStatus;
  /** The id made by the producer, the same over all attempts (of a batch: the first message's). */
  messageId: string;
  /** The id given by the broker: where the message is stored (of a batch: of all, comma-joined). */
  offsetMessageId: string;
  topic: string;
  brokerName: string;
  queueId: number;
  /** Position in the queue (of a batch: of its first message, the others follow without a gap). */
  queueOffset: number;
  /** Of a batch: the ids of its messages, in order. */
  messageIds?: string[];
  /**
   * Of a message with a `dedupId`: true when one with that id was there before. Nothing was stored then, and all the rest of
   * this result is that of the first one. Undefined on Apache RocketMQ, which stores every message.
   */
  duplicate?: boolean;
}
