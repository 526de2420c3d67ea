import type { DataVersion } from '../protocol/index.js';

/** A topic as a broker announces it. */
export interface AnnouncedTopic {
  readonly topicName: string;
  readonly readQueueNums: number;
  readonly writeQueueNums: number;
  readonly perm: number;
  readonly topicSysFlag: number;
  /** How many queues keys hash over, when that is fewer than there are. */
  readonly orderedQueues?: number;
  /** They were spread over another number since the topic was made: clients may still know that one. */
  readonly keysSpread?: boolean;
}

export interface Announcement {
  readonly brokerName: string;
  readonly brokerAddr: string;
  readonly clusterName: string;
  /** 0 is the master; only masters announce topics. */
  readonly brokerId: number;
  /** Where a slave gets its data from; empty without replication. */
  readonly haServerAddr?: string;
  readonly dataVersion: DataVersion;
  readonly topics: Iterable<AnnouncedTopic>;
  /** These are all topics of the broker: what it had before and is not among them has been deleted. */
  readonly allTopics?: boolean;
  /** Milliseconds without an announcement after which the broker is forgotten; Infinity for one in this process. */
  readonly expiry: number;
}
