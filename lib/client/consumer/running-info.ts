import {
  type ConsumerRunningInfo,
  type ConsumeStatus,
  type MessageQueue,
  type ProcessQueueInfo,
  type SubscriptionData,
} from '../../protocol/index.js';
import { ConsumeMode } from '../consume-mode.js';
import type { ConsumerActivity } from './consumer-activity.js';
import type { ProcessQueue } from './process-queue.js';

const MEBIBYTE = 1024 * 1024;

/** What a running info is made of. */
export interface InfoSources {
  readonly mode: ConsumeMode;
  readonly nameServers: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Handlers that may run at the same time. */
  readonly concurrency: number;
  readonly subscriptions: readonly SubscriptionData[];
  readonly queues: Iterable<ProcessQueue>;
  readonly activity: ConsumerActivity;
  /** Whether the queue's lock is held. */
  readonly holds: (queue: ProcessQueue) => boolean;
}

/** What this member tells tools of itself, with RocketMQ's names. */
export function runningInfo(sources: InfoSources): ConsumerRunningInfo {
  const { mode, nameServers, startedAt, concurrency, subscriptions, queues, activity, holds } = sources;
  const mqTable: { queue: MessageQueue; info: ProcessQueueInfo }[] = [];
  for (const queue of queues) {
    const { topic, brokerName, queueId } = queue;
    mqTable.push({ queue: { topic, brokerName, queueId }, info: queueInfo(queue, holds(queue)) });
  }
  return {
    properties: new Map([
      ['PROP_CLIENT_VERSION', 'V5_3_3'],
      ['PROP_CONSUME_TYPE', 'CONSUME_PASSIVELY'],
      ['PROP_CONSUMEORDERLY', String(mode === ConsumeMode.ORDERLY)],
      ['PROP_CONSUMER_START_TIMESTAMP', String(startedAt)],
      ['PROP_NAMESERVER_ADDR', nameServers],
      ['PROP_THREADPOOL_CORE_SIZE', String(concurrency)],
    ]),
    subscriptionSet: subscriptions,
    mqTable,
    statusTable: new Map(subscriptions.map(({ topic }): [string, ConsumeStatus] => [topic, activity.status(topic)])),
  };
}

function queueInfo(queue: ProcessQueue, locked: boolean): ProcessQueueInfo {
  const first = queue.size === 0 ? 0 : queue.committedOffset;
  const last = queue.size === 0 ? 0 : queue.nextOffset - 1;
  return {
    commitOffset: queue.committedOffset,
    cachedMsgMinOffset: first,
    cachedMsgMaxOffset: last,
    cachedMsgCount: queue.size,
    cachedMsgSizeInMiB: Math.floor(queue.bytes / MEBIBYTE),
    // Messages that an orderly listener has and has not settled; ours has one at a time.
    transactionMsgMinOffset: 0,
    transactionMsgMaxOffset: 0,
    transactionMsgCount: 0,
    locked,
    tryUnlockTimes: 0,
    lastLockTimestamp: 0,
    droped: queue.dropped,
    lastPullTimestamp: queue.lastPullAt,
    lastConsumeTimestamp: queue.lastSettledAt,
  };
}
