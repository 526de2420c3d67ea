import { randomUUID } from 'node:crypto';
import type { INestApplicationContext } from '@nestjs/common';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { type ClientOptions, MessagingClient, NamespacedConnector } from '../../../lib/client/index.js';
import { MessagingModule } from '../../../lib/index.js';
import { type BrokerAccess, ConnectionEnvironment } from '../../../lib/nest/connection/index.js';
import type { ResolvedConnectionOptions } from '../../../lib/nest/options/index.js';
import {
  type Logger as EngineLogger,
  type Platform,
  silentLogger,
  SimulatedFileSystem,
  systemPlatform,
} from '../../../lib/platform/index.js';
import { Namespace } from '../../../lib/protocol/index.js';
import { type Connector, TcpConnector } from '../../../lib/remoting/index.js';
import type { BrokerSettings } from '../../../lib/server/index.js';
import type { ApplicationSpec } from '../world.js';
import { contextLog, ownLog } from './log-by-context.js';
import type { LogLine, OpenTarget } from './target.js';

const LOOK_MILLIS = 10;
/** What needs no time in one process does so between several. */
const QUIET_MILLIS = 300;
const PATIENT_MILLIS = 20_000;

/**
 * A broker elsewhere that outlives the behaviours: each has names of its own, put before topics and groups on the way to
 * the broker, so that none sees what others left behind. Time is real.
 */
export class RealWorld extends ConnectionEnvironment implements OpenTarget {
  readonly log: LogLine[] = ownLog();
  /** Timers of RocketMQ look at their wheel now and then, and the machine has other things to do, at times for seconds. */
  readonly slack = 10_000;
  override readonly ownsProcess = false;
  private readonly names = new Namespace(`c${randomUUID().slice(0, 8)}`);
  private readonly environment: Platform = systemPlatform({ logger: silentLogger });
  private readonly files = new SimulatedFileSystem();
  private isPrepared = false;

  constructor(private readonly nameServer: string) {
    super();
  }

  now(): number {
    return this.environment.clock.now();
  }

  /** Positions of broadcast groups are the behaviour's as well. */
  override platform(logger: EngineLogger): Platform {
    return { ...systemPlatform({ logger }), fileSystem: this.files };
  }

  override async openBroker(_options: ResolvedConnectionOptions, platform: Platform): Promise<BrokerAccess> {
    return { connector: this.connector(platform), host: undefined, close: async () => undefined };
  }

  /** A machine that is busy with other things is no reason to fail: nothing here shows how quick it is. */
  override createClient(
    client: ClientOptions,
    connection: ResolvedConnectionOptions,
    platform: Platform,
  ): MessagingClient {
    const { sendTimeoutMillis = PATIENT_MILLIS } = client;
    const patient = { ...client, sendTimeoutMillis, requestTimeoutMillis: PATIENT_MILLIS };
    return super.createClient(patient, connection, platform);
  }

  async createApplication({
    application = 'test',
    options: { broker, ...options } = {},
    strategy,
    ...metadata
  }: ApplicationSpec): Promise<INestApplicationContext> {
    if (!this.isPrepared) await this.prepare(broker);
    this.isPrepared = true;
    const placed = { application, ...options, nameServer: this.nameServer };
    const imports = [MessagingModule.forRoot(placed), ...(metadata.imports ?? [])];
    const builder = Test.createTestingModule({ ...metadata, imports })
      .overrideProvider(ConnectionEnvironment)
      .useValue(this)
      .setLogger(contextLog);
    const module = await builder.compile();
    if (strategy === undefined) return module.init();
    const service = module.createNestMicroservice<MicroserviceOptions>({ strategy });
    await service.listen();
    return service;
  }

  async until(condition: () => boolean, what: string, limit: number): Promise<void> {
    const end = performance.now() + limit;
    while (!condition()) {
      if (performance.now() > end) throw new Error(`waited ${limit} ms in vain for: ${what}`);
      await this.pass(LOOK_MILLIS);
    }
  }

  pass(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      setTimeout(resolve, milliseconds);
    });
  }

  quiet(): Promise<void> {
    return this.pass(QUIET_MILLIS);
  }

  async passing<T>(promise: Promise<T>): Promise<T> {
    return promise;
  }

  async restart(): Promise<void> {
    throw new Error('this broker is not restarted');
  }

  async close(): Promise<void> {}

  private connector({ clock, logger }: Platform): Connector {
    return new NamespacedConnector(new TcpConnector({}, clock, logger), this.names);
  }

  /** What a behaviour wants of its broker, as far as a client can ask for it. */
  private async prepare({ topics = [] }: BrokerSettings = {}): Promise<void> {
    if (topics.length === 0) return;
    const client = new MessagingClient(
      {
        application: 'prepare',
        nameServers: this.nameServer.split(';'),
        connector: this.connector(this.environment),
        requestTimeoutMillis: PATIENT_MILLIS,
      },
      this.environment,
    );
    for (const topic of topics) {
      const { name, queues } = typeof topic === 'string' ? { name: topic, queues: undefined } : topic;
      await client.createTopic(name, queues);
    }
    await client.shutdown(1000);
  }
}
