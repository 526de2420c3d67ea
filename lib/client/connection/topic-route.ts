import { compareMessageQueues, Permission, type MessageQueue } from '../../protocol/index.js';

/** By UTF-16 units, as Java compares; never by locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export const MASTER_ID = 0;

/** The brokers of one name by their id; 0 is the master. */
export type BrokerAddresses = ReadonlyMap<number, string>;

/** Where a topic lives, at the time of the last look. Never changed: a refresh makes another one. */
export interface TopicRoute {
  readonly topic: string;
  /** The topic does not exist yet: these are the queues that it will get from the template when first sent to. */
  readonly provisional: boolean;
  /** Of brokers with a master and write permission. */
  readonly writeQueues: readonly MessageQueue[];
  readonly readQueues: readonly MessageQueue[];
  readonly brokers: ReadonlyMap<string, BrokerAddresses>;
  /** The queues that keys hash over, as set down on the NameServer; undefined without such a setting. */
  readonly orderedQueues: readonly MessageQueue[] | undefined;
}

export function masterAddress(route: TopicRoute, brokerName: string): string | undefined {
  return route.brokers.get(brokerName)?.get(MASTER_ID);
}

/** What a NameServer says about a topic. */
export interface RouteData {
  readonly brokers: readonly { readonly brokerName: string; readonly addresses: BrokerAddresses }[];
  readonly queues: readonly {
    readonly brokerName: string;
    readonly readQueueNums: number;
    readonly writeQueueNums: number;
    readonly perm: number;
  }[];
  /** `broker-a:4;broker-b:4` */
  readonly orderTopicConf?: string;
  /** The same from our NameServer, which remembers brokers that are away. */
  readonly keyQueues?: string;
}

export function createTopicRoute(topic: string, data: RouteData): TopicRoute {
  const brokers = new Map(data.brokers.map(({ brokerName, addresses }) => [brokerName, addresses]));
  const writeQueues: MessageQueue[] = [];
  const readQueues: MessageQueue[] = [];
  for (const { brokerName, readQueueNums, writeQueueNums, perm } of data.queues) {
    const broker = brokers.get(brokerName);
    if (broker === undefined) continue;
    if ((perm & Permission.READ) !== 0) addQueues(readQueues, topic, brokerName, readQueueNums);
    if ((perm & Permission.WRITE) !== 0 && broker.has(MASTER_ID))
      addQueues(writeQueues, topic, brokerName, writeQueueNums);
  }
  const orderedQueues = parseOrderedQueues(topic, data.keyQueues ?? data.orderTopicConf);
  return {
    topic,
    provisional: false,
    writeQueues: writeQueues.toSorted(compareMessageQueues),
    readQueues: readQueues.toSorted(compareMessageQueues),
    brokers,
    orderedQueues,
  };
}

/** The template's route as that of a topic that will be made from it. */
export function createProvisionalRoute(topic: string, template: RouteData, queues: number): TopicRoute {
  const data: RouteData = {
    brokers: template.brokers,
    queues: template.queues.map((queue) => ({ ...queue, writeQueueNums: Math.min(queues, queue.writeQueueNums) })),
  };
  return { ...createTopicRoute(topic, data), provisional: true, readQueues: [] };
}

export function sameRoute(a: TopicRoute, b: TopicRoute): boolean {
  return (
    a.provisional === b.provisional &&
    sameQueues(a.writeQueues, b.writeQueues) &&
    sameQueues(a.readQueues, b.readQueues) &&
    sameQueues(a.orderedQueues ?? [], b.orderedQueues ?? []) &&
    a.brokers.size === b.brokers.size &&
    [...a.brokers].every(([name, addresses]) => sameAddresses(addresses, b.brokers.get(name)))
  );
}

function sameQueues(a: readonly MessageQueue[], b: readonly MessageQueue[]): boolean {
  return a.length === b.length && a.every((queue, index) => compareMessageQueues(queue, b[index]!) === 0);
}

function sameAddresses(a: BrokerAddresses, b: BrokerAddresses | undefined): boolean {
  return b !== undefined && a.size === b.size && [...a].every(([id, address]) => b.get(id) === address);
}

function addQueues(queues: MessageQueue[], topic: string, brokerName: string, count: number): void {
  for (let queueId = 0; queueId < count; queueId++) queues.push({ topic, brokerName, queueId });
}

function parseOrderedQueues(topic: string, conf: string | undefined): MessageQueue[] | undefined {
  if (conf === undefined || conf === '') return undefined;
  const queues: MessageQueue[] = [];
  for (const part of conf.split(';')) {
    const colon = part.lastIndexOf(':');
    const count = Number(part.slice(colon + 1));
    if (colon > 0 && Number.isInteger(count)) addQueues(queues, topic, part.slice(0, colon), count);
  }
  return queues.length === 0 ? undefined : queues;
}
