import {
  type BrokerData,
  type BrokerMembers,
  type ClusterInfo,
  type DataVersion,
  sameDataVersion,
  type TopicList,
  type TopicRouteData,
} from '../protocol/index.js';
import type { Announcement } from './announcement.js';
import { type TopicKind, TopicQueues } from './topic-queues.js';

interface Live {
  readonly brokerName: string;
  readonly brokerId: number;
  readonly haServerAddr: string | undefined;
  /** Monotonic milliseconds. */
  lastSeen: number;
  readonly expiry: number;
  readonly dataVersion: DataVersion;
}

/** A master that is told of its slaves, and the other way round. */
export interface Master {
  readonly address: string;
  readonly haServerAddr: string | undefined;
}

const MASTER_ID = 0;

/** Which brokers there are, and which of them have queues of a topic. Everything is announced; nothing is stored. */
export class RouteTable {
  private readonly brokers = new Map<string, BrokerData>();
  private readonly topics = new TopicQueues();
  private readonly live = new Map<string, Live>();

  /** Takes an announcement over. Topics that are missing from a later one stay, unless it says that it names them all. */
  announce(announcement: Announcement, now: number): void {
    const { brokerName, brokerAddr, brokerId, haServerAddr, expiry, dataVersion } = announcement;
    const known = this.live.get(brokerAddr);
    this.enterBroker(announcement);
    const fresh = known === undefined || known.brokerName !== brokerName || known.brokerId !== brokerId;
    const changed = fresh || !sameDataVersion(known.dataVersion, dataVersion);
    this.live.set(brokerAddr, { brokerName, brokerId, haServerAddr, lastSeen: now, expiry, dataVersion });
    if (brokerId !== MASTER_ID) return;
    const names = new Set<string>();
    for (const topic of announcement.topics) {
      this.topics.announce(brokerName, topic, changed);
      names.add(topic.topicName);
    }
    if (fresh) this.topics.forgetAway(brokerName);
    else if (changed && announcement.allTopics === true) this.topics.keepOnly(brokerName, names);
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

  hasBroker(brokerName: string): boolean {
    return this.brokers.has(brokerName);
  }

  /**
   * Another address that holds this name and id, and was heard of within `milliseconds`. A newer state version may take
   * over from it: that is how RocketMQ's controller makes another broker the master.
   */
  rival({ brokerName, brokerAddr, brokerId, dataVersion }: Announcement, now: number, milliseconds: number) {
    const address = this.brokers.get(brokerName)?.brokerAddrs.get(brokerId);
    const live = address === undefined || address === brokerAddr ? undefined : this.live.get(address);
    if (live === undefined || now - live.lastSeen > milliseconds) return undefined;
    return dataVersion.stateVersion > live.dataVersion.stateVersion ? undefined : address;
  }

  /** The broker is there, and has nothing new. */
  touch(brokerAddr: string, now: number): void {
    const live = this.live.get(brokerAddr);
    if (live !== undefined) live.lastSeen = now;
  }

  dataVersion(brokerAddr: string): DataVersion | undefined {
    return this.live.get(brokerAddr)?.dataVersion;
  }

  master(brokerName: string): Master | undefined {
    const address = this.brokers.get(brokerName)?.brokerAddrs.get(MASTER_ID);
    if (address === undefined) return undefined;
    return { address, haServerAddr: this.live.get(address)?.haServerAddr };
  }

  /** Forgets an address. With the broker's last address its queues leave the routes; keys remember them. */
  remove(brokerName: string, brokerAddr: string): void {
    const broker = this.brokers.get(brokerName);
    if (this.live.get(brokerAddr)?.brokerName === brokerName) this.live.delete(brokerAddr);
    if (broker === undefined) return;
    for (const [id, address] of broker.brokerAddrs) if (address === brokerAddr) broker.brokerAddrs.delete(id);
    if (broker.brokerAddrs.size > 0) return;
    this.brokers.delete(brokerName);
    this.topics.leave(brokerName);
  }

  removeTopic(topic: string, brokerName: string): void {
    this.topics.remove(topic, brokerName);
  }

  /** Puts queues of a topic down for brokers that are there. */
  addTopic(topic: string, { queueDatas }: TopicRouteData): void {
    for (const { brokerName, ...queues } of queueDatas) {
      if (this.brokers.has(brokerName)) this.topics.announce(brokerName, { topicName: topic, ...queues }, true);
    }
  }

  /**
   * Whether sends are led to the broker. For one that is away it means that it will not come back: keys need not wait.
   * Returns how many topics this concerns.
   */
  setWritable(brokerName: string, writable: boolean): number {
    if (this.brokers.has(brokerName)) return this.topics.setWritable(brokerName, writable);
    if (!writable) this.topics.forgetAway(brokerName);
    return 0;
  }

  /** The brokers that have announced queues of the topic. */
  brokersOf(topic: string): string[] {
    return this.topics.brokersOf(topic);
  }

  clusterOf(brokerName: string): string | undefined {
    return this.brokers.get(brokerName)?.cluster;
  }

  /** Addresses that have been silent for too long, with their brokers. */
  expired(now: number): { brokerName: string; brokerAddr: string }[] {
    const gone: { brokerName: string; brokerAddr: string }[] = [];
    for (const [brokerAddr, { brokerName, lastSeen, expiry }] of this.live) {
      if (now - lastSeen > expiry) gone.push({ brokerName, brokerAddr });
    }
    return gone;
  }

  /** @param orderTopicConf What an administrator has set down about the topic's keys; it comes before all else. */
  route(topic: string, orderTopicConf?: string): TopicRouteData | undefined {
    const places = this.topics.places(topic);
    if (places === undefined) return undefined;
    const found = places.queues.filter(({ brokerName }) => this.brokers.has(brokerName));
    if (found.length === 0) return undefined;
    return {
      brokerDatas: found.map(({ brokerName }) => this.brokers.get(brokerName)!),
      queueDatas: found,
      orderTopicConf: orderTopicConf ?? places.orderTopicConf,
      keyQueues: orderTopicConf === undefined ? places.keyQueues : undefined,
    };
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

  members(cluster: string, brokerName: string): BrokerMembers {
    const broker = this.brokers.get(brokerName);
    const brokerAddrs = broker?.cluster === cluster ? broker.brokerAddrs : new Map<number, string>();
    return { cluster, brokerName, brokerAddrs };
  }

  topicNames(): string[] {
    return this.topics.names();
  }

  topicNamesOfCluster(cluster: string): string[] {
    const brokers = [...this.brokers.values()].filter((broker) => broker.cluster === cluster);
    return this.topics.namesAt(new Set(brokers.map(({ brokerName }) => brokerName)));
  }

  topicNamesOfKind(kind: TopicKind): string[] {
    return this.topics.namesOfKind(kind);
  }

  /** Topics named after clusters and brokers, which every broker of RocketMQ has, and the address of one broker. */
  systemTopics(): TopicList {
    const { clusterAddrTable } = this.clusterInfo();
    const names = new Set([...clusterAddrTable.keys(), ...this.brokers.keys()]);
    const first = [...this.brokers.values()].find(({ brokerAddrs }) => brokerAddrs.size > 0);
    const addresses = first?.brokerAddrs;
    return { topicList: [...names], brokerAddr: addresses?.get(MASTER_ID) ?? [...(addresses?.values() ?? [])][0] };
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
