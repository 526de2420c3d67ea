import type { INestApplicationContext, InjectionToken, ModuleMetadata, Type } from '@nestjs/common';
import { Test, type TestingModule, type TestingModuleBuilder } from '@nestjs/testing';
import type { MessagingClient } from '../../client/index.js';
import {
  type Logger,
  MemoryFileSystem,
  type Platform,
  SeededRandom,
  silentLogger,
  VirtualClock,
} from '../../platform/index.js';
import { MessagingError, Namespace } from '../../protocol/index.js';
import { type BrokerHost, checkEmbedded } from '../../server/index.js';
import { ConnectionEnvironment } from '../connection/connection-environment.js';
import { DEFAULT_CONNECTION, getTemplateToken } from '../decorators/index.js';
import type { ResolvedConnectionOptions } from '../options/messaging-options.js';
import { type Duration, parseDuration } from '../payload/index.js';
import type { MessagingTemplate } from '../template/index.js';
import { AtWork } from './at-work.js';
import { DeadLetterLog } from './dead-letter-log.js';
import type { ConsumedFilter, ConsumedMessage, DeadLetter, SentFilter, SentMessage } from './entries.js';
import { type DeliveryFault, InjectedFaults, type SendFault } from './injected-faults.js';
import { Journal } from './journal.js';
import { redeliver, type Redeliverable } from './redelivery.js';
import { startInMemory, TestBroker } from './test-broker.js';
import { TestEnvironment, type TestWorld } from './test-environment.js';
import { checkKitOptions, type MessagingTestKitOptions } from './test-kit-options.js';
import { TestTime } from './test-time.js';

/** Below Jest's own 5 s, whose message would not say what is under way. */
const DEFAULT_PATIENCE_MILLIS = 4000;

interface OpenBroker {
  readonly broker: TestBroker;
  readonly letters: DeadLetterLog;
}

/** Provides the kit in the application. */
class TestKitModule {}

/**
 * The messages of one test: brokers in memory, virtual time, and a journal of what was sent and what became of it, for one
 * application or several. Nothing of it touches a disk, a socket or a timer.
 *
 * @publicApi
 */
export class MessagingTestKit {
  private readonly clock: VirtualClock;
  private readonly random: SeededRandom;
  private readonly files = new MemoryFileSystem();
  private readonly work = new AtWork();
  private readonly journal = new Journal();
  private readonly faults = new InjectedFaults();
  private readonly clients = new Map<MessagingClient, string>();
  private readonly brokers = new Map<string, Promise<OpenBroker>>();
  private readonly open = new Map<string, OpenBroker>();
  /** By name without namespace: namespaces share a broker. */
  private readonly hosts = new Map<string, Promise<BrokerHost>>();
  private readonly namespaces = new Set<Namespace>();
  private readonly time: TestTime;
  private readonly modules: TestingModule[] = [];
  private readonly patience: number;

  constructor(private readonly options: MessagingTestKitOptions = {}) {
    checkKitOptions(options);
    this.clock = new VirtualClock(options.startAt?.getTime());
    this.random = new SeededRandom(options.seed ?? 1);
    this.patience = parseDuration(options.timeout ?? DEFAULT_PATIENCE_MILLIS, 'MessagingTestKit: timeout');
    this.time = new TestTime(this.clock, this.work, () => this.undelivered());
  }

  /**
   * As `Test.createTestingModule` of `@nestjs/testing`, with every messaging connection on this kit's brokers. The kit can
   * be injected. Whoever compiles the module closes it.
   */
  createTestingModule(metadata: ModuleMetadata): TestingModuleBuilder {
    const own = { module: TestKitModule, global: true, providers: [{ provide: MessagingTestKit, useValue: this }] };
    const imports = [...(metadata.imports ?? []), { ...own, exports: [MessagingTestKit] }];
    return this.applyTo(Test.createTestingModule({ ...metadata, imports }));
  }

  /** Puts the connections of a module that is being built on this kit's brokers. */
  applyTo(builder: TestingModuleBuilder): TestingModuleBuilder {
    return builder.overrideProvider(ConnectionEnvironment).useValue(new TestEnvironment(this.world()));
  }

  /** Builds and initialises a module, and closes it with the kit. `prepare` may override more of it. */
  async start(
    metadata: ModuleMetadata,
    prepare: (builder: TestingModuleBuilder) => TestingModuleBuilder = (builder) => builder,
  ): Promise<TestingModule> {
    const module = await prepare(this.createTestingModule(metadata)).compile();
    this.modules.push(module);
    await module.init();
    return module;
  }

  /** A provider of the first module that `start` made. */
  get<T>(token: InjectionToken<T> | Type<T>): T {
    return this.module.get<T>(token as Type<T>, { strict: false });
  }

  /** The first module that `start` made. */
  get module(): TestingModule {
    const [module] = this.modules;
    if (module !== undefined) return module;
    throw new MessagingError('BAD_ARGUMENT', 'this test kit has started no module; call start() first');
  }

  /** The template of a connection, of the first module that `start` made or of another application. */
  template(connection = DEFAULT_CONNECTION, app: INestApplicationContext = this.module): MessagingTemplate {
    return app.get<MessagingTemplate>(getTemplateToken(connection), { strict: false });
  }

  /** Virtual time. It stands still until `advance` moves it, but for what `settled` says. */
  now(): Date {
    return new Date(this.clock.now());
  }

  /**
   * Resolves when nothing is under way: no handler runs, no send or request is pending, every message that can be seen is
   * with its listener. Real promises of handlers are awaited. What is due later (retries, delays, batches that are not
   * full) stays so: see `advance`. Virtual time moves only when something under way ends by time alone, such as a request
   * that nobody answers.
   *
   * @param options `timeout`: real time; default: the kit's (4 s).
   * @throws MessagingError TIMEOUT naming what is under way.
   */
  async settled(options: { timeout?: Duration } = {}): Promise<void> {
    await this.time.settled(this.patienceOf(options));
    await this.readDeadLetters();
  }

  /**
   * Moves virtual time on, through everything that is due by then, each at its time: retries, delays, check-backs,
   * time-outs. Then nothing is under way that needs no further time.
   *
   * @param duration Milliseconds, or a text such as `'30s'`.
   * @throws MessagingError TIMEOUT when a handler does not end, BAD_ARGUMENT for what is no duration.
   */
  async advance(duration: Duration, options: { timeout?: Duration } = {}): Promise<void> {
    await this.time.advance(parseDuration(duration, 'advance'), this.patienceOf(options));
    await this.readDeadLetters();
  }

  /** Resolves once the condition holds, while handlers may still be at work. Virtual time stands still. */
  async until(condition: () => boolean, options: { timeout?: Duration } = {}): Promise<void> {
    await this.time.until(condition, this.patienceOf(options));
  }

  /** What was sent, in the order of the outcomes: to a destination (`topic` or `topic:tag`), or everything. */
  sent(destination?: string, filter: SentFilter = {}): SentMessage[] {
    return this.journal.sent(destination, filter);
  }

  /** The deliveries whose handlers have settled, in that order: one entry per attempt. */
  consumed(destination?: string, filter: ConsumedFilter = {}): ConsumedMessage[] {
    return this.journal.consumed(destination, filter);
  }

  /** The deliveries that failed and are followed by another attempt. */
  retried(destination?: string, filter: Omit<ConsumedFilter, 'outcome'> = {}): ConsumedMessage[] {
    return this.journal.consumed(destination, { ...filter, outcome: 'retried' });
  }

  /** The dead letters of a group, or of all, as of the last `settled` or `advance`. */
  deadLettered(group?: string): DeadLetter[] {
    return this.journal.deadLettered(group);
  }

  /** Forgets what was sent and consumed until now; messages and groups stay as they are. */
  clear(): void {
    this.journal.clear();
  }

  /**
   * Delivers a message again, under its own id: to every group, as after a send whose answer was lost; with `group` to
   * that one alone, as after a consumer that died before it acknowledged. `settled` then waits for it.
   */
  async redeliver(message: Redeliverable, options: { group?: string; times?: number } = {}): Promise<void> {
    const { group, times = 1 } = options;
    if (!Number.isInteger(times) || times < 1) {
      throw new MessagingError('BAD_ARGUMENT', `redeliver: times must be a whole number above 0, not ${String(times)}`);
    }
    const broker = this.brokerOf(message);
    for (let count = 0; count < times; count++) await redeliver(broker, message, group, this.clock.now());
  }

  /** The next sends that match fail. With `stored: true` the message is stored all the same. */
  failNextSend(fault: SendFault = {}): void {
    this.faults.addSend(fault);
  }

  /** The next deliveries that match fail, before the handler or after it. */
  failNextDelivery(fault: DeliveryFault = {}): void {
    this.faults.addDelivery(fault);
  }

  /**
   * The broker is gone for good, with all that it had: sends fail, listeners get nothing.
   *
   * @param name Of the connection, or what `brokerOf` calls it.
   * @throws MessagingError BAD_ARGUMENT when there is none.
   */
  async stopBroker(name: string = DEFAULT_CONNECTION): Promise<void> {
    const host = this.hosts.get(name);
    if (host === undefined) {
      const known = [...this.hosts.keys()].join(', ') || 'none';
      throw new MessagingError('BAD_ARGUMENT', `stopBroker: this kit has no broker ${name}; known: ${known}`);
    }
    await (await host).stop();
  }

  /** Closes the modules that `start` made, and the brokers. */
  async close(): Promise<void> {
    const modules = this.modules.splice(0).toReversed();
    try {
      for (const module of modules) await module.close();
    } finally {
      for (const host of this.hosts.values()) await (await host).stop();
      this.hosts.clear();
      this.open.clear();
      this.brokers.clear();
    }
  }

  private world(): TestWorld {
    const { clock, work, journal, faults, clients } = this;
    return {
      clock,
      work,
      journal,
      faults,
      clients,
      platform: (logger) => this.platform(logger),
      brokerName: (options) => this.brokerName(options),
      broker: (options) => this.broker(options),
    };
  }

  private platform(logger: Logger): Platform {
    const { clock, random, files, options } = this;
    return { clock, random, fileSystem: files, logger: options.logs === true ? logger : silentLogger };
  }

  /** In a namespace it is a broker of its own to whoever looks at its messages. */
  private brokerName(options: ResolvedConnectionOptions): string {
    const name = this.hostName(options);
    return options.namespace === undefined ? name : `${options.namespace}%${name}`;
  }

  private hostName({ application, connection }: ResolvedConnectionOptions): string {
    return this.options.brokerOf?.({ application, connection }) ?? connection;
  }

  private async broker(options: ResolvedConnectionOptions): Promise<TestBroker> {
    // What could not start in earnest must not start here.
    if (options.nameServers === undefined) checkEmbedded(options.broker);
    const name = this.brokerName(options);
    let opening = this.brokers.get(name);
    if (opening === undefined) {
      opening = this.openBroker(name, options);
      this.brokers.set(name, opening);
    }
    const { broker } = await opening;
    await broker.join(options.broker);
    return broker;
  }

  private async openBroker(name: string, options: ResolvedConnectionOptions): Promise<OpenBroker> {
    const { broker: settings, namespace, converter } = options;
    const hostName = this.hostName(options);
    let host = this.hosts.get(hostName);
    if (host === undefined) this.hosts.set(hostName, (host = startInMemory(settings, this.platform(silentLogger))));
    const names = namespace === undefined ? undefined : new Namespace(namespace);
    if (names !== undefined) this.namespaces.add(names);
    const broker = new TestBroker(name, await host, names, this.namespaces);
    const opened = { broker, letters: new DeadLetterLog(broker, this.journal, converter) };
    this.open.set(name, opened);
    return opened;
  }

  private brokerOf(message: Redeliverable): TestBroker {
    const all = [...this.open.values()].map(({ broker }) => broker);
    const broker = 'broker' in message ? this.open.get(message.broker)?.broker : all.length === 1 ? all[0] : undefined;
    if (broker !== undefined) return broker;
    throw new MessagingError(
      'BAD_ARGUMENT',
      `redeliver: this kit has ${all.length} brokers, and a message of ${message.topic} does not say which is its; ` +
        'take it from sent(), consumed() or deadLettered()',
    );
  }

  private undelivered(): string[] {
    return [...this.open].flatMap(([name, { broker }]) => {
      const clients = [...this.clients].filter(([, of]) => of === name);
      return broker.undelivered(clients.flatMap(([client]) => client.consumerStates()));
    });
  }

  private async readDeadLetters(): Promise<void> {
    for (const { letters } of this.open.values()) await letters.read();
  }

  private patienceOf({ timeout }: { timeout?: Duration }): number {
    return timeout === undefined ? this.patience : parseDuration(timeout, 'timeout');
  }
}
