import type { ContentType } from '../producer/messages.js';

/** What a handler answers a request with. */
export interface Reply {
  readonly body: Buffer;
  readonly contentType: ContentType;
  /** The body is an array of the values that the handler gave one after the other. Default: false. */
  readonly several?: boolean;
}

/** What came back; undefined stands for a handler that returned nothing. */
export interface ReceivedReply {
  readonly body: Buffer;
  readonly contentType: ContentType | undefined;
  /** The body is an array of the values that the handler gave one after the other. */
  readonly several: boolean;
}
