import { numberOf, optionalTextOf, readObject, tableOf, textOf, writeJson } from './json-fields.js';
import type { SubscriptionData } from './heartbeat.js';
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
