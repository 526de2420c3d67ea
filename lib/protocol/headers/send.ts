import { type BatchMessages, encodeBatchBody } from '../batch.js';
import { ExtensionField } from '../extensions.js';
import { flagOr, intOr, requiredInt, requiredLong, requiredText } from './schema.js';
import type { HeaderSchema } from './schema.js';

/** SEND_MESSAGE (full names on the wire), SEND_MESSAGE_V2 and SEND_BATCH_MESSAGE (names a to n). */
export interface SendMessageRequestHeader {
  producerGroup: string;
  topic: string;
  /** The topic whose settings a new topic inherits. */
  defaultTopic: string;
  defaultTopicQueueNums: number;
  /** Below 0: the broker picks one. */
  queueId: number;
  sysFlag: number;
  /** Milliseconds since 1970, by the sender's clock. */
  bornTimestamp: number;
  flag: number;
  /** Wire form, see `encodeProperties`. */
  properties?: string;
  reconsumeTimes?: number;
  unitMode?: boolean;
  maxReconsumeTimes?: number;
  /** The body is a batch, see `encodeBatchBody`. */
  batch?: boolean;
  brokerName?: string;
  /** The messages of a batch while they have not been on a wire, on which they are the body. */
  messages?: BatchMessages;
}

/** The body on the wire of a request whose header holds the messages of a batch. */
export function batchBody({ messages }: SendMessageRequestHeader): Buffer | undefined {
  return messages === undefined ? undefined : encodeBatchBody(messages);
}

export interface SendMessageResponseHeader {
  /** Offset message id; for a batch the ids of all, joined by commas. */
  msgId: string;
  queueId: number;
  /** Of the first message of a batch. */
  queueOffset: number;
  transactionId?: string;
  /** MSG_REGION on the wire. */
  regionId?: string;
  /** TRACE_ON on the wire. Absent: Java clients take it as on. */
  traceOn?: boolean;
  /** NESTMQ_DUPLICATE on the wire: the answer to a send with a de-duplication id. */
  duplicate?: boolean;
  /** NESTMQ_ORIGINAL_ID on the wire. */
  originalId?: string;
}

type Put = (name: string, value: string) => void;

// Written out, not built from a list of fields: one of these runs per message sent over TCP.

function putSend(h: SendMessageRequestHeader, put: Put, n: typeof V1_NAMES): void {
  put(n.producerGroup, h.producerGroup);
  put(n.topic, h.topic);
  put(n.defaultTopic, h.defaultTopic);
  put(n.defaultTopicQueueNums, String(h.defaultTopicQueueNums));
  put(n.queueId, String(h.queueId));
  put(n.sysFlag, String(h.sysFlag));
  put(n.bornTimestamp, String(h.bornTimestamp));
  put(n.flag, String(h.flag));
  if (h.properties !== undefined) {
    put(n.properties, h.properties);
  }
  if (h.reconsumeTimes !== undefined) {
    put(n.reconsumeTimes, String(h.reconsumeTimes));
  }
  if (h.unitMode !== undefined) {
    put(n.unitMode, String(h.unitMode));
  }
  if (h.maxReconsumeTimes !== undefined) {
    put(n.maxReconsumeTimes, String(h.maxReconsumeTimes));
  }
  if (h.batch !== undefined) {
    put(n.batch, String(h.batch));
  }
  if (h.brokerName !== undefined) {
    put(n.brokerName, h.brokerName);
  }
}

function readSend(f: ReadonlyMap<string, string>, n: typeof V1_NAMES): SendMessageRequestHeader {
  return {
    producerGroup: requiredText(f, n.producerGroup),
    topic: requiredText(f, n.topic),
    defaultTopic: requiredText(f, n.defaultTopic),
    defaultTopicQueueNums: requiredInt(f, n.defaultTopicQueueNums),
    queueId: requiredInt(f, n.queueId),
    sysFlag: requiredInt(f, n.sysFlag),
    bornTimestamp: requiredLong(f, n.bornTimestamp),
    flag: requiredInt(f, n.flag),
    properties: f.get(n.properties),
    reconsumeTimes: intOr(f, n.reconsumeTimes),
    unitMode: flagOr(f, n.unitMode),
    maxReconsumeTimes: intOr(f, n.maxReconsumeTimes),
    batch: flagOr(f, n.batch),
    brokerName: f.get(n.brokerName),
  };
}

const V1_NAMES = {
  producerGroup: 'producerGroup',
  topic: 'topic',
  defaultTopic: 'defaultTopic',
  defaultTopicQueueNums: 'defaultTopicQueueNums',
  queueId: 'queueId',
  sysFlag: 'sysFlag',
  bornTimestamp: 'bornTimestamp',
  flag: 'flag',
  properties: 'properties',
  reconsumeTimes: 'reconsumeTimes',
  unitMode: 'unitMode',
  maxReconsumeTimes: 'maxReconsumeTimes',
  batch: 'batch',
  brokerName: 'bname',
};

const V2_NAMES: typeof V1_NAMES = {
  producerGroup: 'a',
  topic: 'b',
  defaultTopic: 'c',
  defaultTopicQueueNums: 'd',
  queueId: 'e',
  sysFlag: 'f',
  bornTimestamp: 'g',
  flag: 'h',
  properties: 'i',
  reconsumeTimes: 'j',
  unitMode: 'k',
  maxReconsumeTimes: 'l',
  batch: 'm',
  brokerName: 'n',
};

export const sendMessageV1: HeaderSchema<SendMessageRequestHeader> = {
  toFields: (header, put) => putSend(header, put, V1_NAMES),
  fromFields: (fields) => readSend(fields, V1_NAMES),
};

export const sendMessageV2: HeaderSchema<SendMessageRequestHeader> = {
  toFields: (header, put) => putSend(header, put, V2_NAMES),
  fromFields: (fields) => readSend(fields, V2_NAMES),
};

export const sendMessageResponse: HeaderSchema<SendMessageResponseHeader> = {
  toFields(h, put) {
    if (h.msgId === undefined) {
      return; // an error answer: nothing was stored
    }
    put('msgId', h.msgId);
    put('queueId', String(h.queueId));
    put('queueOffset', String(h.queueOffset));
    if (h.transactionId !== undefined) {
      put('transactionId', h.transactionId);
    }
    if (h.regionId !== undefined) {
      put('MSG_REGION', h.regionId);
    }
    if (h.traceOn !== undefined) {
      put('TRACE_ON', String(h.traceOn));
    }
    if (h.duplicate !== undefined) {
      put(ExtensionField.DUPLICATE, String(h.duplicate));
    }
    if (h.originalId !== undefined) {
      put(ExtensionField.ORIGINAL_ID, h.originalId);
    }
  },
  fromFields: (f) => ({
    msgId: requiredText(f, 'msgId'),
    queueId: requiredInt(f, 'queueId'),
    queueOffset: requiredLong(f, 'queueOffset'),
    transactionId: f.get('transactionId'),
    regionId: f.get('MSG_REGION'),
    traceOn: flagOr(f, 'TRACE_ON'),
    duplicate: flagOr(f, ExtensionField.DUPLICATE),
    originalId: f.get(ExtensionField.ORIGINAL_ID),
  }),
};
