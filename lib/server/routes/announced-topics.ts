import type { Broker } from '../../broker/index.js';
import { checkTopic, DEFAULT_TOPIC, Permission, type TopicConfig } from '../../protocol/index.js';
import type { TopicConfig as StoredTopic } from '../../store/index.js';

const OPEN = Permission.READ | Permission.WRITE | Permission.INHERIT;

/**
 * All topics of the broker as NameServers are told. Besides those in the store: the template, from which clients take the
 * queues of a topic that does not exist yet; and, for others than our clients, the topics named after cluster and broker, by
 * which RocketMQ's tools find the way to brokers.
 */
export function announcedTopics({ topics, options }: Broker, forOthers: boolean): TopicConfig[] {
  const { autoCreateTopics, defaultQueues, name, cluster } = options;
  const all = topics.list().map(announced);
  if (autoCreateTopics) all.push(special(DEFAULT_TOPIC, defaultQueues));
  if (forOthers) {
    for (const [topic, queues] of new Map([
      [cluster, defaultQueues],
      [name, 1],
    ])) {
      if (isTopic(topic) && topics.get(topic) === undefined) all.push(special(topic, queues));
    }
  }
  return all;
}

export function announced(topic: StoredTopic): TopicConfig {
  const { name, readQueueNums, writeQueueNums, perm, topicSysFlag, orderedQueues, keysSpread } = topic;
  return {
    topicName: name,
    readQueueNums,
    writeQueueNums,
    perm,
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag,
    order: false,
    orderedQueues,
    keysSpread,
  };
}

function special(topicName: string, queues: number): TopicConfig {
  return {
    topicName,
    readQueueNums: queues,
    writeQueueNums: queues,
    perm: OPEN,
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: 0,
    order: false,
  };
}

/** Names of brokers and clusters may hold what a topic's may not. */
function isTopic(name: string): boolean {
  try {
    checkTopic(name);
    return true;
  } catch {
    return false;
  }
}
