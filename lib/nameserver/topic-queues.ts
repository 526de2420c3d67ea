import { Permission, type QueueData } from '../protocol/index.js';
import type { AnnouncedTopic } from './announcement.js';

/** Bits of a topic's topicSysFlag: topics of one deployment unit, and such that are read from others. */
const UNIT = 1;
const UNIT_SUB = 2;

export type TopicKind = 'unit' | 'hasUnitSub' | 'hasUnitSubWithoutUnit';

interface Queues {
  readonly data: QueueData;
  readonly orderedQueues: number | undefined;
  /** The broker is away: nobody is led there, but keys keep their queues for its return. */
  away: boolean;
}

/** What a topic's route says about its queues. */
export interface TopicPlaces {
  readonly queues: QueueData[];
  /** `a:4;b:4`, for RocketMQ's own clients: set once keys do not go over all queues. */
  readonly orderTopicConf: string | undefined;
  /** The same for our clients, also when a broker is away or takes no messages. */
  readonly keyQueues: string | undefined;
}

/** Which brokers have queues of a topic, and how many. */
export class TopicQueues {
  private readonly topics = new Map<string, Map<string, Queues>>();
  /** Brokers that take no messages for now, by order of an administrator. */
  private readonly wiped = new Set<string>();
  /** Topics whose keys have lost a broker for good: clients that still know it have to be told. */
  private readonly decided = new Set<string>();

  get size(): number {
    return this.topics.size;
  }

  has(topic: string): boolean {
    return this.topics.has(topic);
  }

  /** @param changed Whether the broker's topics have another version than before; otherwise what is known stays. */
  announce(brokerName: string, topic: AnnouncedTopic, changed: boolean): void {
    let byBroker = this.topics.get(topic.topicName);
    if (byBroker === undefined) this.topics.set(topic.topicName, (byBroker = new Map()));
    const known = byBroker.get(brokerName);
    if (changed || known === undefined || known.away) byBroker.set(brokerName, queuesOf(brokerName, topic));
  }

  /** All that a broker has: what it had before and is not among it is gone. */
  keepOnly(brokerName: string, names: ReadonlySet<string>): void {
    for (const topic of this.topics.keys()) if (!names.has(topic)) this.remove(topic, brokerName);
  }

  /** Of what was remembered of the broker's last time, what it has not announced again: keys wait for it no longer. */
  forgetAway(brokerName: string): void {
    for (const [topic, byBroker] of this.topics) {
      if (byBroker.get(brokerName)?.away !== true) continue;
      this.remove(topic, brokerName);
      if (this.topics.has(topic)) this.decided.add(topic);
    }
  }

  remove(topic: string, brokerName: string): void {
    const byBroker = this.topics.get(topic);
    byBroker?.delete(brokerName);
    if (byBroker !== undefined) this.dropIfDeserted(topic, byBroker);
  }

  /** The broker is gone, perhaps for a moment. A topic that is left without any broker is forgotten. */
  leave(brokerName: string): void {
    this.wiped.delete(brokerName);
    for (const [topic, byBroker] of this.topics) {
      const queues = byBroker.get(brokerName);
      if (queues === undefined) continue;
      queues.away = true;
      this.dropIfDeserted(topic, byBroker);
    }
  }

  private dropIfDeserted(topic: string, byBroker: ReadonlyMap<string, Queues>): void {
    if (![...byBroker.values()].every(({ away }) => away)) return;
    this.topics.delete(topic);
    this.decided.delete(topic);
  }

  /** Returns how many topics of the broker this concerns. */
  setWritable(brokerName: string, writable: boolean): number {
    if (writable) this.wiped.delete(brokerName);
    else this.wiped.add(brokerName);
    let count = 0;
    for (const byBroker of this.topics.values()) if (byBroker.get(brokerName)?.away === false) count++;
    return count;
  }

  /** The brokers that have announced queues of the topic. */
  brokersOf(topic: string): string[] {
    return [...(this.topics.get(topic)?.keys() ?? [])];
  }

  names(): string[] {
    return [...this.topics.keys()];
  }

  namesAt(brokers: ReadonlySet<string>): string[] {
    const at = (byBroker: Map<string, Queues>): boolean =>
      [...byBroker].some(([brokerName, { away }]) => !away && brokers.has(brokerName));
    return [...this.topics].filter(([, byBroker]) => at(byBroker)).map(([topic]) => topic);
  }

  namesOfKind(kind: TopicKind): string[] {
    const isOfKind = (topicSysFlag: number): boolean => {
      if (kind === 'unit') return (topicSysFlag & UNIT) !== 0;
      return (topicSysFlag & UNIT_SUB) !== 0 && (kind === 'hasUnitSub' || (topicSysFlag & UNIT) === 0);
    };
    return [...this.topics]
      .filter(([, byBroker]) => isOfKind([...byBroker.values()][0]!.data.topicSysFlag))
      .map(([topic]) => topic);
  }

  places(topic: string): TopicPlaces | undefined {
    const byBroker = this.topics.get(topic);
    if (byBroker === undefined) return undefined;
    const queues: QueueData[] = [];
    const present: string[] = [];
    const all: string[] = [];
    let isSetDown = false;
    let isPartlyClosed = false;
    // By name, as clients sort queues: the index of a key's queue must be the same whoever announced first.
    for (const [brokerName, { data, orderedQueues, away }] of [...byBroker].toSorted(byName)) {
      const keys = `${brokerName}:${orderedQueues ?? data.writeQueueNums}`;
      all.push(keys);
      isSetDown ||= orderedQueues !== undefined;
      isPartlyClosed ||= away || this.wiped.has(brokerName) || (data.perm & Permission.WRITE) === 0;
      if (away) continue;
      present.push(keys);
      queues.push(this.wiped.has(brokerName) ? { ...data, perm: data.perm & ~Permission.WRITE } : data);
    }
    return {
      queues,
      // Of all brokers or of none: a list without one of them would take its queues from the keys.
      orderTopicConf: isSetDown ? present.join(';') : undefined,
      keyQueues: isPartlyClosed || this.decided.has(topic) ? all.join(';') : undefined,
    };
  }
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function queuesOf(brokerName: string, topic: AnnouncedTopic): Queues {
  const { readQueueNums, writeQueueNums, perm, topicSysFlag, orderedQueues, keysSpread } = topic;
  const narrower = orderedQueues !== undefined && orderedQueues < writeQueueNums;
  return {
    data: { brokerName, readQueueNums, writeQueueNums, perm, topicSysFlag },
    orderedQueues: narrower || keysSpread === true ? orderedQueues : undefined,
    away: false,
  };
}
