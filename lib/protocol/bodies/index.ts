export { readJson } from './json-reader.js';
export type { JsonBounds, JsonObject, JsonValue } from './json-reader.js';
export { compareMessageQueues, messageQueueFromKey, messageQueueKey } from './message-queue.js';
export type { MessageQueue } from './message-queue.js';
export { decodeHeartbeatData, encodeHeartbeatData } from './heartbeat.js';
export type {
  ConsumeFromWhere,
  ConsumeType,
  ConsumerData,
  HeartbeatData,
  MessageModel,
  ProducerData,
  SubscriptionData,
} from './heartbeat.js';
export { decodeClientConfig, encodeClientConfig } from './client-config.js';
export type { ClientConfigBody } from './client-config.js';
export {
  decodeLockBatchRequestBody,
  decodeLockBatchResponseBody,
  encodeLockBatchRequestBody,
  encodeLockBatchResponseBody,
} from './lock.js';
export type { LockBatchRequestBody, LockBatchResponseBody } from './lock.js';
export {
  decodeConsumeStats,
  decodeQueueOffsets,
  decodeTopicStats,
  encodeBrokerConsumeStats,
  encodeConsumeStats,
  encodeQueueOffsetList,
  encodeQueueOffsets,
  encodeTopicStats,
} from './queue-table.js';
export type { QueueEnds, QueueOffset, QueueProgress, TopicConsumeStats } from './queue-table.js';
export { decodeTopicRouteData, encodeTopicRouteData } from './route.js';
export type { BrokerData, QueueData, TopicRouteData } from './route.js';
export { Permission, decodeTopicConfig, encodeTopicConfig } from './topic-config.js';
export type { TopicConfig } from './topic-config.js';
export {
  decodeDataVersion,
  decodeRegisterBrokerBody,
  encodeDataVersion,
  encodeRegisterBrokerBody,
  sameDataVersion,
} from './register-broker.js';
export type { DataVersion, RegisterBrokerBody } from './register-broker.js';
export {
  decodeClusterInfo,
  decodeConsumerListBody,
  decodeGroupList,
  decodeTopicList,
  encodeClusterInfo,
  encodeConsumerListBody,
  encodeGroupList,
  encodeTopicList,
} from './lists.js';
export type { ClusterInfo, ConsumerListBody, GroupList, TopicList } from './lists.js';
export {
  decodeSubscriptionGroup,
  decodeSubscriptionGroupList,
  decodeSubscriptionGroups,
  encodeSubscriptionGroup,
  encodeSubscriptionGroups,
} from './subscription-groups.js';
export type { SubscriptionGroup } from './subscription-groups.js';
export { decodeCompressedRegistration, encodeCompressedRegistration } from './compressed-registration.js';
export { decodeBrokerMembers, encodeBrokerMembers } from './broker-members.js';
export type { BrokerMembers } from './broker-members.js';
export { decodeConfigText, encodeConfigText } from './config-text.js';
export { decodeKvConfigFile, decodeKvTable, encodeKvConfigFile, encodeKvTable } from './kv-table.js';
export {
  encodeConsumerConnection,
  encodeGroupForbidden,
  encodeGroupSubscription,
  encodeProducerConnection,
  encodeProducerTable,
} from './connections.js';
export type { Connection, ConsumerConnection, ProducerInfo } from './connections.js';
export { decodeTopicConfigList, encodeTopicTable } from './topic-tables.js';
export { encodeBrokerStats, encodeCorrections, encodeTimeSpans } from './figures.js';
export type { BrokerStatsData, QueueTimeSpan, StatsWindow } from './figures.js';
export { encodeConsumeQueue } from './consume-queue.js';
export type { ConsumeQueueBody, ConsumeQueueEntry } from './consume-queue.js';
export {
  decodeDirectResult,
  decodeMemberPositions,
  decodeRunningInfo,
  encodeDirectResult,
  encodeGroupPositions,
  encodeMemberPositions,
  encodeRunningInfo,
} from './consumer-state.js';
export type {
  ConsumerRunningInfo,
  ConsumeStatus,
  DirectResult,
  DirectResultName,
  ProcessQueueInfo,
} from './consumer-state.js';
