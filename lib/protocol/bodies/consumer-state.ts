import { type SubscriptionData, subscriptionDataFrom } from './heartbeat.js';
import {
  asObject,
  flagOf,
  numberOf,
  objectsOf,
  optionalTextOf,
  readObject,
  tableOf,
  textOf,
  writeJson,
} from './json-fields.js';
import type { JsonObject } from './json-reader.js';
import { messageQueueFromKey, type MessageQueue } from './message-queue.js';
import { queueTableText } from './queue-table.js';
import type { QueueOffset } from './queue-table.js';

/** What a member says of one of its queues. Times in milliseconds since 1970, 0 for never. */
export interface ProcessQueueInfo {
  commitOffset: number;
  cachedMsgMinOffset: number;
  cachedMsgMaxOffset: number;
  cachedMsgCount: number;
  cachedMsgSizeInMiB: number;
  transactionMsgMinOffset: number;
  transactionMsgMaxOffset: number;
  transactionMsgCount: number;
  locked: boolean;
  tryUnlockTimes: number;
  lastLockTimestamp: number;
  /** RocketMQ's spelling. */
  droped: boolean;
  lastPullTimestamp: number;
  lastConsumeTimestamp: number;
}

/** What a member says of one of its topics: per second, and in milliseconds. */
export interface ConsumeStatus {
  pullRT: number;
  pullTPS: number;
  consumeRT: number;
  consumeOKTPS: number;
  consumeFailedTPS: number;
  /** Within the last hour. */
  consumeFailedMsgs: number;
}

/** Body of the answer to GET_CONSUMER_RUNNING_INFO. */
export interface ConsumerRunningInfo {
  properties: ReadonlyMap<string, string>;
  subscriptionSet: readonly SubscriptionData[];
  mqTable: readonly { queue: MessageQueue; info: ProcessQueueInfo }[];
  /** By topic. */
  statusTable: ReadonlyMap<string, ConsumeStatus>;
}

/** Result names of CONSUME_MESSAGE_DIRECTLY. */
export type DirectResultName =
  'CR_SUCCESS' | 'CR_LATER' | 'CR_ROLLBACK' | 'CR_COMMIT' | 'CR_THROW_EXCEPTION' | 'CR_RETURN_NULL';

/** Body of the answer to CONSUME_MESSAGE_DIRECTLY. */
export interface DirectResult {
  order: boolean;
  autoCommit: boolean;
  consumeResult: DirectResultName;
  remark?: string | undefined;
  spentTimeMills: number;
}

export function encodeRunningInfo({ properties, subscriptionSet, mqTable, statusTable }: ConsumerRunningInfo): Buffer {
  const queues = queueTableText(mqTable.map(({ queue, info }) => [queue, JSON.stringify(info)]));
  const fields = {
    jstack: null,
    properties: Object.fromEntries(properties),
    statusTable: Object.fromEntries(statusTable),
    subscriptionSet,
    userConsumerInfo: {},
  };
  // Java sets no table to null but this one: its tools walk through it.
  return Buffer.from(`{"mqPopTable":{},"mqTable":${queues},${JSON.stringify(fields).slice(1)}`);
}

export function decodeRunningInfo(body: Buffer): ConsumerRunningInfo {
  const object = readObject(body, 'state of a consumer');
  const properties = new Map<string, string>();
  for (const [name, value] of tableOf(object, 'properties')) if (typeof value === 'string') properties.set(name, value);
  return {
    properties,
    subscriptionSet: objectsOf(object, 'subscriptionSet').map(subscriptionDataFrom),
    mqTable: [...tableOf(object, 'mqTable')].map(([key, value]) => ({
      queue: messageQueueFromKey(key),
      info: processQueueInfoFrom(asObject(value, 'the state of a queue')),
    })),
    statusTable: new Map(
      [...tableOf(object, 'statusTable')].map(([topic, value]) => [
        topic,
        consumeStatusFrom(asObject(value, 'the state of a topic')),
      ]),
    ),
  };
}

function processQueueInfoFrom(object: JsonObject): ProcessQueueInfo {
  const count = (name: keyof ProcessQueueInfo): number => numberOf(object, name, 0);
  return {
    commitOffset: count('commitOffset'),
    cachedMsgMinOffset: count('cachedMsgMinOffset'),
    cachedMsgMaxOffset: count('cachedMsgMaxOffset'),
    cachedMsgCount: count('cachedMsgCount'),
    cachedMsgSizeInMiB: count('cachedMsgSizeInMiB'),
    transactionMsgMinOffset: count('transactionMsgMinOffset'),
    transactionMsgMaxOffset: count('transactionMsgMaxOffset'),
    transactionMsgCount: count('transactionMsgCount'),
    locked: flagOf(object, 'locked', false),
    tryUnlockTimes: count('tryUnlockTimes'),
    lastLockTimestamp: count('lastLockTimestamp'),
    droped: flagOf(object, 'droped', false),
    lastPullTimestamp: count('lastPullTimestamp'),
    lastConsumeTimestamp: count('lastConsumeTimestamp'),
  };
}

function consumeStatusFrom(object: JsonObject): ConsumeStatus {
  const figure = (name: keyof ConsumeStatus): number => numberOf(object, name, 0);
  return {
    pullRT: figure('pullRT'),
    pullTPS: figure('pullTPS'),
    consumeRT: figure('consumeRT'),
    consumeOKTPS: figure('consumeOKTPS'),
    consumeFailedTPS: figure('consumeFailedTPS'),
    consumeFailedMsgs: figure('consumeFailedMsgs'),
  };
}

export function encodeDirectResult({ remark, ...result }: DirectResult): Buffer {
  return writeJson({ ...result, remark: remark ?? null });
}

export function decodeDirectResult(body: Buffer): DirectResult {
  const object = readObject(body, 'result of a message');
  return {
    order: object.get('order') === true,
    autoCommit: object.get('autoCommit') !== false,
    consumeResult: textOf(object, 'consumeResult') as DirectResultName,
    remark: optionalTextOf(object, 'remark'),
    spentTimeMills: numberOf(object, 'spentTimeMills', 0),
  };
}

/** Body of the answer of a client to GET_CONSUMER_STATUS_FROM_CLIENT: its positions. */
export function encodeMemberPositions(offsets: readonly QueueOffset[]): Buffer {
  return Buffer.from(`{"consumerTable":{},"messageQueueTable":${offsetTable(offsets)}}`);
}

export function decodeMemberPositions(body: Buffer): QueueOffset[] {
  return [...tableOf(readObject(body, 'positions of a member'), 'messageQueueTable')].map(([key, value]) => ({
    queue: messageQueueFromKey(key),
    offset: numberOf(new Map([['offset', value]]), 'offset'),
  }));
}

/** Body of the answer to INVOKE_BROKER_TO_GET_CONSUMER_STATUS: the positions of members, by client id. */
export function encodeGroupPositions(members: ReadonlyMap<string, readonly QueueOffset[]>): Buffer {
  const entries = [...members].map(([clientId, offsets]) => `${JSON.stringify(clientId)}:${offsetTable(offsets)}`);
  return Buffer.from(`{"consumerTable":{${entries.join(',')}},"messageQueueTable":{}}`);
}

function offsetTable(offsets: readonly QueueOffset[]): string {
  return queueTableText(offsets.map(({ queue, offset }) => [queue, String(offset)]));
}
