import { defineHeader, int, long, optionalFlag, optionalInt, optionalText, text } from './schema.js';

/** PUSH_REPLY_MESSAGE_TO_CLIENT, from broker to requester; the body is the reply's. */
export interface ReplyMessageRequestHeader {
  producerGroup: string;
  topic: string;
  defaultTopic: string;
  defaultTopicQueueNums: number;
  queueId: number;
  sysFlag: number;
  bornTimestamp: number;
  flag: number;
  /** Wire form, see `encodeProperties`. */
  properties?: string;
  reconsumeTimes?: number;
  unitMode?: boolean;
  /** `ip:port` */
  bornHost: string;
  storeHost: string;
  storeTimestamp: number;
}

export const replyMessage = defineHeader<ReplyMessageRequestHeader>({
  producerGroup: text,
  topic: text,
  defaultTopic: text,
  defaultTopicQueueNums: int,
  queueId: int,
  sysFlag: int,
  bornTimestamp: long,
  flag: int,
  properties: optionalText,
  reconsumeTimes: optionalInt,
  unitMode: optionalFlag,
  bornHost: text,
  storeHost: text,
  storeTimestamp: long,
});
