import type { Logger } from '../../platform/index.js';
import { DEFAULT_TOPIC, Permission } from '../../protocol/index.js';
import type { BrokerCalls } from './broker-calls.js';
import type { TopicMaker } from './route-table.js';
import { masterAddress } from './topic-route.js';

/** Makes a topic with the queues of its provisional route, on each broker for itself: one that is away or refuses stays without. */
export function topicMaker(brokers: BrokerCalls, logger: Logger): TopicMaker {
  return async (route) => {
    const { topic, writeQueues } = route;
    const makeAt = async (brokerName: string): Promise<void> => {
      const address = masterAddress(route, brokerName);
      const queues = writeQueues.filter((queue) => queue.brokerName === brokerName).length;
      if (address === undefined || queues === 0) return;
      try {
        await brokers.createTopic(address, {
          topic,
          defaultTopic: DEFAULT_TOPIC,
          readQueueNums: queues,
          writeQueueNums: queues,
          perm: Permission.READ | Permission.WRITE,
          topicFilterType: 'SINGLE_TAG',
          topicSysFlag: 0,
          order: false,
        });
      } catch (error) {
        logger.warn(`The new topic ${topic} was not made on the broker ${brokerName}: ${(error as Error).message}`);
      }
    };
    await Promise.all([...route.brokers.keys()].map(makeAt));
  };
}
