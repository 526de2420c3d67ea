import type { SubscriptionData } from './heartbeat.js';
import { writeJson } from './json-fields.js';

/** One entry of a consume queue, as QUERY_CONSUME_QUEUE shows it. */
export interface ConsumeQueueEntry {
  physicOffset: number;
  physicSize: number;
  /** Hash of the tag, or the time of delivery. */
  tagsCode: number;
}

/** Body of the answer to QUERY_CONSUME_QUEUE. */
export interface ConsumeQueueBody {
  queueData: readonly ConsumeQueueEntry[];
  maxQueueIndex: number;
  minQueueIndex: number;
  /** Of the group that was named, if one of its members has subscribed. */
  subscriptionData?: SubscriptionData | undefined;
  /** A text for people. */
  filterData?: string | undefined;
}

export function encodeConsumeQueue({ queueData, ...more }: ConsumeQueueBody): Buffer {
  return writeJson({
    ...more,
    queueData: queueData.map((entry) => ({ ...entry, bitMap: null, eval: false, extendDataJson: null, msg: null })),
  });
}
