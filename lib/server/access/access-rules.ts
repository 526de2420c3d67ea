import {
  decodeClientConfig,
  decodeHeartbeatData,
  decodeLockBatchRequestBody,
  DEFAULT_TOPIC,
  ExtensionCode,
  isSystemTopic,
  type RemotingCommand,
  RequestCode,
  topicsOfPack,
} from '../../protocol/index.js';
import { ADMINISTRATION, groupNeed, type Need, PUB, SUB, topicNeed } from './need.js';

/** What a request needs; all of it. May throw when the body is none that the code can have. */
export type AccessRule = (request: RemotingCommand) => readonly Need[];

/**
 * The rule of every request code there is; a code without one is refused. Fields are read as they travel, before the
 * header is decoded, so that nothing is told to whoever may not ask.
 */
export function accessRule(code: number): AccessRule | undefined {
  return RULES.get(code);
}

/** Whether no broker takes the code from the network, whoever sends it. */
export function isNeverServed(code: number): boolean {
  return NEVER_SERVED.includes(code);
}

const NO_BODY = Buffer.alloc(0);
const REPLY_TOPIC_SUFFIX = '_REPLY_TOPIC';

const field = (request: RemotingCommand, name: string): string => request.extFields?.get(name) ?? '';
const topic =
  (name: string, bits: number): AccessRule =>
  (request) => [topicNeed(field(request, name), bits)];
const pub = (name: string): AccessRule => topic(name, PUB);
const sub = (name: string): AccessRule => topic(name, SUB);
const either = (name: string): AccessRule => topic(name, PUB | SUB);
const group =
  (name: string): AccessRule =>
  (request) => [groupNeed(field(request, name))];
const all =
  (...rules: readonly AccessRule[]): AccessRule =>
  (request) =>
    rules.flatMap((rule) => rule(request));
/** Only when the request has the field. */
const ifThere =
  (name: string, rule: AccessRule): AccessRule =>
  (request) =>
    field(request, name) === '' ? [] : rule(request);
const some = (bits: number): AccessRule => {
  const needs: readonly Need[] = [{ on: 'some topic', bits }];
  return () => needs;
};
const admin: AccessRule = () => [ADMINISTRATION];
/** Any account: what is told is no more than where brokers are. */
const anyAccount: AccessRule = () => [];

const consume = all(sub('topic'), group('consumerGroup'));

/** Where a topic is: whoever may use it. The brokers' own topics say nothing, and clients look for some before they start. */
const route: AccessRule = (request) => {
  const name = field(request, 'topic');
  if (name === DEFAULT_TOPIC || name.endsWith(REPLY_TOPIC_SUFFIX) || isSystemTopic(name)) return [];
  return [topicNeed(name, PUB | SUB)];
};

/** Producer groups are named by everybody who sends; what they get is decided where it is handed out. */
const heartbeat: AccessRule = ({ body = NO_BODY }) =>
  decodeHeartbeatData(body).consumerDataSet.flatMap(({ groupName, subscriptionDataSet }) => [
    groupNeed(groupName),
    ...subscriptionDataSet.map((data) => topicNeed(data.topic, SUB)),
  ]);

/** All of its topics: whoever may not send to one of them sends the messages one by one, and hears of each. */
const pack: AccessRule = ({ body = NO_BODY }) => topicsOfPack(body).map((name) => topicNeed(name, PUB));

const lock: AccessRule = ({ body = NO_BODY }) => {
  const { consumerGroup, mqSet } = decodeLockBatchRequestBody(body);
  return [groupNeed(consumerGroup), ...mqSet.map((queue) => topicNeed(queue.topic, SUB))];
};

const clientConfig: AccessRule = ({ body = NO_BODY }) => {
  const { group: name, subscriptionData } = decodeClientConfig(body);
  return [groupNeed(name), ...(subscriptionData === undefined ? [] : [topicNeed(subscriptionData.topic, SUB)])];
};

/** Sent by brokers to clients, or between processes of one machine. */
const NEVER_SERVED: readonly number[] = [
  ExtensionCode.JOIN_STORE,
  RequestCode.CHECK_TRANSACTION_STATE,
  RequestCode.NOTIFY_CONSUMER_IDS_CHANGED,
  RequestCode.RESET_CONSUMER_CLIENT_OFFSET,
  RequestCode.GET_CONSUMER_STATUS_FROM_CLIENT,
  RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT,
];

/** What changes the broker or the NameServer, or looks into what belongs to others. */
const ADMINISTRATORS_ONLY: readonly number[] = [
  RequestCode.QUERY_BROKER_OFFSET,
  RequestCode.UPDATE_AND_CREATE_TOPIC,
  RequestCode.UPDATE_AND_CREATE_TOPIC_LIST,
  RequestCode.GET_ALL_TOPIC_CONFIG,
  RequestCode.GET_TOPIC_CONFIG_LIST,
  RequestCode.GET_TOPIC_NAME_LIST,
  RequestCode.UPDATE_BROKER_CONFIG,
  RequestCode.GET_BROKER_CONFIG,
  RequestCode.TRIGGER_DELETE_FILES,
  RequestCode.GET_BROKER_RUNTIME_INFO,
  RequestCode.VIEW_MESSAGE_BY_ID,
  RequestCode.GET_ALL_CONSUMER_OFFSET,
  RequestCode.GET_ALL_DELAY_OFFSET,
  RequestCode.GET_CLIENT_CONFIG,
  RequestCode.GET_TIMER_CHECK_POINT,
  RequestCode.GET_TIMER_METRICS,
  RequestCode.PUT_KV_CONFIG,
  RequestCode.GET_KV_CONFIG,
  RequestCode.DELETE_KV_CONFIG,
  RequestCode.REGISTER_BROKER,
  RequestCode.UNREGISTER_BROKER,
  RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP,
  RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG,
  RequestCode.GET_PRODUCER_CONNECTION_LIST,
  RequestCode.WIPE_WRITE_PERM_OF_BROKER,
  RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
  RequestCode.DELETE_SUBSCRIPTIONGROUP,
  RequestCode.SUSPEND_CONSUMER,
  RequestCode.RESUME_CONSUMER,
  RequestCode.RESET_CONSUMER_OFFSET_IN_CONSUMER,
  RequestCode.RESET_CONSUMER_OFFSET_IN_BROKER,
  RequestCode.ADJUST_CONSUMER_THREAD_POOL,
  RequestCode.WHO_CONSUME_THE_MESSAGE,
  RequestCode.DELETE_TOPIC_IN_BROKER,
  RequestCode.DELETE_TOPIC_IN_NAMESRV,
  RequestCode.REGISTER_TOPIC_IN_NAMESRV,
  RequestCode.GET_KVLIST_BY_NAMESPACE,
  RequestCode.INVOKE_BROKER_TO_RESET_OFFSET,
  RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS,
  RequestCode.GET_TOPICS_BY_CLUSTER,
  RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST,
  RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS,
  RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_BROKER,
  RequestCode.CLEAN_EXPIRED_CONSUMEQUEUE,
  RequestCode.GET_CONSUMER_RUNNING_INFO,
  RequestCode.QUERY_CORRECTION_OFFSET,
  RequestCode.CONSUME_MESSAGE_DIRECTLY,
  RequestCode.GET_UNIT_TOPIC_LIST,
  RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST,
  RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST,
  RequestCode.CLONE_GROUP_OFFSET,
  RequestCode.VIEW_BROKER_STATS_DATA,
  RequestCode.CLEAN_UNUSED_TOPIC,
  RequestCode.GET_BROKER_CONSUME_STATS,
  RequestCode.UPDATE_NAMESRV_CONFIG,
  RequestCode.GET_NAMESRV_CONFIG,
  RequestCode.QUERY_CONSUME_QUEUE,
  RequestCode.QUERY_DATA_VERSION,
  RequestCode.RESUME_CHECK_HALF_MESSAGE,
  RequestCode.ADD_WRITE_PERM_OF_BROKER,
  RequestCode.GET_ALL_PRODUCER_INFO,
  RequestCode.DELETE_EXPIRED_COMMITLOG,
  RequestCode.UPDATE_AND_GET_GROUP_FORBIDDEN,
  RequestCode.QUERY_ASSIGNMENT,
  RequestCode.SET_MESSAGE_REQUEST_MODE,
  RequestCode.GET_ALL_MESSAGE_REQUEST_MODE,
  RequestCode.GET_BROKER_MEMBER_GROUP,
  RequestCode.BROKER_HEARTBEAT,
  RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE,
  RequestCode.EXCHANGE_BROKER_HA_INFO,
  RequestCode.GET_BROKER_HA_STATUS,
  RequestCode.RESET_MASTER_FLUSH_OFFSET,
  RequestCode.POP_ROLLBACK,
  RequestCode.BATCH_ACK_MESSAGE,
  ExtensionCode.HOLD_KEYS,
  ExtensionCode.SPREAD_KEYS,
];

const RULES: ReadonlyMap<number, AccessRule> = new Map<number, AccessRule>([
  [RequestCode.SEND_MESSAGE, pub('topic')],
  [RequestCode.SEND_MESSAGE_V2, pub('b')],
  [RequestCode.SEND_BATCH_MESSAGE, pub('b')],
  [ExtensionCode.SEND_PACK, pack],
  // A reply goes to whoever has asked; its topic is the cluster's.
  [RequestCode.SEND_REPLY_MESSAGE, some(SUB)],
  [RequestCode.SEND_REPLY_MESSAGE_V2, some(SUB)],
  [RequestCode.RECALL_MESSAGE, pub('topic')],
  [RequestCode.END_TRANSACTION, all(some(PUB), ifThere('topic', pub('topic')))],

  [RequestCode.PULL_MESSAGE, consume],
  [RequestCode.LITE_PULL_MESSAGE, consume],
  [RequestCode.QUERY_CONSUMER_OFFSET, consume],
  [RequestCode.UPDATE_CONSUMER_OFFSET, consume],
  [ExtensionCode.HANDLE_ALONE, consume],
  [RequestCode.CONSUMER_SEND_MSG_BACK, all(group('group'), ifThere('originTopic', sub('originTopic')))],
  [RequestCode.LOCK_BATCH_MQ, lock],
  [RequestCode.UNLOCK_BATCH_MQ, lock],
  [RequestCode.POP_MESSAGE, consume],
  [RequestCode.ACK_MESSAGE, consume],
  [RequestCode.PEEK_MESSAGE, consume],
  [RequestCode.CHANGE_MESSAGE_INVISIBLETIME, consume],
  [RequestCode.NOTIFICATION, consume],
  [RequestCode.POLLING_INFO, consume],

  [RequestCode.HEART_BEAT, heartbeat],
  [RequestCode.UNREGISTER_CLIENT, ifThere('consumerGroup', group('consumerGroup'))],
  [RequestCode.GET_CONSUMER_LIST_BY_GROUP, group('consumerGroup')],
  [RequestCode.CHECK_CLIENT_CONFIG, clientConfig],
  [RequestCode.GET_CONSUMER_CONNECTION_LIST, group('consumerGroup')],
  [RequestCode.GET_CONSUME_STATS, all(group('consumerGroup'), ifThere('topic', sub('topic')))],
  [RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG, group('group')],
  [RequestCode.QUERY_TOPICS_BY_CONSUMER, group('group')],
  [RequestCode.QUERY_SUBSCRIPTION_BY_CONSUMER, all(group('group'), sub('topic'))],
  [RequestCode.QUERY_CONSUME_TIME_SPAN, all(group('group'), sub('topic'))],
  [ExtensionCode.MARK_DEAD_LETTERS, group('consumerGroup')],
  [ExtensionCode.DEAD_LETTER_STATES, group('consumerGroup')],

  [RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, either('topic')],
  [RequestCode.GET_MAX_OFFSET, either('topic')],
  [RequestCode.GET_MIN_OFFSET, either('topic')],
  [RequestCode.GET_EARLIEST_MSG_STORETIME, either('topic')],
  [RequestCode.GET_TOPIC_STATS_INFO, either('topic')],
  [RequestCode.GET_TOPIC_CONFIG, either('topic')],
  [RequestCode.QUERY_TOPIC_CONSUME_BY_WHO, either('topic')],
  [RequestCode.QUERY_MESSAGE, sub('topic')],

  [RequestCode.GET_ROUTEINFO_BY_TOPIC, route],
  [RequestCode.GET_BROKER_CLUSTER_INFO, anyAccount],
  ...ADMINISTRATORS_ONLY.map((code): [number, AccessRule] => [code, admin]),
]);
