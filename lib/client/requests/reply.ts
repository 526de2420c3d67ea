import type { ContentType } from '../producer/messages.js';

/** What a handler answers a request with. */
export interface Reply {
  readonly body: Buffer;
  readonly contentType: ContentType;
}
