import { defineHeader, int, long, optionalFlag, optionalInt, optionalText, text } from './schema.js';

export interface CreateTopicRequestHeader {
  topic: string;
  defaultTopic: string;
  readQueueNums: number;
  writeQueueNums: number;
  /** Bits of `Permission`. */
  perm: number;
  /** SINGLE_TAG or MULTI_TAG. */
  topicFilterType: string;
  topicSysFlag?: number;
  order?: boolean;
  attributes?: string;
  force?: boolean;
}

export interface DeleteTopicRequestHeader {
  topic: string;
}

export interface GetRouteInfoRequestHeader {
  topic: string;
  /** Keys of objects in the answer must be quoted; ours always are. */
  acceptStandardJsonOnly?: boolean;
}

/** VIEW_MESSAGE_BY_ID */
export interface ViewMessageRequestHeader {
  /** Physical offset. */
  offset: number;
  topic?: string;
}

export const createTopic = defineHeader<CreateTopicRequestHeader>({
  topic: text,
  defaultTopic: text,
  readQueueNums: int,
  writeQueueNums: int,
  perm: int,
  topicFilterType: text,
  topicSysFlag: optionalInt,
  order: { kind: 'flag', required: false, fallback: false },
  attributes: optionalText,
  force: optionalFlag,
});

export const topicOnly = defineHeader<DeleteTopicRequestHeader>({ topic: text });

export const getRouteInfo = defineHeader<GetRouteInfoRequestHeader>({
  topic: text,
  acceptStandardJsonOnly: optionalFlag,
});

export const viewMessage = defineHeader<ViewMessageRequestHeader>({ offset: long, topic: optionalText });
