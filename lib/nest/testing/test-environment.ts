import type { ClientInterceptor, ClientOptions, MessagingClient } from '../../client/index.js';
import type { Clock, Logger, Platform } from '../../platform/index.js';
import { type BrokerAccess, ConnectionEnvironment } from '../connection/connection-environment.js';
import type { ResolvedConnectionOptions } from '../options/messaging-options.js';
import type { AtWork } from './at-work.js';
import type { InjectedFaults } from './injected-faults.js';
import type { Journal } from './journal.js';
import type { TestBroker } from './test-broker.js';

/**
 * An hour of virtual time is mostly housekeeping. Positions are also stored when a consumer stops, changes of members and
 * topics are told at once in process, and the broker gives a client up that has been silent for 120 s.
 */
const QUIET_HOUSEKEEPING = {
  offsetPersistMillis: 60_000,
  heartbeatMillis: 60_000,
  rebalanceMillis: 600_000,
  routeRefreshMillis: 600_000,
} as const;

/** What the applications of one test share. */
export interface TestWorld {
  readonly clock: Clock;
  readonly work: AtWork;
  readonly journal: Journal;
  readonly faults: InjectedFaults;
  /** Each with the name of its broker. */
  readonly clients: Map<MessagingClient, string>;
  platform(logger: Logger): Platform;
  brokerName(options: ResolvedConnectionOptions): string;
  /** The broker in memory that the connection leads to, started when it is the first one. */
  broker(options: ResolvedConnectionOptions): Promise<TestBroker>;
}

/** Under the connections of one application in a test: a broker in memory, virtual time, and a journal. */
export class TestEnvironment extends ConnectionEnvironment {
  override readonly ownsProcess = false;

  constructor(private readonly world: TestWorld) {
    super();
  }

  override platform(logger: Logger): Platform {
    return this.world.platform(logger);
  }

  override async openBroker(options: ResolvedConnectionOptions): Promise<BrokerAccess> {
    const { host } = await this.world.broker(options);
    // It outlives the application: others use it, and the same one may start again.
    return { connector: host.connector, host, close: async () => undefined };
  }

  override createClient(
    client: ClientOptions,
    connection: ResolvedConnectionOptions,
    platform: Platform,
  ): MessagingClient {
    const created = super.createClient(
      // Compressing takes a thread and real time, which virtual time-outs would not wait for.
      {
        ...client,
        compressOverBytes: Number.MAX_SAFE_INTEGER,
        nameServers: ['in-process'],
        ...QUIET_HOUSEKEEPING,
      },
      connection,
      platform,
    );
    this.world.clients.set(created, this.world.brokerName(connection));
    return created;
  }

  override async prepareTopics(connection: ResolvedConnectionOptions, topics: readonly string[]): Promise<void> {
    await (await this.world.broker(connection)).prepare(topics);
  }

  override during<T>(step: () => Promise<T>): Promise<T> {
    return this.world.work.step('the start or end of an application', step);
  }

  /** The journal is the outermost: it is told what the application's own interceptors make of it. */
  protected override interceptors(connection: ResolvedConnectionOptions, clock: Clock): ClientInterceptor[] {
    return [this.recorder(connection), ...super.interceptors(connection, clock), this.failer()];
  }

  private recorder(connection: ResolvedConnectionOptions): ClientInterceptor {
    const { work, journal } = this.world;
    const { clock } = this.world;
    const origin = {
      application: connection.application,
      connection: connection.connection,
      broker: this.world.brokerName(connection),
      converter: connection.converter,
    };
    return {
      send: (send, proceed) =>
        work.operation(`a send to ${send.messages[0]!.topic}`, async () => {
          const { messages, oneWay } = send;
          const at = clock.now();
          try {
            const result = await proceed(messages);
            journal.addSend(origin, messages, oneWay, at, { result });
            return result;
          } catch (error) {
            journal.addSend(origin, messages, oneWay, at, { error });
            throw error;
          }
        }),
      request: (message, proceed) => work.operation(`a request to ${message.topic}`, proceed),
      transact: ({ group, what, message }, proceed) =>
        work.handler(
          `${what} of the transactions ${group} with message ${message.messageId} of ${message.topic}`,
          proceed,
        ),
      handle: (call, proceed) => {
        const [first] = call.messages;
        const what = `${call.listener} (group ${call.group}) with message ${first!.messageId} of ${first!.topic}, attempt ${first!.attempt}`;
        return work.handler(what, async () => {
          const settlements = await proceed();
          call.messages.forEach((message, index) => {
            journal.addDelivery(origin, call, message, settlements[index]!, clock.now());
          });
          return settlements;
        });
      },
    };
  }

  /** The innermost: what the test lets fail looks to everything else as if the broker or the handler had failed. */
  private failer(): ClientInterceptor {
    const { faults } = this.world;
    return {
      send: async (send, proceed) => {
        const fault = faults.forSend(send);
        if (fault === undefined) return proceed(send.messages);
        if (fault.stored) await proceed(send.messages);
        throw fault.error;
      },
      handle: async (call, proceed) => {
        const fault = faults.forDelivery(call);
        if (fault === undefined) return proceed();
        if (fault.afterHandler) await proceed();
        return call.messages.map(() => fault.settlement);
      },
    };
  }
}
