import type { ContentType } from '../producer/messages.js';

/** What a handler answers a request with. */
export interface Reply {
  readonly body: Buffer;
  readonly contentType: ContentType;
}

/** What came back; undefined stands for a handler that returned nothing. */
export interface ReceivedReply {
  readonly body: Buffer;
  readonly contentType: ContentType | undefined;
}
