import {
  type ClientInterceptor,
  type ClientOptions,
  combineInterceptors,
  MessagingClient,
} from '../../client/index.js';
import type { IdempotencyObserver } from '../../idempotency/index.js';
import { type Clock, type Logger, type Platform, systemPlatform } from '../../platform/index.js';
import { type Connector, TcpConnector } from '../../remoting/index.js';
import { type BrokerHost, runsInWorker, SharedBroker, withoutRun, WorkerBroker } from '../../server/index.js';
import type { ResolvedConnectionOptions } from '../options/messaging-options.js';

/** The way to the broker of a connection. */
export interface BrokerAccess {
  readonly connector: Connector;
  /** The broker inside; undefined when it is elsewhere, in a thread of its own, or while another process hosts the store. */
  readonly host: BrokerHost | undefined;
  /** Who hosts it; undefined when it is elsewhere, or always inside. */
  readonly shared?: SharedBroker;
  /** The broker inside when it has a thread of its own. */
  readonly worker?: WorkerBroker;
  /** Lets go of what was opened; stops the broker if it runs inside. */
  close(): Promise<void>;
}

/** Makes what stands around the sends and handlers of one connection; undefined for nothing. */
export type InterceptorFactory = (connection: ResolvedConnectionOptions, clock: Clock) => ClientInterceptor | undefined;

/** What connections stand on. One provider of the application, so that a test can put another world under it. */
export class ConnectionEnvironment {
  /** Whether the process is there for the application: open connections keep it alive, and it is warned of kills. */
  readonly ownsProcess: boolean = true;
  readonly idempotencyObservers: IdempotencyObserver[] = [];
  private readonly factories: InterceptorFactory[] = [];

  /** Has effect for connections that open later; they open with the first `onModuleInit`. */
  intercept(factory: InterceptorFactory): void {
    this.factories.push(factory);
  }

  /** Told of what idempotency comes to, by the connections that open later. */
  observeIdempotency(observer: IdempotencyObserver): void {
    this.idempotencyObservers.push(observer);
  }

  platform(logger: Logger): Platform {
    return systemPlatform({ logger });
  }

  async openBroker(options: ResolvedConnectionOptions, platform: Platform): Promise<BrokerAccess> {
    if (options.nameServers !== undefined) {
      const tcp = new TcpConnector({ tls: options.tls }, platform.clock, platform.logger);
      return {
        connector: options.sign?.(tcp) ?? tcp,
        host: undefined,
        close: async () => undefined,
      };
    }
    const settings = withoutRun(options.broker);
    if (runsInWorker(options.broker)) {
      const worker = await WorkerBroker.open(settings, platform);
      return { connector: worker.connector, host: undefined, worker, close: () => worker.close() };
    }
    const shared = await SharedBroker.open(settings, platform);
    return {
      connector: shared.connector,
      get host() {
        return shared.host;
      },
      shared,
      close: () => shared.close(),
    };
  }

  createClient(client: ClientOptions, connection: ResolvedConnectionOptions, platform: Platform): MessagingClient {
    return new MessagingClient(
      { ...client, interceptor: combineInterceptors(this.interceptors(connection, platform.clock)) },
      platform,
    );
  }

  /** Before the groups of a connection, which read these topics, are registered. */
  async prepareTopics(_connection: ResolvedConnectionOptions, _topics: readonly string[]): Promise<void> {}

  /** A step in the life of a connection that somebody waits for: what it does may take time. */
  during<T>(step: () => Promise<T>): Promise<T> {
    return step();
  }

  protected interceptors(connection: ResolvedConnectionOptions, clock: Clock): ClientInterceptor[] {
    return this.factories.map((create) => create(connection, clock)).filter((interceptor) => interceptor !== undefined);
  }
}
