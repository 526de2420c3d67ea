import { networkInterfaces } from 'node:os';
import type { Platform, Timer } from '../platform/index.js';
import {
  checkTopic,
  UniqueIdSource,
  DEFAULT_TOPIC,
  LIMITS,
  MessagingError,
  Namespace,
  Permission,
} from '../protocol/index.js';
import { SigningConnector } from '../remoting/index.js';
import type { AdminParts } from './admin/admin-calls.js';
import { MessagingAdmin } from './admin/messaging-admin.js';
import { serveBrokers } from './broker-requests.js';
import { BrokerCalls } from './connection/broker-calls.js';
import { Capabilities } from './connection/capabilities.js';
import type { ClientCore } from './connection/client-core.js';
import { Connections } from './connection/connections.js';
import { createCounters, type ClientCounters } from './counters.js';
import { TopicSends, type SendCounts } from './counts.js';
import { combineInterceptors } from './interceptor.js';
import { HeartbeatService } from './connection/heartbeats.js';
import { NameServers } from './connection/name-servers.js';
import { NamespacedConnector } from './namespace/namespaced-connector.js';
import { withClientDefaults, type ClientOptions, type ClientSettings, type ConsumerOptions } from './options.js';
import type { OutgoingMessage } from './producer/messages.js';
import { Producer } from './producer/producer.js';
import { PullConsumer, type PullConsumerOptions } from './consumer/pull-consumer.js';
import type { ConsumerState } from './consumer/consumer-state.js';
import { PushConsumer } from './consumer/push-consumer.js';
import { Requests } from './requests/requests.js';
import type { TopicLag } from './consumer/lag.js';
import { RouteTable } from './connection/route-table.js';
import { topicMaker } from './connection/topic-maker.js';
import { Suspects } from './dispatch/suspects.js';
import { MessageTracer } from './trace/message-tracer.js';
import { Transactions } from './transactions/transactions.js';

/** Between two looks whether a broker that is away is back. */
const LOST_BROKER_MILLIS = 2000;
const RANDOM_ID = 0x1_0000_0000;

/** One application's connection to a broker or a cluster, with one producer and a consumer per group. */
export class MessagingClient {
  /** `ip@pid#random` */
  readonly clientId: string;
  readonly producer: Producer;
  readonly transactions: Transactions;
  readonly requests: Requests;
  readonly counters: ClientCounters;
  readonly admin: MessagingAdmin;
  /** @internal */
  readonly sends: TopicSends;
  private readonly settings: ClientSettings;
  private readonly core: ClientCore;
  private readonly connections: Connections;
  private readonly routes: RouteTable;
  private readonly heartbeats: HeartbeatService;
  private readonly parts: AdminParts;
  private readonly consumers = new Map<string, PushConsumer>();
  private readonly timers: Timer[] = [];
  private isShutDown = false;

  constructor(
    options: ClientOptions,
    private readonly platform: Platform,
  ) {
    // Signed is what leaves the client, so names have their namespace by then.
    const { credentials, ...rest } = options;
    const outside = credentials === undefined ? rest.connector : new SigningConnector(rest.connector, credentials);
    const settings = withClientDefaults({ ...rest, connector: outside });
    this.counters = createCounters();
    this.sends = new TopicSends();
    const { clock, logger, random } = platform;
    const ip = ownAddress();
    this.clientId = `${ip}@${process.pid}#${random.below(RANDOM_ID).toString(16).padStart(8, '0')}`;
    const { namespace } = settings;
    const producerGroup = producerGroupOf(settings.application, namespace);
    const ids = new UniqueIdSource({
      ip,
      pid: process.pid,
      now: () => clock.now(),
      hash: random.below(RANDOM_ID),
    });
    const { clientId } = this;
    const send = (message: OutgoingMessage): Promise<unknown> => this.producer.sendTrace(message);
    const tracer =
      settings.trace &&
      new MessageTracer(settings.trace, { clientId, producerGroup, createId: () => ids.next(), send }, platform);
    const around = [tracer, settings.interceptor].filter((interceptor) => interceptor !== undefined);
    this.settings = { ...settings, interceptor: combineInterceptors(around) };
    const monotonic = (): number => clock.monotonic();
    const connector = namespace === undefined ? outside : new NamespacedConnector(outside, new Namespace(namespace));
    const serve = serveBrokers(() => ({
      consumers: this.consumers,
      requests: this.requests,
      transactions: this.transactions,
      logger,
    }));
    this.connections = new Connections(connector, serve, monotonic, (address) => {
      void this.heartbeats.restore(address);
    });
    const nameServers = new NameServers(
      options.nameServers,
      this.connections,
      random,
      this.settings.requestTimeoutMillis,
    );
    this.routes = new RouteTable(nameServers, this.settings.defaultTopicQueues, logger);
    this.heartbeats = new HeartbeatService(this.clientId, producerGroup, this.routes, this.counters, platform);
    const brokers = new BrokerCalls(this.connections, this.routes, this.settings.requestTimeoutMillis, () =>
      this.heartbeats.greeting(),
    );
    this.heartbeats.connect(brokers);
    this.routes.makeTopicsBy(topicMaker(brokers, logger));
    this.core = {
      clientId: this.clientId,
      producerGroup,
      settings: this.settings,
      platform,
      counters: this.counters,
      sends: this.sends,
      routes: this.routes,
      nameServers: options.nameServers.join(';'),
      brokers,
      capabilities: new Capabilities(brokers, (address) => this.heartbeats.repeat(address)),
      heartbeats: this.heartbeats,
      suspects: new Suspects(platform, this.counters),
      tracer,
    };
    this.producer = new Producer(this.core, ids);
    this.transactions = new Transactions(this.core, this.producer);
    this.parts = { core: this.core, nameServers, producer: this.producer };
    this.admin = new MessagingAdmin(() => this.administration());
    this.requests = new Requests(this.core, this.producer);
  }

  /** Begins the periodic work. Connections are opened when they are needed, so this succeeds without a broker. */
  async start(): Promise<void> {
    const { clock } = this.platform;
    this.timers.push(
      clock.every(this.settings.heartbeatMillis, () => void this.heartbeats.beat()),
      clock.every(this.settings.routeRefreshMillis, () => void this.routes.refreshAll()),
      clock.every(LOST_BROKER_MILLIS, () => void this.routes.refreshLost()),
    );
  }

  /** The consumer of a group; one per group and client. */
  consumer(options: ConsumerOptions): PushConsumer {
    this.checkGroupIsFree(options.group);
    const consumer = new PushConsumer(this.core, options, () => this.consumers.delete(options.group));
    this.consumers.set(options.group, consumer);
    return consumer;
  }

  /** A consumer that is asked for its messages; `start` it. One consumer per group and client. */
  pullConsumer(options: PullConsumerOptions): PullConsumer {
    this.checkGroupIsFree(options.group);
    const pull = new PullConsumer(this.core, options, () => this.consumers.delete(options.group));
    this.consumers.set(options.group, pull.consumer);
    return pull;
  }

  /** @internal For an administration that is made before the client is. */
  async administration(): Promise<AdminParts> {
    if (!this.isShutDown) return this.parts;
    throw new MessagingError('SHUTTING_DOWN', 'This client is shut down; it administers nothing any more');
  }

  /** How many messages were sent to each topic, and how many were not. */
  sendCounts(): ReadonlyMap<string, SendCounts> {
    return this.sends.byTopic;
  }

  /** How far each group is behind in the queues that this client has of it. Rejects when a broker cannot be reached. */
  async lags(): Promise<{ group: string; topics: TopicLag[] }[]> {
    const consumers = [...this.consumers.values()];
    return Promise.all(
      consumers.map(async (consumer) => ({ group: consumer.settings.group, topics: await consumer.lag() })),
    );
  }

  /** Asks every broker whether it is there. Never rejects. */
  async probe(): Promise<{ reached: number; failures: string[] }> {
    return this.heartbeats.probe();
  }

  /** What the groups of this client do at this moment. */
  consumerStates(): ConsumerState[] {
    return [...this.consumers.values()].map((consumer) => consumer.state());
  }

  /**
   * Creates a topic on every broker that has topics, or changes its number of queues.
   * @param queues Default: `defaultTopicQueues`.
   */
  async createTopic(name: string, queues: number = this.settings.defaultTopicQueues): Promise<void> {
    checkTopic(name, this.settings.namespace);
    if (!Number.isInteger(queues) || queues < 1) {
      throw new MessagingError('BAD_ARGUMENT', `The topic ${name} needs at least one queue, not ${queues}`);
    }
    if (this.routes.masterAddresses().length === 0) await this.routes.learnBrokers();
    const addresses = this.routes.masterAddresses();
    if (addresses.length === 0) {
      throw new MessagingError('CONNECT_FAILED', `The topic ${name} was not created: the NameServer knows no broker`);
    }
    const perm = Permission.READ | Permission.WRITE;
    for (const address of addresses) {
      await this.core.brokers.createTopic(address, {
        topic: name,
        defaultTopic: DEFAULT_TOPIC,
        readQueueNums: queues,
        writeQueueNums: queues,
        perm,
        topicFilterType: 'SINGLE_TAG',
        topicSysFlag: 0,
        order: false,
      });
    }
    await this.routes.refresh(name);
  }

  /** Consumers first, so that handlers can still send; then what is being sent; all within the budget. */
  async shutdown(budgetMillis: number): Promise<void> {
    if (this.isShutDown) return;
    this.isShutDown = true;
    const end = this.platform.clock.monotonic() + budgetMillis;
    const left = (): number => Math.max(0, end - this.platform.clock.monotonic());
    await Promise.all([...this.consumers.values()].map((consumer) => consumer.stop(budgetMillis)));
    this.requests.close();
    await this.transactions.drain(left());
    await this.producer.close(left());
    await this.core.tracer?.close(left());
    for (const timer of this.timers) timer.cancel();
    this.heartbeats.close();
    await this.heartbeats.unregisterProducer();
    await this.connections.close();
  }

  private checkGroupIsFree(group: string): void {
    if (this.isShutDown)
      throw new MessagingError('SHUTTING_DOWN', `The group ${group} comes too late: this client is shut down`);
    if (this.consumers.has(group)) {
      throw new MessagingError(
        'CONFIGURATION',
        `The group ${group} has a consumer in this client; add listeners to that one`,
      );
    }
  }
}

function producerGroupOf(application: string, namespace = ''): string {
  const clean = application.replace(/[^%|a-zA-Z0-9_-]+/g, '-').replace(/^-+/, '');
  const room = LIMITS.groupBytes - '-producer'.length - (namespace.length + 1);
  return `${clean.slice(0, room) || 'application'}-producer`;
}

function ownAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { family, internal, address } of addresses ?? []) {
      if (family === 'IPv4' && !internal) return address;
    }
  }
  return '127.0.0.1';
}
