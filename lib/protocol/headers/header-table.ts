import { RequestCode, ResponseCode } from '../codes.js';
import type { RemotingCommand } from '../command.js';
import { ExtensionCode } from '../extensions.js';
import { decodePackAnswer, encodePackAnswer } from '../pack/pack-answer.js';
import { decodeSendPack, encodeSendPack } from '../pack/send-pack.js';
import {
  brokerConfigResponse,
  brokerConsumeStats,
  brokerStats,
  cloneOffset,
  consumeDirectly,
  consumeQueue,
  consumerRunningInfo,
  consumerStatus,
  consumeTimeSpan,
  correctionOffset,
  deleteGroup,
  getAllGroups,
  getAllGroupsResponse,
  getAllTopicConfig,
  getAllTopicConfigResponse,
  groupForbidden,
  groupRequest,
  producerGroupOnly,
  resumeHalf,
} from './administration.js';
import { consumerGroupOnly, consumerIdsChanged, heartbeatResponse, unregisterClient } from './clients.js';
import { deadLetterStates, markDeadLetters } from './dead-letters.js';
import {
  getMaxOffset,
  getMinOffset,
  offsetResponse,
  queryConsumerOffset,
  queryConsumerOffsetResponse,
  searchOffset,
  timestampResponse,
  updateConsumerOffset,
} from './offsets.js';
import { holdKeys, holdKeysResponse, spreadKeys } from './keys.js';
import {
  addWritePermResponse,
  brokerHeartbeat,
  brokerMembers,
  brokerNameOnly,
  deleteTopicFromRoutes,
  getKvConfigResponse,
  kvConfig,
  kvNamespace,
  putKvConfig,
  queryDataVersion,
  queryDataVersionResponse,
  topicsByCluster,
  wipeWritePermResponse,
} from './name-server.js';
import { getConsumeStats, resetClientOffset, resetOffset } from './positions.js';
import { pullMessage, pullMessageResponse } from './pull.js';
import { queryMessage, queryMessageResponse } from './queries.js';
import { registerBroker, registerBrokerResponse, unregisterBroker } from './registration.js';
import { replyMessage } from './replies.js';
import { EMPTY_HEADER } from './schema.js';
import type { BodyForm, HeaderSchema } from './schema.js';
import { consumerSendMsgBack } from './send-back.js';
import { joinStore, joinStoreResponse } from './sharing.js';
import { batchBody, sendMessageResponse, sendMessageV1, sendMessageV2 } from './send.js';
import { handleAlone } from './suspects.js';
import { createTopic, getRouteInfo, topicOnly, viewMessage } from './topics.js';
import { checkTransactionState, endTransaction } from './transactions.js';

interface Schemas {
  readonly request: HeaderSchema;
  readonly requestBody?: BodyForm;
  /** What a header that travels in fields keeps for the body; it comes back as the body alone. */
  readonly behindHeader?: (header: object) => Buffer | undefined;
  readonly response?: HeaderSchema;
  readonly responseBody?: BodyForm;
  /** Codes besides SUCCESS whose answer carries the response header. */
  readonly alsoAnsweredBy?: readonly number[];
}

const STORED_YET: readonly number[] = [
  ResponseCode.FLUSH_DISK_TIMEOUT,
  ResponseCode.SLAVE_NOT_AVAILABLE,
  ResponseCode.FLUSH_SLAVE_TIMEOUT,
];
const PULLED_NOTHING: readonly number[] = [
  ResponseCode.PULL_NOT_FOUND,
  ResponseCode.PULL_RETRY_IMMEDIATELY,
  ResponseCode.PULL_OFFSET_MOVED,
];

const pull: Schemas = { request: pullMessage, response: pullMessageResponse, alsoAnsweredBy: PULLED_NOTHING };
const sendV2: Schemas = { request: sendMessageV2, response: sendMessageResponse, alsoAnsweredBy: STORED_YET };

const sendPack: Schemas = {
  request: EMPTY_HEADER,
  requestBody: { encode: encodeSendPack, decode: decodeSendPack } as BodyForm,
  responseBody: { encode: encodePackAnswer, decode: decodePackAnswer } as BodyForm,
};

const SCHEMAS: ReadonlyMap<number, Schemas> = new Map<number, Schemas>([
  [RequestCode.SEND_MESSAGE, { request: sendMessageV1, response: sendMessageResponse, alsoAnsweredBy: STORED_YET }],
  [RequestCode.SEND_MESSAGE_V2, sendV2],
  [RequestCode.SEND_BATCH_MESSAGE, { ...sendV2, behindHeader: batchBody as (header: object) => Buffer | undefined }],
  [RequestCode.PULL_MESSAGE, pull],
  [RequestCode.LITE_PULL_MESSAGE, pull],
  [RequestCode.CONSUMER_SEND_MSG_BACK, { request: consumerSendMsgBack }],
  [RequestCode.SEND_REPLY_MESSAGE, { request: sendMessageV1, response: sendMessageResponse }],
  [RequestCode.SEND_REPLY_MESSAGE_V2, { request: sendMessageV2, response: sendMessageResponse }],
  [RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT, { request: replyMessage }],
  [RequestCode.END_TRANSACTION, { request: endTransaction }],
  [RequestCode.CHECK_TRANSACTION_STATE, { request: checkTransactionState }],
  [RequestCode.QUERY_CONSUMER_OFFSET, { request: queryConsumerOffset, response: queryConsumerOffsetResponse }],
  [RequestCode.UPDATE_CONSUMER_OFFSET, { request: updateConsumerOffset }],
  [RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, { request: searchOffset, response: offsetResponse }],
  [RequestCode.GET_MAX_OFFSET, { request: getMaxOffset, response: offsetResponse }],
  [RequestCode.GET_MIN_OFFSET, { request: getMinOffset, response: offsetResponse }],
  [RequestCode.GET_EARLIEST_MSG_STORETIME, { request: getMinOffset, response: timestampResponse }],
  [RequestCode.HEART_BEAT, { request: EMPTY_HEADER, response: heartbeatResponse }],
  [RequestCode.UNREGISTER_CLIENT, { request: unregisterClient }],
  [RequestCode.GET_CONSUMER_LIST_BY_GROUP, { request: consumerGroupOnly }],
  [RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, { request: consumerIdsChanged }],
  [RequestCode.GET_CONSUME_STATS, { request: getConsumeStats }],
  [RequestCode.QUERY_TOPIC_CONSUME_BY_WHO, { request: topicOnly }],
  [RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, { request: resetOffset }],
  [RequestCode.RESET_CONSUMER_CLIENT_OFFSET, { request: resetClientOffset }],
  [RequestCode.UPDATE_AND_CREATE_TOPIC, { request: createTopic }],
  [RequestCode.DELETE_TOPIC_IN_BROKER, { request: topicOnly }],
  [RequestCode.DELETE_TOPIC_IN_NAMESRV, { request: deleteTopicFromRoutes }],
  [RequestCode.REGISTER_TOPIC_IN_NAMESRV, { request: topicOnly }],
  [RequestCode.GET_TOPIC_CONFIG, { request: topicOnly }],
  [RequestCode.GET_TOPIC_STATS_INFO, { request: topicOnly }],
  [RequestCode.GET_CONSUMER_CONNECTION_LIST, { request: consumerGroupOnly }],
  [RequestCode.GET_PRODUCER_CONNECTION_LIST, { request: producerGroupOnly }],
  [RequestCode.GET_ALL_TOPIC_CONFIG, { request: getAllTopicConfig, response: getAllTopicConfigResponse }],
  [RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG, { request: getAllGroups, response: getAllGroupsResponse }],
  [RequestCode.DELETE_SUBSCRIPTIONGROUP, { request: deleteGroup }],
  [RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG, { request: groupRequest }],
  [RequestCode.QUERY_TOPICS_BY_CONSUMER, { request: groupRequest }],
  [RequestCode.QUERY_SUBSCRIPTION_BY_CONSUMER, { request: groupRequest }],
  [RequestCode.UPDATE_AND_GET_GROUP_FORBIDDEN, { request: groupForbidden }],
  [RequestCode.QUERY_CONSUME_TIME_SPAN, { request: consumeTimeSpan }],
  [RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, { request: consumerStatus }],
  [RequestCode.GET_CONSUMER_STATUS_FROM_CLIENT, { request: consumerStatus }],
  [RequestCode.GET_CONSUMER_RUNNING_INFO, { request: consumerRunningInfo }],
  [RequestCode.CONSUME_MESSAGE_DIRECTLY, { request: consumeDirectly }],
  [RequestCode.QUERY_CORRECTION_OFFSET, { request: correctionOffset }],
  [RequestCode.CLONE_GROUP_OFFSET, { request: cloneOffset }],
  [RequestCode.VIEW_BROKER_STATS_DATA, { request: brokerStats }],
  [RequestCode.GET_BROKER_CONSUME_STATS, { request: brokerConsumeStats }],
  [RequestCode.QUERY_CONSUME_QUEUE, { request: consumeQueue }],
  [RequestCode.RESUME_CHECK_HALF_MESSAGE, { request: resumeHalf }],
  [RequestCode.GET_BROKER_CONFIG, { request: EMPTY_HEADER, response: brokerConfigResponse }],
  [RequestCode.GET_ROUTEINFO_BY_TOPIC, { request: getRouteInfo }],
  [RequestCode.QUERY_MESSAGE, { request: queryMessage, response: queryMessageResponse }],
  [RequestCode.VIEW_MESSAGE_BY_ID, { request: viewMessage }],
  [RequestCode.REGISTER_BROKER, { request: registerBroker, response: registerBrokerResponse }],
  [RequestCode.UNREGISTER_BROKER, { request: unregisterBroker }],
  [RequestCode.PUT_KV_CONFIG, { request: putKvConfig }],
  [RequestCode.GET_KV_CONFIG, { request: kvConfig, response: getKvConfigResponse }],
  [RequestCode.DELETE_KV_CONFIG, { request: kvConfig }],
  [RequestCode.GET_KVLIST_BY_NAMESPACE, { request: kvNamespace }],
  [RequestCode.GET_TOPICS_BY_CLUSTER, { request: topicsByCluster }],
  [RequestCode.WIPE_WRITE_PERM_OF_BROKER, { request: brokerNameOnly, response: wipeWritePermResponse }],
  [RequestCode.ADD_WRITE_PERM_OF_BROKER, { request: brokerNameOnly, response: addWritePermResponse }],
  [RequestCode.QUERY_DATA_VERSION, { request: queryDataVersion, response: queryDataVersionResponse }],
  [RequestCode.GET_BROKER_MEMBER_GROUP, { request: brokerMembers }],
  [RequestCode.BROKER_HEARTBEAT, { request: brokerHeartbeat }],
  [ExtensionCode.HANDLE_ALONE, { request: handleAlone }],
  [ExtensionCode.SEND_PACK, sendPack],
  [ExtensionCode.MARK_DEAD_LETTERS, { request: markDeadLetters }],
  [ExtensionCode.DEAD_LETTER_STATES, { request: deadLetterStates }],
  [ExtensionCode.HOLD_KEYS, { request: holdKeys, response: holdKeysResponse }],
  [ExtensionCode.SPREAD_KEYS, { request: spreadKeys }],
  [ExtensionCode.JOIN_STORE, { request: joinStore, response: joinStoreResponse }],
]);

/** How the header of a request with this code travels; a code that is not known here has an empty one. */
export function requestHeaderSchema(code: number): HeaderSchema {
  return SCHEMAS.get(code)?.request ?? EMPTY_HEADER;
}

/**
 * How the header of the answer to a request with this code travels. Writing skips what is absent, so it serves error
 * answers too; reading is strict: use `decodeResponseHeader`, which knows that error answers carry no header.
 */
export function responseHeaderSchema(requestCode: number): HeaderSchema {
  return SCHEMAS.get(requestCode)?.response ?? EMPTY_HEADER;
}

/** The header of a request that has come in, from its fields or its body. Throws BAD_ARGUMENT as `fromFields` does. */
export function decodeRequestHeader({ code, extFields, body }: RemotingCommand): object {
  const schemas = SCHEMAS.get(code);
  if (schemas === undefined) return {};
  if (schemas.requestBody !== undefined) return schemas.requestBody.decode(body ?? NO_BODY);
  return schemas.request.fromFields(extFields ?? NO_FIELDS);
}

/** What a request carries on the wire behind its header: its body, or the header that travels as one. */
export function requestBody(request: RemotingCommand): Buffer | undefined {
  if (request.body !== undefined) return request.body;
  const schemas = SCHEMAS.get(request.code);
  return schemas?.behindHeader === undefined
    ? schemas?.requestBody?.encode(request.header)
    : schemas.behindHeader(request.header);
}

/** The same of the answer to a request with this code. */
export function responseBody(requestCode: number, response: RemotingCommand): Buffer | undefined {
  if (response.body !== undefined || response.code !== ResponseCode.SUCCESS) return response.body;
  return SCHEMAS.get(requestCode)?.responseBody?.encode(response.header);
}

const NO_FIELDS: ReadonlyMap<string, string> = new Map();
const NO_BODY = Buffer.alloc(0);

/** The answer's header if its code says that there is one, else an empty one. Throws BAD_ARGUMENT as `fromFields` does. */
export function decodeResponseHeader(
  requestCode: number,
  responseCode: number,
  fields: ReadonlyMap<string, string>,
  body?: Buffer,
): object {
  const schemas = SCHEMAS.get(requestCode);
  if (schemas === undefined) return {};
  const { response, responseBody: form } = schemas;
  const carried = responseCode === ResponseCode.SUCCESS || schemas.alsoAnsweredBy?.includes(responseCode) === true;
  if (!carried) return {};
  if (form !== undefined) return form.decode(body ?? NO_BODY);
  return response === undefined ? {} : response.fromFields(fields);
}

/** Writes the answer's header; of an error answer nothing but what it has. */
export function encodeResponseHeader(
  requestCode: number,
  responseCode: number,
  header: object,
  put: (name: string, value: string) => void,
): void {
  const schemas = SCHEMAS.get(requestCode);
  if (responseCode === ResponseCode.SUCCESS || schemas?.alsoAnsweredBy?.includes(responseCode) === true) {
    schemas?.response?.toFields(header, put);
  }
}
