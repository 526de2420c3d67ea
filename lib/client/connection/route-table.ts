import type { Logger } from '../../platform/index.js';
import {
  compareMessageQueues,
  createRequest,
  decodeClusterInfo,
  decodeTopicRouteData,
  DEFAULT_TOPIC,
  isSystemTopic,
  MessagingError,
  RequestCode,
  ResponseCode,
  type GetRouteInfoRequestHeader,
  type MessageQueue,
} from '../../protocol/index.js';
import { BrokerCensus } from './broker-census.js';
import { LostBrokers } from './lost-brokers.js';
import type { NameServers } from './name-servers.js';
import { responseError } from './response-error.js';
import {
  createProvisionalRoute,
  createTopicRoute,
  MASTER_ID,
  masterAddress,
  sameRoute,
  type BrokerAddresses,
  type RouteData,
  type TopicRoute,
} from './topic-route.js';

type RouteListener = (topic: string) => void;

/** Makes a topic on all brokers of its provisional route. Never rejects. */
export type TopicMaker = (route: TopicRoute) => Promise<void>;

/** The routes of all topics that this client has to do with. */
export class RouteTable {
  private readonly routes = new Map<string, TopicRoute>();
  private readonly census = new BrokerCensus();
  private readonly lookups = new Map<string, Promise<TopicRoute | undefined>>();
  /** The queues that keys hash over, once they were needed: they stay as they are whatever is added to the topic. */
  private readonly ordered = new Map<string, readonly MessageQueue[]>();
  /** Topics that existed: when the NameServer knows one no longer, its brokers may just be away. */
  private readonly seen = new Set<string>();
  /** All brokers, by name; only asked for when no route names one. */
  private cluster: ReadonlyMap<string, BrokerAddresses> = new Map();
  private readonly listeners = new Set<RouteListener>();
  private readonly making = new Map<string, Promise<TopicRoute>>();
  private readonly lost = new LostBrokers();
  private makeTopic: TopicMaker = async () => undefined;

  constructor(
    private readonly nameServers: NameServers,
    private readonly defaultQueues: number,
    private readonly logger: Logger,
  ) {}

  /** Calls go by routes, so one of the two must come later. */
  makeTopicsBy(maker: TopicMaker): void {
    this.makeTopic = maker;
  }

  /** Calls back after the route of a topic appeared or changed, until the returned function is called. */
  onChange(listener: RouteListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** What is known of the topic, possibly the provisional route of one that is to be made. */
  peek(topic: string): TopicRoute | undefined {
    return this.routes.get(topic);
  }

  /** A route to send by. Rejects with TOPIC_NOT_FOUND when neither the topic nor a template exists. */
  async forSending(topic: string): Promise<TopicRoute> {
    const known = this.routes.get(topic);
    if (known !== undefined) return known;
    const route = await this.refresh(topic);
    if (route !== undefined) return route;
    const template = await this.fetch(DEFAULT_TOPIC);
    if (template === undefined && this.seen.has(topic)) {
      throw new MessagingError('QUEUE_UNAVAILABLE', `The topic ${topic} has no broker at the moment; try again later`);
    }
    if (template === undefined) {
      throw new MessagingError(
        'TOPIC_NOT_FOUND',
        `The topic ${topic} does not exist, and the broker makes none on first use. Create it, or switch autoCreateTopics on.`,
      );
    }
    const late = this.routes.get(topic);
    if (late !== undefined) return late;
    let making = this.making.get(topic);
    if (making === undefined) {
      making = this.make(createProvisionalRoute(topic, template, this.defaultQueues)).finally(() =>
        this.making.delete(topic),
      );
      this.making.set(topic, making);
    }
    return making;
  }

  /**
   * A send makes its topic on the one broker that it goes to. Of several, the others would stay without it, and the queues of
   * keys would be other ones from the second send on: there it is made everywhere first.
   */
  private async make(provisional: TopicRoute): Promise<TopicRoute> {
    const { topic, brokers } = provisional;
    const isMadeByTools = !isSystemTopic(topic) && !topic.startsWith('%');
    if (brokers.size > 1 && isMadeByTools) {
      await this.makeTopic(provisional);
      const made = await this.refresh(topic);
      if (made !== undefined) return made;
    }
    const late = this.routes.get(topic);
    if (late !== undefined) return late;
    this.keep(topic, provisional);
    return provisional;
  }

  /** Asks the NameServer for the topic; undefined when it does not exist. Concurrent callers share the question. */
  refresh(topic: string): Promise<TopicRoute | undefined> {
    let lookup = this.lookups.get(topic);
    if (lookup === undefined) {
      lookup = this.look(topic).finally(() => this.lookups.delete(topic));
      this.lookups.set(topic, lookup);
    }
    return lookup;
  }

  /** The route at this moment, without keeping it: for topics that this client neither sends to nor reads all the time. */
  async lookUp(topic: string): Promise<TopicRoute | undefined> {
    const data = await this.fetch(topic);
    return data === undefined ? undefined : createTopicRoute(topic, data);
  }

  /** Asks again for every topic that is in use. A failure keeps what was known. */
  refreshAll(): Promise<void> {
    return this.refreshEach([...this.routes.keys()]);
  }

  /** Asks again for topics of which a broker is away. */
  refreshLost(): Promise<void> {
    return this.refreshEach(this.lost.due());
  }

  private async refreshEach(topics: readonly string[]): Promise<void> {
    for (const topic of topics) {
      try {
        await this.refresh(topic);
      } catch (error) {
        this.logger.warn(`The route of ${topic} could not be refreshed: ${(error as Error).message}`);
        return;
      }
    }
  }

  /** Asks for all brokers of the cluster: for a client whose topics exist nowhere yet. */
  async learnBrokers(): Promise<void> {
    const response = await this.nameServers.invoke(() => createRequest(RequestCode.GET_BROKER_CLUSTER_INFO, {}));
    if (response.code !== ResponseCode.SUCCESS) throw responseError(response, 'Asking for the brokers of the cluster');
    const { brokerAddrTable } = decodeClusterInfo(response.body ?? Buffer.alloc(0));
    this.cluster = new Map([...brokerAddrTable].map(([name, { brokerAddrs }]) => [name, brokerAddrs]));
  }

  /**
   * The queues that the keys of a topic hash over: those set down on the NameServer, otherwise those that were there
   * when this client first needed them. Were they to follow the route, a broker that goes away for a moment, or a
   * widened topic, would move keys to other queues past messages that wait in the old ones.
   */
  orderedQueues(route: TopicRoute): readonly MessageQueue[] {
    if (route.orderedQueues !== undefined) return route.orderedQueues;
    let queues = this.ordered.get(route.topic);
    if (queues === undefined || this.isNarrower(route, queues)) {
      queues = route.writeQueues;
      this.ordered.set(route.topic, queues);
    }
    return queues;
  }

  // A topic that was made anew with fewer queues: staying with the old ones would fail for ever.
  private isNarrower(route: TopicRoute, queues: readonly MessageQueue[]): boolean {
    if (route.provisional || route.writeQueues.length >= queues.length) return false;
    const missing = queues.filter(
      (queue) => !route.writeQueues.some((other) => compareMessageQueues(other, queue) === 0),
    );
    const narrower = missing.some((queue) => masterAddress(route, queue.brokerName) !== undefined);
    if (narrower) {
      this.logger.warn(
        `The topic ${route.topic} has fewer queues than before (${route.writeQueues.length}, not ${queues.length}): ` +
          'keys go to other queues from now on',
      );
    }
    return narrower;
  }

  /** `MASTER_ID` for the master. */
  address(brokerName: string, brokerId: number = MASTER_ID): string | undefined {
    for (const route of this.routes.values()) {
      const address = route.brokers.get(brokerName)?.get(brokerId);
      if (address !== undefined) return address;
    }
    return this.cluster.get(brokerName)?.get(brokerId);
  }

  /** Of all brokers that any route names, masters and slaves; of the whole cluster when none does. */
  brokerAddresses(): string[] {
    const { addresses } = this.census;
    return addresses.length > 0 ? addresses : this.ofCluster().addresses;
  }

  /** Of the masters among them. */
  masterAddresses(): string[] {
    const census = this.census.addresses.length > 0 ? this.census : this.ofCluster();
    return census.masterAddresses;
  }

  private ofCluster(): BrokerCensus {
    const census = new BrokerCensus();
    census.replace(undefined, this.cluster);
    return census;
  }

  private keep(topic: string, route: TopicRoute | undefined): void {
    this.census.replace(this.routes.get(topic)?.brokers, route?.brokers);
    if (route === undefined) this.routes.delete(topic);
    else this.routes.set(topic, route);
  }

  private async look(topic: string): Promise<TopicRoute | undefined> {
    const data = await this.fetch(topic);
    const before = this.routes.get(topic);
    if (data === undefined) {
      this.lost.compare(topic, before, undefined);
      // A provisional route stays: the topic is made by the first send that arrives.
      if (before !== undefined && !before.provisional) {
        this.keep(topic, undefined);
        this.notify(topic);
      }
      return before?.provisional === true ? before : undefined;
    }
    const route = createTopicRoute(topic, data);
    this.lost.compare(topic, before, route);
    if (before !== undefined && sameRoute(before, route)) return before;
    this.keep(topic, route);
    this.seen.add(topic);
    this.notify(topic);
    return route;
  }

  private async fetch(topic: string): Promise<RouteData | undefined> {
    const response = await this.nameServers.invoke(() =>
      createRequest<GetRouteInfoRequestHeader>(RequestCode.GET_ROUTEINFO_BY_TOPIC, {
        topic,
        acceptStandardJsonOnly: true,
      }),
    );
    if (response.code === ResponseCode.TOPIC_NOT_EXIST) return undefined;
    if (response.code !== ResponseCode.SUCCESS) throw responseError(response, `Asking for the route of ${topic}`);
    const data = decodeTopicRouteData(response.body ?? Buffer.alloc(0));
    return {
      brokers: data.brokerDatas.map(({ brokerName, brokerAddrs }) => ({ brokerName, addresses: brokerAddrs })),
      queues: data.queueDatas,
      orderTopicConf: data.orderTopicConf,
      keyQueues: data.keyQueues,
    };
  }

  private notify(topic: string): void {
    for (const listener of this.listeners) listener(topic);
  }
}
