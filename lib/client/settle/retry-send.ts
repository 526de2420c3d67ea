import { DEFAULT_TOPIC, type SendMessageRequestHeader } from '../../protocol/index.js';
import type { GroupContext } from '../consumer/group-context.js';
import type { Delivery } from '../consumer/process-queue.js';

export interface Retry {
  readonly properties: string;
  /** How many retries it will have had when it comes. */
  readonly retries: number;
  /** Retries that it may have; below `retries` the broker makes a dead letter of it. */
  readonly limit: number;
}

/** Sends a failed message to the retry topic of the group, as a message of its own. */
export async function sendRetry(
  { core, retryTopic }: GroupContext,
  delivery: Delivery,
  { properties, retries, limit }: Retry,
): Promise<void> {
  const { record, brokerName } = delivery;
  const header: SendMessageRequestHeader = {
    producerGroup: core.producerGroup,
    topic: retryTopic,
    defaultTopic: DEFAULT_TOPIC,
    defaultTopicQueueNums: 1,
    queueId: 0,
    sysFlag: 0,
    bornTimestamp: record.bornTimestamp,
    flag: record.flag,
    properties,
    reconsumeTimes: retries,
    unitMode: false,
    maxReconsumeTimes: limit,
    batch: false,
    brokerName,
  };
  await core.brokers.sendRaw(brokerName, header, delivery.body);
}
