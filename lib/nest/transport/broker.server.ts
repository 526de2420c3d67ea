import { type CustomTransportStrategy, Server } from '@nestjs/microservices';
import { systemPlatform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { BrokerHost, type BrokerSettings, standaloneSettings } from '../../server/index.js';
import { nestLogger } from '../connection/nest-logger.js';
import { EventBook } from './event-book.js';
import { checkShutdownHooks } from './shutdown-hooks.js';

/** What a handler is pinned to that no other strategy of the application is to get; a `BrokerServer` calls none. @publicApi */
export const BROKER_TRANSPORT: symbol = Symbol.for('nestmq.BrokerServer');

/** @publicApi */
export type BrokerServerStatus = 'starting' | 'running' | 'stopped';

/** @publicApi */
export type BrokerServerEvents = {
  /** Clients are served from now on. */
  running: (host: BrokerHost) => void;
  /** The store is closed and its lock let go. */
  stopped: () => void;
};

/** A broker has no other work: without anything to do the process stays all the same. It cannot be longer than this. */
const KEEP_ALIVE_MILLIS = 2 ** 31 - 1;

/**
 * Runs the broker as a Nest microservice: `NestFactory.createMicroservice(AppModule, { strategy: new BrokerServer() })`.
 * It listens on 127.0.0.1:9876 unless `listen` says otherwise, and closes with the application.
 *
 * @publicApi
 */
export class BrokerServer extends Server<BrokerServerEvents, BrokerServerStatus> implements CustomTransportStrategy {
  override transportId: symbol = BROKER_TRANSPORT;
  private readonly engineLogger = nestLogger('BrokerServer');
  private readonly events = new EventBook<BrokerServerEvents>();
  private host: BrokerHost | undefined;
  private starting: Promise<BrokerHost> | undefined;
  private keepAlive: NodeJS.Timeout | undefined;
  private hooksCheck: NodeJS.Timeout | undefined;

  constructor(private readonly settings: BrokerSettings = {}) {
    super();
  }

  /** Called by Nest: what keeps the broker from starting rejects the `listen()` of the application. */
  async listen(callback: (error?: unknown, host?: BrokerHost) => unknown): Promise<void> {
    let host: BrokerHost;
    try {
      host = await this.start();
    } catch (error) {
      callback(error);
      return;
    }
    callback(undefined, host);
  }

  /** Refuses what is new, acknowledges what is under way, closes the store. Nothing happens to one that does not run. */
  async close(): Promise<void> {
    const host = await this.starting?.catch(() => undefined);
    this.starting = undefined;
    this.host = undefined;
    clearInterval(this.keepAlive);
    clearTimeout(this.hooksCheck);
    if (host === undefined) return;
    await host.stop();
    this._status$.next('stopped');
    this.events.emit('stopped');
  }

  on<Name extends keyof BrokerServerEvents, Callback extends BrokerServerEvents[Name]>(
    event: Name,
    callback: Callback,
  ): void {
    this.events.on(event, callback);
  }

  /** The `BrokerHost`. @throws MessagingError BAD_ARGUMENT while it does not run. */
  unwrap<T = BrokerHost>(): T {
    if (this.host !== undefined) return this.host as T;
    throw new MessagingError(
      'BAD_ARGUMENT',
      'the BrokerServer does not run: unwrap() it after listen() of the application',
    );
  }

  private async start(): Promise<BrokerHost> {
    if (this.starting !== undefined) {
      throw new MessagingError('CONFIGURATION', 'this BrokerServer runs already; make one for each broker');
    }
    this.warnOfHandlers();
    this._status$.next('starting');
    try {
      const host = await (this.starting = BrokerHost.start(
        this.resolved(),
        systemPlatform({ logger: this.engineLogger }),
      ));
      this.host = host;
      this.keepAlive = setInterval(() => undefined, KEEP_ALIVE_MILLIS);
      this.engineLogger.log(host.summary());
      this.hooksCheck = checkShutdownHooks(
        this.engineLogger,
        'ends the broker with its store open, which it recovers next time',
      );
      this._status$.next('running');
      this.events.emit('running', host);
      return host;
    } catch (error) {
      this.starting = undefined;
      this._status$.next('stopped');
      throw error;
    }
  }

  private resolved(): BrokerSettings {
    const { settings } = this;
    // What is no object is refused where the broker starts.
    if (typeof settings !== 'object' || settings === null) return settings;
    return standaloneSettings(settings);
  }

  private warnOfHandlers(): void {
    const patterns = [...this.messageHandlers.keys()];
    if (patterns.length === 0) return;
    this.logger.warn(
      `a BrokerServer calls no handlers (${patterns.join(', ')}): connect a MessagingServer for them, and pin them to it ` +
        'with @EventPattern(pattern, MESSAGING_TRANSPORT)',
    );
  }
}
