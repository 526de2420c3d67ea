import { ExtensionField } from '../extensions.js';
import { defineHeader, flag, long, optionalInt, optionalLong, optionalText, text } from './schema.js';

export interface GetConsumeStatsRequestHeader {
  consumerGroup: string;
  /** Absent or empty: all topics of the group. */
  topic?: string;
  /** Since RocketMQ 5, in its place: several, with `;` between them. */
  topicList?: string;
}

/** QUERY_TOPIC_CONSUME_BY_WHO */
export interface GetGroupsOfTopicRequestHeader {
  topic: string;
}

/** INVOKE_BROKER_TO_RESET_OFFSET */
export interface ResetOffsetRequestHeader {
  topic: string;
  group: string;
  /** To the first message stored at this time (ms since 1970) or later; -1: to the end. */
  timestamp: number;
  isForce: boolean;
  /** Since RocketMQ 5. Negative or absent: all queues. */
  queueId?: number;
  /** Since RocketMQ 5, in the place of the time. Only with a queue. */
  offset?: number;
}

/** RESET_CONSUMER_CLIENT_OFFSET, from the broker, oneway. */
export interface ResetClientOffsetRequestHeader {
  topic: string;
  group: string;
  timestamp: number;
  /** Extension; see `ExtensionField.RESET_STORED`. */
  stored?: boolean;
}

export const getConsumeStats = defineHeader<GetConsumeStatsRequestHeader>({
  consumerGroup: text,
  topic: optionalText,
  topicList: optionalText,
});

export const resetOffset = defineHeader<ResetOffsetRequestHeader>({
  topic: text,
  group: text,
  timestamp: long,
  isForce: flag,
  queueId: optionalInt,
  offset: optionalLong,
});

export const resetClientOffset = defineHeader<ResetClientOffsetRequestHeader>({
  topic: text,
  group: text,
  timestamp: long,
  stored: { kind: 'flag', required: false, wire: ExtensionField.RESET_STORED },
});
