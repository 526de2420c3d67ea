import { join, resolve } from 'node:path';
import type {
  AdminParts,
  ConsumerOptions,
  MessagingClient,
  OutgoingMessage,
  Producer,
  PullConsumer,
  PullConsumerOptions,
  PushConsumer,
  ReceivedReply,
  SendOptions,
  TransactionBinding,
  TransactionSendResult,
} from '../../client/index.js';
import { IdempotencyOutcomes } from '../../idempotency/index.js';
import type { Clock, Logger, Platform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import type { BrokerHost, WorkerReport } from '../../server/index.js';
import { ConnectionOutbox } from '../outbox/connection-outbox.js';
import type { ResolvedConnectionOptions } from '../options/messaging-options.js';
import { type MessageConverter, parseDuration } from '../payload/index.js';
import type { BrokerAccess, ConnectionEnvironment } from './connection-environment.js';
import { nestLogger } from './nest-logger.js';
import { RunningStores } from './running-stores.js';

/** As of a send. */
const DEFAULT_REQUEST_TIMEOUT = 3000;
const DEFAULT_STORE = './.nestmq';
const DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** How long a send waits for the application to be put together. */
const READY_WAIT_MILLIS = 10_000;
/** What closing a client may take beyond the handlers' own budget: the last offsets and goodbyes. */
const CLOSE_MILLIS = 3000;
/** For the relay to mark what it has sent, and for the stores to end a statement. */
const RELAY_STOP_MILLIS = 1000;
/** It only has to be there; a timer cannot be longer than this. */
const KEEP_ALIVE_MILLIS = 2 ** 31 - 1;

/** What the broker inside says of itself. `restarts` only when it has a thread of its own. */
export type InsideReport = Partial<WorkerReport>;

/** One connection of an application: its client, and the broker inside when there is one. */
export class MessagingConnection {
  readonly name: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly converter: MessageConverter;
  readonly maxMessageBytes: number;
  /** Undefined without the option. */
  readonly outbox: ConnectionOutbox | undefined;
  /** What becomes of the messages of idempotent listeners. */
  readonly idempotency: IdempotencyOutcomes;
  /** What its listeners and its outbox keep their rows in. */
  readonly stores: RunningStores;
  /** Set once the application's own groups are registered: from then on sends go straight through. */
  producer: Producer | undefined;
  private readonly platform: Platform;
  private readonly consumers: PushConsumer[] = [];
  /** Those that start with the connection's listeners. */
  private readonly listening: PushConsumer[] = [];
  private readonly pullers = new Set<PullConsumer>();
  private draining = false;
  /** Producer groups by the name of their transaction. */
  private readonly transactionGroups = new Map<string, string>();
  private readonly ready: Promise<Producer>;
  private becomeReady!: (producer: Producer) => void;
  private failReady!: (cause: unknown) => void;
  /** Engine and client never keep a process alive by themselves: an application that only listens would end at once. */
  private keepAlive: NodeJS.Timeout | undefined;
  private client: MessagingClient | undefined;
  private broker: BrokerAccess | undefined;

  constructor(
    readonly options: ResolvedConnectionOptions,
    private readonly environment: ConnectionEnvironment,
  ) {
    this.name = options.connection;
    this.logger = nestLogger(this.name === 'default' ? 'Messaging' : `Messaging:${this.name}`);
    this.platform = environment.platform(this.logger);
    this.clock = this.platform.clock;
    this.converter = options.converter;
    this.outbox = options.outbox && new ConnectionOutbox(options.outbox, this.clock, this.logger);
    this.idempotency = new IdempotencyOutcomes((error) => {
      this.logger.error('an observer of idempotency outcomes threw; the message is not concerned', error);
    });
    this.stores = new RunningStores({ clock: this.clock, random: this.platform.random, logger: this.logger });
    if (options.outbox?.relay !== undefined) this.stores.use(options.outbox.store);
    this.maxMessageBytes = options.producer.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
    this.ready = new Promise((resolve, reject) => {
      this.becomeReady = resolve;
      this.failReady = reject;
    });
    // The failure reaches the caller of init(); without a waiting send nobody else would look at it here.
    this.ready.catch(() => undefined);
  }

  /** Logs where the connection logs, under another name. */
  loggerFor(name: string): Logger {
    return this.environment.platform(nestLogger(name)).logger;
  }

  /** The directory of the store of the broker inside; undefined when there is none on disk. */
  get storePath(): string | undefined {
    const { nameServers, broker } = this.options;
    const store: unknown = broker.store ?? DEFAULT_STORE;
    // What is no path is refused where the broker starts.
    return nameServers === undefined && broker.memory !== true && typeof store === 'string'
      ? resolve(store)
      : undefined;
  }

  /** Undefined before the connection is opened and after it is closed. */
  get openClient(): MessagingClient | undefined {
    return this.client;
  }

  /** The broker inside, while it runs on this loop. */
  get host(): BrokerHost | undefined {
    return this.broker?.host;
  }

  /** How the broker inside is, and who hosts the store; everything is undefined when it is elsewhere. Never rejects. */
  async brokerReport(patienceMillis: number): Promise<InsideReport> {
    const { broker } = this;
    if (broker?.worker !== undefined) return broker.worker.report(patienceMillis);
    return { host: broker?.host?.health(), sharing: broker?.shared?.sharing() };
  }

  /** Opens the connection; starts the broker first when it runs inside. */
  async open(): Promise<void> {
    const { options, platform, environment } = this;
    if (environment.ownsProcess) this.keepAlive = setInterval(() => undefined, KEEP_ALIVE_MILLIS);
    for (const observer of environment.idempotencyObservers) this.idempotency.observe(observer);
    this.broker = await environment.openBroker(options, platform);
    const { connector, host, shared, worker } = this.broker;
    const summary = worker?.summary() ?? shared?.summary() ?? host?.summary();
    if (summary !== undefined) this.logger.log(summary);
    const { producer } = options;
    this.client = environment.createClient(
      {
        application: options.application,
        connection: this.name,
        namespace: options.namespace,
        instance: options.instance,
        nameServers: options.nameServers ?? ['in-process'],
        connector,
        sendTimeoutMillis:
          producer.timeout === undefined ? undefined : parseDuration(producer.timeout, 'producer.timeout'),
        sendRetries: producer.retries,
        latencyFaultTolerance: producer.latencyFaultTolerance,
        rebalance: options.rebalance,
        maxMessageBytes: producer.maxMessageBytes,
        compressOverBytes: options.nameServers === undefined ? Number.MAX_SAFE_INTEGER : producer.compressOverBytes,
        // Asking a broker in the same process costs no network, and a crash repeats less.
        offsetPersistMillis: options.nameServers === undefined ? 500 : undefined,
        // The processes of one machine come back to a new host at once, or not at all.
        memberReturnMillis: options.nameServers === undefined ? 1000 : undefined,
        localOffsets: this.broadcastPositions(),
        trace: options.trace,
      },
      options,
      platform,
    );
    await this.client.start();
  }

  /** @param startedBy `others`: it is registered and drained with the listeners, but somebody else starts it. */
  consumer(options: ConsumerOptions, startedBy: 'us' | 'others' = 'us'): PushConsumer {
    const consumer = this.client!.consumer(options);
    this.consumers.push(consumer);
    if (startedBy === 'us') this.listening.push(consumer);
    return consumer;
  }

  /** Starts it; drained with the listeners. */
  async pullConsumer(options: PullConsumerOptions): Promise<PullConsumer> {
    await this.whenReady();
    const { client } = this;
    if (client === undefined || this.draining) {
      throw new MessagingError('SHUTTING_DOWN', `the connection ${this.name} closes: nothing can be pulled any more`);
    }
    const puller = client.pullConsumer(options);
    this.pullers.add(puller);
    try {
      await this.environment.prepareTopics(this.options, puller.state().topics);
      await this.environment.during(() => puller.start());
      return puller;
    } catch (error) {
      this.pullers.delete(puller);
      await puller.close();
      throw error;
    }
  }

  /** Registers the producer group before anything can be sent: whoever sends may be asked from then on. */
  async bindTransaction(name: string, group: string, binding: TransactionBinding): Promise<void> {
    await this.client!.transactions.register(group, binding);
    this.transactionGroups.set(name, group);
  }

  /** @throws MessagingError CONFIGURATION for a name without a listener. */
  async transact(
    name: string,
    message: OutgoingMessage,
    arg: unknown,
    options: SendOptions,
  ): Promise<TransactionSendResult> {
    const client = await this.clientWhenOpen();
    const group = this.transactionGroups.get(name);
    if (group !== undefined) return client.transactions.send(group, message, arg, options);
    const known = [...this.transactionGroups.keys()].join(', ') || 'none';
    throw new MessagingError(
      'CONFIGURATION',
      `transaction: no class has @TransactionListener(${JSON.stringify(name)}) on connection ${this.name}; known: ${known}`,
    );
  }

  async request(message: OutgoingMessage, timeoutMillis: number | undefined): Promise<ReceivedReply | undefined> {
    const { requests } = await this.clientWhenOpen();
    const { timeout = DEFAULT_REQUEST_TIMEOUT } = this.options.producer;
    return requests.request(message, timeoutMillis ?? parseDuration(timeout, 'producer.timeout'));
  }

  /** Stores the start positions of all groups. From its end on, whatever is sent reaches them. */
  async register(): Promise<void> {
    await this.registerGroups(this.consumers);
    this.producer = this.client!.producer;
    this.becomeReady(this.producer);
  }

  /** Also for groups that come later than the connection. */
  async registerGroups(consumers: readonly PushConsumer[]): Promise<void> {
    const topics = consumers.flatMap((consumer) => consumer.state().topics);
    await this.environment.prepareTopics(this.options, topics);
    await this.environment.during(() => Promise.all(consumers.map((consumer) => consumer.register())));
  }

  async startConsumers(consumers: readonly PushConsumer[] = this.listening): Promise<void> {
    await this.environment.during(() => Promise.all(consumers.map((consumer) => consumer.start())));
  }

  /** Stops pulling for these groups and waits for their handlers, as `drain` does for all. */
  async stopConsumers(consumers: readonly PushConsumer[]): Promise<void> {
    const budget = this.options.shutdownBudgetMillis;
    await this.environment.during(() => Promise.all(consumers.map((consumer) => consumer.stop(budget))));
  }

  /** For sends before the groups are registered. */
  async whenReady(): Promise<Producer> {
    const waited = new AbortController();
    const timeOut = this.clock.sleep(READY_WAIT_MILLIS, waited.signal).then(
      () => {
        throw new MessagingError(
          'TIMEOUT',
          `the connection ${this.name} is not open yet: the application is still being put together; ` +
            'send from onModuleInit or later, not while a provider is created',
        );
      },
      () => undefined,
    );
    try {
      return (await Promise.race([this.ready, timeOut]))!;
    } finally {
      waited.abort();
    }
  }

  /** For administration, which is injected before the connection is open. */
  async administration(): Promise<AdminParts> {
    return (await this.clientWhenOpen()).administration();
  }

  /** Of waiting for the connection only those pay that come too early. */
  private async clientWhenOpen(): Promise<MessagingClient> {
    if (this.producer === undefined) await this.whenReady();
    if (this.client !== undefined) return this.client;
    throw new MessagingError('SHUTTING_DOWN', `the connection ${this.name} is closed`);
  }

  /** Lets waiting sends fail with what kept the application from starting. */
  fail(cause: unknown): void {
    this.failReady(cause);
  }

  /** Stops pulling and waits for handlers and transactions at work; sends still work. */
  async drain(): Promise<void> {
    const budget = this.options.shutdownBudgetMillis;
    const end = this.clock.monotonic() + budget;
    this.draining = true;
    const stopped = await this.environment.during(() =>
      Promise.allSettled([
        ...this.consumers.map((consumer) => consumer.stop(budget)),
        ...[...this.pullers].map((puller) => puller.close(budget)),
      ]),
    );
    for (const result of stopped) {
      if (result.status === 'rejected') this.logger.error('a listener group did not stop cleanly', result.reason);
    }
    // After the listeners: their handlers may begin transactions.
    const left = Math.max(0, end - this.clock.monotonic());
    await this.environment.during(() => this.client?.transactions.drain(left) ?? Promise.resolve());
    await this.stopRelay(end);
    await this.environment.during(() => this.stores.stop(Math.max(RELAY_STOP_MILLIS, end - this.clock.monotonic())));
  }

  /** Sends what is in the outbox, if this process is to, and has the stores clean up. */
  startStores(): void {
    if (this.producer === undefined || this.draining) return;
    this.outbox?.start(this.producer);
    this.stores.start();
  }

  /** Last: handlers at work may have written to the outbox. What is under way has a second even when the budget is used up. */
  private async stopRelay(end: number): Promise<void> {
    const { outbox } = this;
    if (outbox === undefined) return;
    await this.environment.during(() => outbox.stop(Math.max(RELAY_STOP_MILLIS, end - this.clock.monotonic())));
  }

  /** Closes client and broker. Never throws: the rest of the application has to close as well. */
  async close(): Promise<void> {
    this.failReady(new MessagingError('SHUTTING_DOWN', `the connection ${this.name} is closed`));
    const { client, broker } = this;
    clearInterval(this.keepAlive);
    this.client = undefined;
    this.broker = undefined;
    try {
      if (client !== undefined) await this.environment.during(() => client.shutdown(CLOSE_MILLIS));
    } catch (error) {
      this.logger.error(`the client of connection ${this.name} did not close cleanly`, error);
    }
    try {
      await broker?.close();
    } catch (error) {
      this.logger.error(`the broker of connection ${this.name} did not stop cleanly`, error);
    }
  }

  private broadcastPositions(): string | undefined {
    if (this.options.nameServers !== undefined) return resolve(DEFAULT_STORE, 'broadcast', this.name);
    return this.storePath === undefined ? undefined : join(this.storePath, 'broadcast');
  }
}
