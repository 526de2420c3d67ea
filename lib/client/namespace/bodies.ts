import {
  decodeClientConfig,
  decodeConsumeStats,
  decodeGroupList,
  decodeHeartbeatData,
  decodeLockBatchRequestBody,
  decodeLockBatchResponseBody,
  decodeMemberPositions,
  decodeQueueOffsets,
  decodeRunningInfo,
  decodeSubscriptionGroups,
  decodeRecords,
  decodeTopicList,
  decodeTopicStats,
  encodeClientConfig,
  encodeConsumeStats,
  encodeGroupList,
  encodeHeartbeatData,
  encodeLockBatchRequestBody,
  encodeLockBatchResponseBody,
  encodeMemberPositions,
  encodeQueueOffsets,
  encodeRunningInfo,
  encodeSubscriptionGroups,
  encodeTopicList,
  encodeTopicStats,
  ExtensionCode,
  isSystemTopic,
  type MessageQueue,
  type Namespace,
  renameRecords,
  RequestCode,
  type SubscriptionData,
} from '../../protocol/index.js';

type Translate = (body: Buffer, namespace: Namespace) => Buffer;

/** What in the bodies of a request and of its answer names topics or groups. */
export interface NamingBodies {
  readonly request?: Translate;
  readonly response?: Translate;
  /** Of the answer that this client gives to a request of the broker's. */
  readonly answer?: Translate;
}

const NO_NAMES: NamingBodies = {};

const records: Translate = (body, namespace) =>
  renameRecords(body, {
    topic: (topic) => namespace.unwrap(topic),
    properties: (properties) => namespace.unwrapProperties(properties),
  });

/** A record that was asked for by its place: nothing if it belongs to another namespace. */
const ownRecord: Translate = (body, namespace) =>
  decodeRecords(body).every(({ topic }) => namespace.owns(topic)) ? records(body, namespace) : Buffer.alloc(0);

const heartbeat: Translate = (body, namespace) => {
  const data = decodeHeartbeatData(body);
  return encodeHeartbeatData({
    ...data,
    producerDataSet: data.producerDataSet.map(({ groupName }) => ({ groupName: namespace.wrapGroup(groupName) })),
    consumerDataSet: data.consumerDataSet.map((consumer) => ({
      ...consumer,
      groupName: namespace.wrapGroup(consumer.groupName),
      subscriptionDataSet: consumer.subscriptionDataSet.map((data) => wrapSubscription(data, namespace)),
    })),
  });
};

const clientConfig: Translate = (body, namespace) => {
  const { group, subscriptionData, ...more } = decodeClientConfig(body);
  return encodeClientConfig({
    ...more,
    group: namespace.wrapGroup(group),
    subscriptionData: subscriptionData && wrapSubscription(subscriptionData, namespace),
  });
};

function wrapSubscription(data: SubscriptionData, namespace: Namespace): SubscriptionData {
  return { ...data, topic: namespace.wrapTopic(data.topic) };
}

const queuesToLock: Translate = (body, namespace) => {
  const request = decodeLockBatchRequestBody(body);
  return encodeLockBatchRequestBody({
    ...request,
    consumerGroup: namespace.wrapGroup(request.consumerGroup),
    mqSet: request.mqSet.map((queue) => withTopic(queue, namespace.wrapTopic(queue.topic))),
  });
};

const lockedQueues: Translate = (body, namespace) =>
  encodeLockBatchResponseBody({
    lockOKMQSet: decodeLockBatchResponseBody(body).lockOKMQSet.map((queue) =>
      withTopic(queue, namespace.unwrap(queue.topic)),
    ),
  });

/** Of its own topics, and of those that all namespaces share. */
const topicList: Translate = (body, namespace) => {
  const { topicList: names, ...more } = decodeTopicList(body);
  const visible = names.filter((name) => namespace.owns(name) || isSystemTopic(name));
  return encodeTopicList({ ...more, topicList: visible.map((name) => namespace.unwrap(name)) });
};

/** Groups of the namespace. */
const groupList: Translate = (body, namespace) =>
  encodeGroupList({
    groupList: decodeGroupList(body)
      .groupList.filter((name) => namespace.owns(name))
      .map((name) => namespace.unwrap(name)),
  });

const groupTable: Translate = (body, namespace) =>
  encodeSubscriptionGroups(
    decodeSubscriptionGroups(body)
      .filter(({ groupName }) => namespace.owns(groupName))
      .map((group) => ({ ...group, groupName: namespace.unwrap(group.groupName) })),
  );

/** A table with a row per queue. */
function queueTable<R extends { queue: MessageQueue }>(
  decode: (body: Buffer) => R[],
  encode: (rows: R[]) => Buffer,
): Translate {
  return (body, namespace) =>
    encode(decode(body).map((row) => ({ ...row, queue: withTopic(row.queue, namespace.unwrap(row.queue.topic)) })));
}

const queueOffsets = queueTable(decodeQueueOffsets, encodeQueueOffsets);

const memberPositions: Translate = (body, namespace) =>
  encodeMemberPositions(
    decodeMemberPositions(body).map(({ queue, offset }) => ({
      queue: withTopic(queue, namespace.wrapTopic(queue.topic)),
      offset,
    })),
  );

const consumerState: Translate = (body, namespace) => {
  const { subscriptionSet, mqTable, statusTable, ...more } = decodeRunningInfo(body);
  return encodeRunningInfo({
    ...more,
    subscriptionSet: subscriptionSet.map((data) => wrapSubscription(data, namespace)),
    mqTable: mqTable.map(({ queue, info }) => ({ queue: withTopic(queue, namespace.wrapTopic(queue.topic)), info })),
    statusTable: new Map([...statusTable].map(([topic, status]) => [namespace.wrapTopic(topic), status])),
  });
};

function withTopic(queue: MessageQueue, topic: string): MessageQueue {
  return { ...queue, topic };
}

/**
 * Every code that this client sends or serves: one that is missing here would let names through as they are. Headers are
 * translated by the names of their fields, whatever the code.
 */
const BODIES: ReadonlyMap<number, NamingBodies> = new Map<number, NamingBodies>([
  [RequestCode.HEART_BEAT, { request: heartbeat }],
  [RequestCode.CHECK_CLIENT_CONFIG, { request: clientConfig }],
  [RequestCode.LOCK_BATCH_MQ, { request: queuesToLock, response: lockedQueues }],
  [RequestCode.UNLOCK_BATCH_MQ, { request: queuesToLock }],
  [RequestCode.PULL_MESSAGE, { response: records }],
  [RequestCode.LITE_PULL_MESSAGE, { response: records }],
  [RequestCode.VIEW_MESSAGE_BY_ID, { response: ownRecord }],
  [RequestCode.QUERY_MESSAGE, { response: records }],
  [RequestCode.CHECK_TRANSACTION_STATE, { request: records }],
  [RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, { response: topicList }],
  [RequestCode.GET_TOPIC_STATS_INFO, { response: queueTable(decodeTopicStats, encodeTopicStats) }],
  [RequestCode.GET_CONSUME_STATS, { response: queueTable(decodeConsumeStats, encodeConsumeStats) }],
  [RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, { response: queueOffsets }],
  [RequestCode.RESET_CONSUMER_CLIENT_OFFSET, { request: queueOffsets }],
  [RequestCode.GET_CONSUMER_STATUS_FROM_CLIENT, { answer: memberPositions }],
  [RequestCode.GET_CONSUMER_RUNNING_INFO, { answer: consumerState }],
  [RequestCode.CONSUME_MESSAGE_DIRECTLY, { request: records }],
  [RequestCode.SEND_MESSAGE, NO_NAMES],
  [RequestCode.SEND_MESSAGE_V2, NO_NAMES],
  [RequestCode.SEND_BATCH_MESSAGE, NO_NAMES],
  [RequestCode.SEND_REPLY_MESSAGE, NO_NAMES],
  [RequestCode.SEND_REPLY_MESSAGE_V2, NO_NAMES],
  [RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT, NO_NAMES],
  [RequestCode.CONSUMER_SEND_MSG_BACK, NO_NAMES],
  [RequestCode.END_TRANSACTION, NO_NAMES],
  [RequestCode.UNREGISTER_CLIENT, NO_NAMES],
  [RequestCode.GET_BROKER_CONFIG, NO_NAMES],
  [RequestCode.GET_CONSUMER_LIST_BY_GROUP, NO_NAMES],
  [RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, NO_NAMES],
  [RequestCode.QUERY_CONSUMER_OFFSET, NO_NAMES],
  [RequestCode.UPDATE_CONSUMER_OFFSET, NO_NAMES],
  [RequestCode.GET_MAX_OFFSET, NO_NAMES],
  [RequestCode.GET_MIN_OFFSET, NO_NAMES],
  [RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, NO_NAMES],
  [RequestCode.UPDATE_AND_CREATE_TOPIC, NO_NAMES],
  [RequestCode.DELETE_TOPIC_IN_BROKER, NO_NAMES],
  [RequestCode.DELETE_TOPIC_IN_NAMESRV, NO_NAMES],
  [RequestCode.GET_ROUTEINFO_BY_TOPIC, NO_NAMES],
  [RequestCode.GET_BROKER_CLUSTER_INFO, NO_NAMES],
  [RequestCode.GET_BROKER_RUNTIME_INFO, NO_NAMES],
  [RequestCode.QUERY_TOPIC_CONSUME_BY_WHO, { response: groupList }],
  [RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG, { response: groupTable }],
  [ExtensionCode.HANDLE_ALONE, NO_NAMES],
  // Its body is made of its header later.
  [ExtensionCode.SEND_PACK, NO_NAMES],
  [ExtensionCode.MARK_DEAD_LETTERS, NO_NAMES],
  [ExtensionCode.DEAD_LETTER_STATES, NO_NAMES],
  [ExtensionCode.HOLD_KEYS, NO_NAMES],
  [ExtensionCode.SPREAD_KEYS, NO_NAMES],
]);

/** Undefined for a code that is not in the table. */
export function namingBodies(code: number): NamingBodies | undefined {
  return BODIES.get(code);
}
