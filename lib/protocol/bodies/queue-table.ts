import { asObject, numberOf, readObject, tableOf } from './json-fields.js';
import type { JsonObject, JsonValue } from './json-reader.js';
import { messageQueueFromKey } from './message-queue.js';
import type { MessageQueue } from './message-queue.js';

/** One queue of the answer to GET_TOPIC_STATS_INFO. */
export interface QueueEnds {
  queue: MessageQueue;
  minOffset: number;
  /** Of the next message to be stored. */
  maxOffset: number;
  /** When the last message was stored, in milliseconds since 1970; 0 while there is none. */
  lastUpdateTimestamp: number;
}

/** One queue of the answer to GET_CONSUME_STATS. */
export interface QueueProgress {
  queue: MessageQueue;
  /** The queue's end. */
  brokerOffset: number;
  /** The group's position. */
  consumerOffset: number;
  /** When the last message before the position was stored, in milliseconds since 1970; 0 when that is not known. */
  lastTimestamp: number;
}

/** One queue of the answer to INVOKE_BROKER_TO_RESET_OFFSET, and of RESET_CONSUMER_CLIENT_OFFSET. */
export interface QueueOffset {
  queue: MessageQueue;
  offset: number;
}

/**
 * RocketMQ's tables keyed by a queue are no JSON: the key is an object, `{{"brokerName":"b","queueId":0,"topic":"t"}:1}`.
 * Go takes what is JSON for something else.
 */
function encodeTable(rows: readonly (readonly [MessageQueue, string])[], more = ''): Buffer {
  const entries = rows.map(([{ brokerName, queueId, topic }, value]) => {
    return `${JSON.stringify({ brokerName, queueId, topic })}:${value}`;
  });
  return Buffer.from(`{${more}"offsetTable":{${entries.join(',')}}}`);
}

function decodeTable<T>(body: Buffer, what: string, read: (queue: MessageQueue, value: JsonValue) => T): T[] {
  return [...tableOf(readObject(body, what), 'offsetTable')].map(([key, value]) =>
    read(messageQueueFromKey(key), value),
  );
}

const row = (value: JsonValue): JsonObject => asObject(value, 'the entry of a queue');

export function encodeTopicStats(queues: readonly QueueEnds[]): Buffer {
  return encodeTable(queues.map(({ queue, ...ends }) => [queue, JSON.stringify(ends)]));
}

export function decodeTopicStats(body: Buffer): QueueEnds[] {
  return decodeTable(body, 'table of queues', (queue, value) => ({
    queue,
    minOffset: numberOf(row(value), 'minOffset'),
    maxOffset: numberOf(row(value), 'maxOffset'),
    lastUpdateTimestamp: numberOf(row(value), 'lastUpdateTimestamp', 0),
  }));
}

export function encodeConsumeStats(queues: readonly QueueProgress[]): Buffer {
  return encodeTable(
    queues.map(({ queue, ...progress }) => [queue, JSON.stringify(progress)]),
    '"consumeTps":0.0,',
  );
}

export function decodeConsumeStats(body: Buffer): QueueProgress[] {
  return decodeTable(body, 'table of positions', (queue, value) => ({
    queue,
    brokerOffset: numberOf(row(value), 'brokerOffset'),
    consumerOffset: numberOf(row(value), 'consumerOffset'),
    lastTimestamp: numberOf(row(value), 'lastTimestamp', 0),
  }));
}

export function encodeQueueOffsets(queues: readonly QueueOffset[]): Buffer {
  return encodeTable(queues.map(({ queue, offset }) => [queue, String(offset)]));
}

export function decodeQueueOffsets(body: Buffer): QueueOffset[] {
  return decodeTable(body, 'table of positions', (queue, value) => ({
    queue,
    offset: numberOf(new Map([['offset', value]]), 'offset'),
  }));
}
