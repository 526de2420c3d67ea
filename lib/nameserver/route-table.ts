import {
  type BrokerData,
  type ClusterInfo,
  type DataVersion,
  type QueueData,
  sameDataVersion,
  type TopicRouteData,
} from '../protocol/index.js';

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
  readonly dataVersion: DataVersion;
  readonly topics: Iterable<AnnouncedTopic>;
  /** Milliseconds without an announcement after which the broker is forgotten; Infinity for one in this process. */
  readonly expiry: number;
}

interface Live {
  readonly brokerName: string;
  readonly brokerId: number;
  /** Monotonic milliseconds. */
  lastSeen: number;
  expiry: number;
  dataVersion: DataVersion | undefined;
}

interface Queues extends QueueData {
  orderedQueues?: number;
}

/** Which brokers there are, and which of them have queues of a topic. Everything is announced; nothing is stored. */
export class RouteTable {
  private readonly brokers = new Map<string, BrokerData>();
  private readonly topics = new Map<string, Map<string, Queues>>();
  private readonly live = new Map<string, Live>();

  /** Takes an announcement over. Topics that are missing from a later one stay: they are deleted one by one. */
  announce(announcement: Announcement, now: number): void {
    const { brokerName, brokerAddr, brokerId } = announcement;
    this.enterBroker(announcement);
    const known = this.live.get(brokerAddr);
    const fresh = known?.dataVersion === undefined || known.brokerName !== brokerName || known.brokerId !== brokerId;
    const changed = fresh || !sameDataVersion(known.dataVersion!, announcement.dataVersion);
    this.live.set(brokerAddr, {
      brokerName,
      brokerId,
      lastSeen: now,
      expiry: announcement.expiry,
      dataVersion: announcement.dataVersion,
    });
    if (brokerId !== 0) return;
    for (const topic of announcement.topics) {
      let byBroker = this.topics.get(topic.topicName);
      if (byBroker === undefined) this.topics.set(topic.topicName, (byBroker = new Map()));
      if (changed || !byBroker.has(brokerName)) byBroker.set(brokerName, queuesOf(brokerName, topic));
    }
  }

  get size(): { addresses: number; topics: number } {
    return { addresses: this.live.size, topics: this.topics.size };
  }

  hasTopic(topic: string): boolean {
    return this.topics.has(topic);
  }

  knows(brokerAddr: string): boolean {
    return this.live.has(brokerAddr);
  }

  /** Forgets an address, and with the broker's last address its queues. */
  remove(brokerName: string, brokerAddr: string): void {
    this.live.delete(brokerAddr);
    const broker = this.brokers.get(brokerName);
    if (broker === undefined) return;
    for (const [id, address] of broker.brokerAddrs) if (address === brokerAddr) broker.brokerAddrs.delete(id);
    if (broker.brokerAddrs.size > 0) return;
    this.brokers.delete(brokerName);
    for (const topic of this.topics.keys()) this.removeTopic(topic, brokerName);
  }

  removeTopic(topic: string, brokerName: string): void {
    const byBroker = this.topics.get(topic);
    byBroker?.delete(brokerName);
    if (byBroker?.size === 0) this.topics.delete(topic);
  }

  /** The brokers that have announced queues of the topic. */
  brokersOf(topic: string): string[] {
    return [...(this.topics.get(topic)?.keys() ?? [])];
  }

  /** Addresses that have been silent for too long, with their brokers. */
  expired(now: number): { brokerName: string; brokerAddr: string }[] {
    const gone: { brokerName: string; brokerAddr: string }[] = [];
    for (const [brokerAddr, { brokerName, lastSeen, expiry }] of this.live) {
      if (now - lastSeen > expiry) gone.push({ brokerName, brokerAddr });
    }
    return gone;
  }

  route(topic: string): TopicRouteData | undefined {
    const byBroker = this.topics.get(topic);
    if (byBroker === undefined) return undefined;
    const brokerDatas: BrokerData[] = [];
    const queueDatas: QueueData[] = [];
    const ordered = new Map<string, number>();
    // Of all brokers or of none: a list without one of them would take its queues from the keys.
    const isSetDown = [...byBroker.values()].some(({ orderedQueues }) => orderedQueues !== undefined);
    for (const [brokerName, { orderedQueues, ...queues }] of byBroker) {
      const broker = this.brokers.get(brokerName);
      if (broker === undefined) continue;
      brokerDatas.push(broker);
      queueDatas.push(queues);
      if (isSetDown) ordered.set(brokerName, orderedQueues ?? queues.writeQueueNums);
    }
    if (brokerDatas.length === 0) return undefined;
    // By name, as clients sort queues: the index of a key's queue must be the same whoever announced first.
    const names = [...ordered.keys()].toSorted();
    const conf = names.map((name) => `${name}:${ordered.get(name)}`).join(';');
    return { brokerDatas, queueDatas, orderTopicConf: conf === '' ? undefined : conf };
  }

  clusterInfo(): ClusterInfo {
    const clusterAddrTable = new Map<string, string[]>();
    for (const { cluster, brokerName } of this.brokers.values()) {
      const names = clusterAddrTable.get(cluster);
      if (names === undefined) clusterAddrTable.set(cluster, [brokerName]);
      else names.push(brokerName);
    }
    return { brokerAddrTable: new Map(this.brokers), clusterAddrTable };
  }

  topicNames(): string[] {
    return [...this.topics.keys()];
  }

  private enterBroker({ brokerName, brokerAddr, brokerId, clusterName }: Announcement): void {
    let broker = this.brokers.get(brokerName);
    if (broker === undefined) {
      broker = { cluster: clusterName, brokerName, brokerAddrs: new Map() };
      this.brokers.set(brokerName, broker);
    }
    broker.cluster = clusterName;
    // A broker that changes its role keeps its address: it must not stand there twice.
    for (const [id, address] of broker.brokerAddrs) {
      if (address === brokerAddr && id !== brokerId) broker.brokerAddrs.delete(id);
    }
    const before = broker.brokerAddrs.get(brokerId);
    if (before !== undefined && before !== brokerAddr) this.live.delete(before);
    broker.brokerAddrs.set(brokerId, brokerAddr);
  }
}

function queuesOf(brokerName: string, topic: AnnouncedTopic): Queues {
  const { readQueueNums, writeQueueNums, perm, topicSysFlag, orderedQueues, keysSpread } = topic;
  const narrower = orderedQueues !== undefined && orderedQueues < writeQueueNums;
  return {
    brokerName,
    readQueueNums,
    writeQueueNums,
    perm,
    topicSysFlag,
    orderedQueues: narrower || keysSpread === true ? orderedQueues : undefined,
  };
}
