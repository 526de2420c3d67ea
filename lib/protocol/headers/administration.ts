import { defineHeader, flag, int, long, optionalFlag, optionalInt, optionalText, text } from './schema.js';

/** GET_ALL_TOPIC_CONFIG. RocketMQ 5 asks page by page; without any of the fields it wants everything. */
export interface GetAllTopicConfigRequestHeader {
  topicSeq?: number;
  maxTopicNum?: number;
}

/** Since RocketMQ 5. */
export interface GetAllTopicConfigResponseHeader {
  totalTopicNum?: number;
}

/** GET_ALL_SUBSCRIPTIONGROUP_CONFIG, likewise. */
export interface GetAllGroupsRequestHeader {
  groupSeq?: number;
  maxGroupNum?: number;
}

export interface GetAllGroupsResponseHeader {
  totalGroupNum?: number;
}

/** DELETE_SUBSCRIPTIONGROUP. The flag to delete its positions as well changed its name with RocketMQ 5. */
export interface DeleteGroupRequestHeader {
  groupName: string;
  removeOffset?: boolean;
  cleanOffset?: boolean;
}

/** GET_SUBSCRIPTIONGROUP_CONFIG, QUERY_TOPICS_BY_CONSUMER, QUERY_SUBSCRIPTION_BY_CONSUMER (with the topic). */
export interface GroupRequestHeader {
  group: string;
  topic?: string;
}

/** GET_PRODUCER_CONNECTION_LIST */
export interface ProducerGroupRequestHeader {
  producerGroup: string;
}

/** QUERY_CONSUME_TIME_SPAN */
export interface ConsumeTimeSpanRequestHeader {
  topic: string;
  group: string;
}

/** UPDATE_AND_GET_GROUP_FORBIDDEN. Without `readable` it only asks. */
export interface GroupForbiddenRequestHeader {
  group: string;
  topic: string;
  readable?: boolean;
}

/** INVOKE_BROKER_TO_GET_CONSUMER_STATUS, and GET_CONSUMER_STATUS_FROM_CLIENT from the broker. */
export interface ConsumerStatusRequestHeader {
  topic: string;
  group: string;
  /** A client id, in spite of its name. Absent or empty: all members. */
  clientAddr?: string;
}

/** GET_CONSUMER_RUNNING_INFO, relayed to the client. */
export interface ConsumerRunningInfoRequestHeader {
  consumerGroup: string;
  clientId: string;
  jstackEnable?: boolean;
}

/** CONSUME_MESSAGE_DIRECTLY, relayed to the client with the message as its body. */
export interface ConsumeDirectlyRequestHeader {
  consumerGroup: string;
  clientId?: string;
  /** An offset message id. */
  msgId?: string;
  brokerName?: string;
  topic?: string;
  topicSysFlag?: number;
  groupSysFlag?: number;
}

/** QUERY_CORRECTION_OFFSET */
export interface CorrectionOffsetRequestHeader {
  /** Comma-separated groups that do not count. */
  filterGroups?: string;
  compareGroup: string;
  topic: string;
}

/** CLONE_GROUP_OFFSET */
export interface CloneOffsetRequestHeader {
  srcGroup: string;
  destGroup: string;
  /** Absent or empty: all topics of the group. */
  topic?: string;
  offline?: boolean;
}

/** VIEW_BROKER_STATS_DATA */
export interface BrokerStatsRequestHeader {
  statsName: string;
  statsKey: string;
}

/** GET_BROKER_CONSUME_STATS */
export interface BrokerConsumeStatsRequestHeader {
  /** Only topics that are marked as ordered. */
  isOrder: boolean;
}

/** QUERY_CONSUME_QUEUE */
export interface ConsumeQueueRequestHeader {
  topic: string;
  queueId: number;
  index: number;
  count: number;
  consumerGroup?: string;
}

/** RESUME_CHECK_HALF_MESSAGE */
export interface ResumeHalfRequestHeader {
  /** An offset message id. */
  msgId?: string;
  topic?: string;
}

/** GET_BROKER_CONFIG */
export interface BrokerConfigResponseHeader {
  /** DataVersion as JSON. */
  version: string;
}

export const getAllTopicConfig = defineHeader<GetAllTopicConfigRequestHeader>({
  topicSeq: optionalInt,
  maxTopicNum: optionalInt,
});
export const getAllTopicConfigResponse = defineHeader<GetAllTopicConfigResponseHeader>({
  totalTopicNum: optionalInt,
});
export const getAllGroups = defineHeader<GetAllGroupsRequestHeader>({
  groupSeq: optionalInt,
  maxGroupNum: optionalInt,
});
export const getAllGroupsResponse = defineHeader<GetAllGroupsResponseHeader>({ totalGroupNum: optionalInt });
export const deleteGroup = defineHeader<DeleteGroupRequestHeader>({
  groupName: text,
  removeOffset: optionalFlag,
  cleanOffset: optionalFlag,
});
export const groupRequest = defineHeader<GroupRequestHeader>({ group: text, topic: optionalText });
export const producerGroupOnly = defineHeader<ProducerGroupRequestHeader>({ producerGroup: text });
export const consumeTimeSpan = defineHeader<ConsumeTimeSpanRequestHeader>({ topic: text, group: text });
export const groupForbidden = defineHeader<GroupForbiddenRequestHeader>({
  group: text,
  topic: text,
  readable: optionalFlag,
});
export const consumerStatus = defineHeader<ConsumerStatusRequestHeader>({
  topic: text,
  group: text,
  clientAddr: optionalText,
});
export const consumerRunningInfo = defineHeader<ConsumerRunningInfoRequestHeader>({
  consumerGroup: text,
  clientId: text,
  jstackEnable: optionalFlag,
});
export const consumeDirectly = defineHeader<ConsumeDirectlyRequestHeader>({
  consumerGroup: text,
  clientId: optionalText,
  msgId: optionalText,
  brokerName: optionalText,
  topic: optionalText,
  topicSysFlag: optionalInt,
  groupSysFlag: optionalInt,
});
export const correctionOffset = defineHeader<CorrectionOffsetRequestHeader>({
  filterGroups: optionalText,
  compareGroup: text,
  topic: text,
});
export const cloneOffset = defineHeader<CloneOffsetRequestHeader>({
  srcGroup: text,
  destGroup: text,
  topic: optionalText,
  offline: optionalFlag,
});
export const brokerStats = defineHeader<BrokerStatsRequestHeader>({ statsName: text, statsKey: text });
export const brokerConsumeStats = defineHeader<BrokerConsumeStatsRequestHeader>({ isOrder: flag });
export const consumeQueue = defineHeader<ConsumeQueueRequestHeader>({
  topic: text,
  queueId: int,
  index: long,
  count: int,
  consumerGroup: optionalText,
});
export const resumeHalf = defineHeader<ResumeHalfRequestHeader>({ msgId: optionalText, topic: optionalText });
export const brokerConfigResponse = defineHeader<BrokerConfigResponseHeader>({ version: text });
