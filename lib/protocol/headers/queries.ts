import { defineHeader, flag, int, long, text } from './schema.js';

/** QUERY_MESSAGE: messages of a topic by key. */
export interface QueryMessageRequestHeader {
  topic: string;
  key: string;
  maxNum: number;
  /** Store times in milliseconds since 1970, both inclusive. */
  beginTimestamp: number;
  endTimestamp: number;
  /** `_UNIQUE_KEY_QUERY` on the wire: the key is a message's unique id, not one of its keys. Default: false. */
  unique?: boolean;
}

export interface QueryMessageResponseHeader {
  /** When the youngest message that the index knows was stored. */
  indexLastUpdateTimestamp: number;
  indexLastUpdatePhyoffset: number;
}

export const queryMessage = defineHeader<QueryMessageRequestHeader>({
  topic: text,
  key: text,
  maxNum: int,
  beginTimestamp: long,
  endTimestamp: long,
  unique: { ...flag, required: false, wire: '_UNIQUE_KEY_QUERY', fallback: false },
});

export const queryMessageResponse = defineHeader<QueryMessageResponseHeader>({
  indexLastUpdateTimestamp: long,
  indexLastUpdatePhyoffset: long,
});
