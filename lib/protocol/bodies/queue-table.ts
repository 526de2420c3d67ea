import { asObject, numberOf, readObject, tableOf, writeJson } from './json-fields.js';
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
  /** How far members have pulled, since RocketMQ 5; at least the position. Absent: not known. */
  pullOffset?: number | undefined;
}

/** What GET_BROKER_CONSUME_STATS says of one group in one topic. */
export interface TopicConsumeStats {
  /** Messages per second that the group pulled within the last minute. */
  consumeTps: number;
  queues: readonly QueueProgress[];
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
export function queueTableText(rows: readonly (readonly [MessageQueue, string])[]): string {
  const entries = rows.map(([{ brokerName, queueId, topic }, value]) => {
    return `${JSON.stringify({ brokerName, queueId, topic })}:${value}`;
  });
  return `{${entries.join(',')}}`;
}

function encodeTable(rows: readonly (readonly [MessageQueue, string])[]): Buffer {
  return Buffer.from(`{"offsetTable":${queueTableText(rows)}}`);
}

function decodeTable<T>(body: Buffer, what: string, read: (queue: MessageQueue, value: JsonValue) => T): T[] {
  return [...tableOf(readObject(body, what), 'offsetTable')].map(([key, value]) =>
    read(messageQueueFromKey(key), value),
  );
}

const row = (value: JsonValue): JsonObject => asObject(value, 'the entry of a queue');

/** @param topicPutTps since RocketMQ 5: messages per second that are sent to the topic. */
export function encodeTopicStats(queues: readonly QueueEnds[], topicPutTps = 0): Buffer {
  const table = queueTableText(queues.map(({ queue, ...ends }) => [queue, JSON.stringify(ends)]));
  return Buffer.from(`{"offsetTable":${table},"topicPutTps":${topicPutTps.toFixed(2)}}`);
}

export function decodeTopicStats(body: Buffer): QueueEnds[] {
  return decodeTable(body, 'table of queues', (queue, value) => ({
    queue,
    minOffset: numberOf(row(value), 'minOffset'),
    maxOffset: numberOf(row(value), 'maxOffset'),
    lastUpdateTimestamp: numberOf(row(value), 'lastUpdateTimestamp', 0),
  }));
}

export function encodeConsumeStats(queues: readonly QueueProgress[], consumeTps = 0): Buffer {
  return Buffer.from(consumeStatsText({ consumeTps, queues }));
}

/** Body of the answer to GET_BROKER_CONSUME_STATS, by group. */
export function encodeBrokerConsumeStats(
  groups: ReadonlyMap<string, readonly TopicConsumeStats[]>,
  brokerAddr: string,
): Buffer {
  let totalDiff = 0;
  let totalInflightDiff = 0;
  const lists = [...groups].map(([group, stats]) => {
    for (const { queues } of stats) {
      for (const { brokerOffset, consumerOffset, pullOffset = consumerOffset } of queues) {
        totalDiff += brokerOffset - consumerOffset;
        totalInflightDiff += pullOffset - consumerOffset;
      }
    }
    return `{${JSON.stringify(group)}:[${stats.map(consumeStatsText).join(',')}]}`;
  });
  const fields = JSON.stringify({ brokerAddr, totalDiff, totalInflightDiff }).slice(1);
  return Buffer.from(`{"consumeStatsList":[${lists.join(',')}],${fields}`);
}

/** Java's decoder wants a number with a point. */
function consumeStatsText({ consumeTps, queues }: TopicConsumeStats): string {
  const table = queueTableText(queues.map(({ queue, ...progress }) => [queue, JSON.stringify(progress)]));
  return `{"consumeTps":${consumeTps.toFixed(1)},"offsetTable":${table}}`;
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

/** The same as C++ clients read it. */
export function encodeQueueOffsetList(queues: readonly QueueOffset[]): Buffer {
  return writeJson({
    offsetTable: queues.map(({ queue: { brokerName, queueId, topic }, offset }) => {
      return { brokerName, offset, queueId, topic };
    }),
  });
}

export function decodeQueueOffsets(body: Buffer): QueueOffset[] {
  return decodeTable(body, 'table of positions', (queue, value) => ({
    queue,
    offset: numberOf(new Map([['offset', value]]), 'offset'),
  }));
}
