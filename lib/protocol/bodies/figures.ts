import { writeJson } from './json-fields.js';
import type { MessageQueue } from './message-queue.js';

/** A sum over some time; `avgpt` is the sum per count. */
export interface StatsWindow {
  sum: number;
  /** Per second. */
  tps: number;
  avgpt: number;
}

/** Body of the answer to VIEW_BROKER_STATS_DATA. */
export interface BrokerStatsData {
  statsMinute: StatsWindow;
  statsHour: StatsWindow;
  statsDay: StatsWindow;
}

/** One queue of the answer to QUERY_CONSUME_TIME_SPAN; times in milliseconds since 1970, -1 while there is no message. */
export interface QueueTimeSpan {
  messageQueue: MessageQueue;
  minTimeStamp: number;
  maxTimeStamp: number;
  /** When the message was stored that the group settled last. */
  consumeTimeStamp: number;
  /** Age of the first message that the group has not settled, in milliseconds; 0 when there is none. */
  delayTime: number;
}

export function encodeBrokerStats(data: BrokerStatsData): Buffer {
  return writeJson(data);
}

export function encodeTimeSpans(consumeTimeSpanSet: readonly QueueTimeSpan[]): Buffer {
  return writeJson({ consumeTimeSpanSet });
}

/**
 * Body of the answer to QUERY_CORRECTION_OFFSET, by queue. RocketMQ leaves the numbers unquoted, and its tools take both;
 * what lies beyond JavaScript's integers stands for "no correction", Java's Long.MAX_VALUE.
 */
export function encodeCorrections(offsets: ReadonlyMap<number, number>): Buffer {
  const entries = [...offsets].map(([queueId, offset]) => {
    return `"${queueId}":${offset === Number.POSITIVE_INFINITY ? '9223372036854775807' : offset}`;
  });
  return Buffer.from(`{"correctionOffsets":{${entries.join(',')}}}`);
}
