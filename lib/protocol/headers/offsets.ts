import { ExtensionField } from '../extensions.js';
import { defineHeader, int, long, optionalFlag, optionalText, text } from './schema.js';

export interface QueryConsumerOffsetRequestHeader {
  consumerGroup: string;
  topic: string;
  queueId: number;
  /** Default true: Apache may answer a group without a stored offset with 0 while the queue is young. */
  setZeroIfNotFound?: boolean;
}

export interface QueryConsumerOffsetResponseHeader {
  offset: number;
  /** Extension: how often processes died with the same messages unsettled; see `ExtensionField.DEATHS`. */
  deaths?: number;
  /** Extension: the first offset that is not suspected any more. */
  suspectsUntil?: number;
  /** Extension: the offset of the message that was alone in a handler when the process died. */
  killer?: number;
}

export interface UpdateConsumerOffsetRequestHeader {
  consumerGroup: string;
  topic: string;
  queueId: number;
  commitOffset: number;
  /** Extension: see `ExtensionField.DURABLE`. */
  durable?: boolean;
}

export interface SearchOffsetRequestHeader {
  topic: string;
  queueId: number;
  /** Milliseconds since 1970. */
  timestamp: number;
  /** LOWER (default) or UPPER. */
  boundaryType?: string;
}

export interface SearchOffsetResponseHeader {
  offset: number;
}

export interface GetMaxOffsetRequestHeader {
  topic: string;
  queueId: number;
  committed?: boolean;
}

export interface GetMaxOffsetResponseHeader {
  /** Of the next message to be stored. */
  offset: number;
}

export interface GetMinOffsetRequestHeader {
  topic: string;
  queueId: number;
}

export interface GetMinOffsetResponseHeader {
  offset: number;
}

export interface GetEarliestMsgStoretimeRequestHeader {
  topic: string;
  queueId: number;
}

export interface GetEarliestMsgStoretimeResponseHeader {
  timestamp: number;
}

export const queryConsumerOffset = defineHeader<QueryConsumerOffsetRequestHeader>({
  consumerGroup: text,
  topic: text,
  queueId: int,
  setZeroIfNotFound: optionalFlag,
});

export const updateConsumerOffset = defineHeader<UpdateConsumerOffsetRequestHeader>({
  consumerGroup: text,
  topic: text,
  queueId: int,
  commitOffset: long,
  durable: { kind: 'flag', required: false, wire: ExtensionField.DURABLE },
});

export const searchOffset = defineHeader<SearchOffsetRequestHeader>({
  topic: text,
  queueId: int,
  timestamp: long,
  boundaryType: optionalText,
});

export const getMaxOffset = defineHeader<GetMaxOffsetRequestHeader>({
  topic: text,
  queueId: int,
  committed: optionalFlag,
});

export const getMinOffset = defineHeader<GetMinOffsetRequestHeader>({ topic: text, queueId: int });

export const queryConsumerOffsetResponse = defineHeader<QueryConsumerOffsetResponseHeader>({
  offset: long,
  deaths: { kind: 'int', required: false, wire: ExtensionField.DEATHS },
  suspectsUntil: { kind: 'long', required: false, wire: ExtensionField.SUSPECTS_UNTIL },
  killer: { kind: 'long', required: false, wire: ExtensionField.KILLER },
});

export const offsetResponse = defineHeader<GetMaxOffsetResponseHeader>({ offset: long });

export const timestampResponse = defineHeader<GetEarliestMsgStoretimeResponseHeader>({ timestamp: long });
