import { defineHeader, flag, int, long, optionalInt, optionalLong, optionalText, text } from './schema.js';

/** PUT_KV_CONFIG */
export interface PutKvConfigRequestHeader {
  namespace: string;
  key: string;
  value: string;
}

/** GET_KV_CONFIG and DELETE_KV_CONFIG */
export interface KvConfigRequestHeader {
  namespace: string;
  key: string;
}

export interface GetKvConfigResponseHeader {
  value?: string;
}

/** GET_KVLIST_BY_NAMESPACE */
export interface KvNamespaceRequestHeader {
  namespace: string;
}

/** GET_TOPICS_BY_CLUSTER */
export interface TopicsByClusterRequestHeader {
  cluster: string;
}

/** WIPE_WRITE_PERM_OF_BROKER and ADD_WRITE_PERM_OF_BROKER */
export interface BrokerNameRequestHeader {
  brokerName: string;
}

export interface WipeWritePermResponseHeader {
  wipeTopicCount: number;
}

export interface AddWritePermResponseHeader {
  addTopicCount: number;
}

/** QUERY_DATA_VERSION; the body holds the version that the broker has. */
export interface QueryDataVersionRequestHeader {
  brokerName: string;
  brokerAddr: string;
  clusterName: string;
  brokerId: number;
}

export interface QueryDataVersionResponseHeader {
  changed: boolean;
}

/** GET_BROKER_MEMBER_GROUP */
export interface BrokerMembersRequestHeader {
  clusterName: string;
  brokerName: string;
}

/** BROKER_HEARTBEAT */
export interface BrokerHeartbeatRequestHeader {
  clusterName: string;
  brokerAddr: string;
  brokerName: string;
  brokerId?: number;
  epoch?: number;
  maxOffset?: number;
  confirmOffset?: number;
  /** RocketMQ's own spelling. */
  heartbeatTimeoutMills?: number;
  electionPriority?: number;
}

/** DELETE_TOPIC_IN_NAMESRV */
export interface DeleteTopicFromRoutesRequestHeader {
  topic: string;
  /** Only from the brokers of this cluster. Default: from all. */
  clusterName?: string;
}

export const putKvConfig = defineHeader<PutKvConfigRequestHeader>({ namespace: text, key: text, value: text });
export const kvConfig = defineHeader<KvConfigRequestHeader>({ namespace: text, key: text });
export const getKvConfigResponse = defineHeader<GetKvConfigResponseHeader>({ value: optionalText });
export const kvNamespace = defineHeader<KvNamespaceRequestHeader>({ namespace: text });
export const topicsByCluster = defineHeader<TopicsByClusterRequestHeader>({ cluster: text });
export const brokerNameOnly = defineHeader<BrokerNameRequestHeader>({ brokerName: text });
export const wipeWritePermResponse = defineHeader<WipeWritePermResponseHeader>({ wipeTopicCount: int });
export const addWritePermResponse = defineHeader<AddWritePermResponseHeader>({ addTopicCount: int });
export const queryDataVersion = defineHeader<QueryDataVersionRequestHeader>({
  brokerName: text,
  brokerAddr: text,
  clusterName: text,
  brokerId: long,
});
export const queryDataVersionResponse = defineHeader<QueryDataVersionResponseHeader>({ changed: flag });
export const brokerMembers = defineHeader<BrokerMembersRequestHeader>({ clusterName: text, brokerName: text });
export const brokerHeartbeat = defineHeader<BrokerHeartbeatRequestHeader>({
  clusterName: text,
  brokerAddr: text,
  brokerName: text,
  brokerId: optionalLong,
  epoch: optionalInt,
  maxOffset: optionalLong,
  confirmOffset: optionalLong,
  heartbeatTimeoutMills: optionalLong,
  electionPriority: optionalInt,
});
export const deleteTopicFromRoutes = defineHeader<DeleteTopicFromRoutesRequestHeader>({
  topic: text,
  clusterName: optionalText,
});
