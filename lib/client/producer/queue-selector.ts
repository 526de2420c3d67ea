import { javaHashCode, MessagingError, type MessageQueue } from '../../protocol/index.js';
import type { BrokerFaults } from './broker-faults.js';
import type { RouteTable } from '../connection/route-table.js';
import { masterAddress, type TopicRoute } from '../connection/topic-route.js';

/** Which queue a send goes to. */
export class QueueSelector {
  constructor(
    private readonly routes: RouteTable,
    private readonly faults: BrokerFaults,
    private round: number,
  ) {}

  /**
   * Round robin over the writable queues; if there are others past those of the broker that has just failed, and of brokers
   * that are better left alone for now.
   */
  next(route: TopicRoute, failedBroker: string | undefined): MessageQueue {
    const queues = route.writeQueues;
    const count = queues.length;
    if (count === 0) throw noQueue(route.topic);
    this.round = (this.round + 1) & 0x3fffffff;
    const first = queues[this.round % count]!;
    if (failedBroker === undefined && this.faults.none) return first;
    let other: MessageQueue | undefined;
    for (let step = 0; step < count; step++) {
      const queue = queues[(this.round + step) % count]!;
      if (queue.brokerName === failedBroker) continue;
      if (!this.faults.avoids(queue.brokerName)) return queue;
      other ??= queue;
    }
    return other ?? first;
  }

  /** The index of a key's queue among the ordered ones: RocketMQ's hash, so that producers of all languages agree. */
  orderedIndex(route: TopicRoute, shardingKey: string): number {
    const count = this.routes.orderedQueues(route).length;
    if (count === 0) throw noQueue(route.topic);
    return Math.abs(javaHashCode(shardingKey) % count);
  }

  /** The ordered queue, or a retryable error when its broker is away: never another queue. */
  ordered(route: TopicRoute, index: number): MessageQueue {
    const queue = this.routes.orderedQueues(route)[index];
    // A topic that takes no messages for now names its queues all the same.
    if (queue === undefined || route.writeQueues.length === 0) throw noQueue(route.topic);
    if (masterAddress(route, queue.brokerName) === undefined) {
      throw new MessagingError(
        'QUEUE_UNAVAILABLE',
        `The broker ${queue.brokerName} of queue ${queue.queueId} of ${route.topic} is away, and its keys may go nowhere else; try again later`,
      );
    }
    return queue;
  }
}

function noQueue(topic: string): MessagingError {
  return new MessagingError(
    'QUEUE_UNAVAILABLE',
    `The topic ${topic} has no queue that can be written to at the moment`,
  );
}
