import type { Platform, Timer } from '../platform/index.js';
import { requestCodeName, ResponseCode } from '../protocol/index.js';
import type { Channel, RequestHandler } from '../remoting/index.js';
import type { AnnouncedTopic } from './announcement.js';
import { refusal } from './answers.js';
import { configHandlers } from './config-processor.js';
import { KvConfig } from './kv-config.js';
import { NameServerConfig, type NameServerOptions } from './options.js';
import { RegistrationProcessor } from './registration-processor.js';
import { RouteProcessor } from './route-processor.js';
import { RouteTable } from './route-table.js';

/** A broker that lives in this process: it announces itself by calls, and stays until it says good-bye. */
export interface LocalBroker {
  readonly brokerName: string;
  readonly clusterName: string;
  readonly address: string;
}

/** Tells clients which brokers have queues of a topic. */
export class NameServer {
  /** One handler per request code; the server puts them into one table with the broker's. */
  readonly handlers: ReadonlyMap<number, RequestHandler>;
  private readonly routes = new RouteTable();
  private readonly locals = new Set<string>();
  private readonly config: NameServerConfig;
  private readonly registrations: RegistrationProcessor;
  private sweeper: Timer | undefined;
  private versions = 0;

  /** @param kv Default: in memory. */
  constructor(
    private readonly platform: Platform,
    options: NameServerOptions = {},
    kv: KvConfig = KvConfig.inMemory(platform),
  ) {
    this.config = new NameServerConfig(options);
    const isLocal = (brokerName: string): boolean => this.locals.has(brokerName);
    this.registrations = new RegistrationProcessor(this.routes, kv, this.config, platform.clock, isLocal);
    this.handlers = new Map([
      ...this.registrations.handlers,
      ...new RouteProcessor(this.routes, kv, this.config, isLocal).handlers,
      ...configHandlers(kv, this.config),
    ]);
  }

  /** How many brokers and topics it knows. */
  get size(): { readonly addresses: number; readonly topics: number } {
    return this.routes.size;
  }

  start(): void {
    if (this.sweeper === undefined) this.scanLater();
  }

  stop(): void {
    this.sweeper?.cancel();
    this.sweeper = undefined;
  }

  /**
   * Serves a channel all by itself; a server that has more to answer on it uses `attach` and `handlers`.
   * @param isOpen Which requests are answered by now; the others are put off.
   */
  accept(channel: Channel, isOpen: (code: number) => boolean = () => true): void {
    this.attach(channel);
    channel.onRequest((request, from, respond) => {
      if (!isOpen(request.code)) {
        const remark = 'BROKER_BUSY: the NameServer waits for its brokers; try again in a moment';
        return respond(refusal(ResponseCode.SERVICE_NOT_AVAILABLE, remark));
      }
      const handler = this.handlers.get(request.code);
      if (handler !== undefined) return handler(request, from, respond);
      const remark = `NOT_SUPPORTED:  request type ${requestCodeName(request.code)} not supported`;
      respond(refusal(ResponseCode.REQUEST_CODE_NOT_SUPPORTED, remark));
    });
  }

  /** A broker is gone when the connection that announced it is: nobody has to wait for its expiry. */
  attach(channel: Channel): void {
    channel.onClose(() => {
      for (const [brokerAddr, brokerName] of this.registrations.close(channel)) {
        this.platform.logger.warn(
          `Broker ${brokerName} at ${brokerAddr} has closed its connection; its queues leave the routes`,
        );
      }
    });
  }

  /** Announces the topics of a broker in this process; repeated whenever they change. */
  announce(broker: LocalBroker, topics: Iterable<AnnouncedTopic>): void {
    this.locals.add(broker.brokerName);
    this.routes.announce(
      {
        brokerName: broker.brokerName,
        brokerAddr: broker.address,
        clusterName: broker.clusterName,
        brokerId: 0,
        dataVersion: { counter: ++this.versions, stateVersion: 0, timestamp: 0 },
        topics,
        expiry: Infinity,
      },
      this.platform.clock.monotonic(),
    );
  }

  withdrawTopic(broker: LocalBroker, topic: string): void {
    this.routes.removeTopic(topic, broker.brokerName);
  }

  withdraw(broker: LocalBroker): void {
    this.locals.delete(broker.brokerName);
    this.routes.remove(broker.brokerName, broker.address);
  }

  // Not `every`: the interval can be changed meanwhile.
  private scanLater(): void {
    this.sweeper = this.platform.clock.after(this.config.scanNotActiveBrokerInterval, () => {
      this.scanLater();
      this.expire();
    });
  }

  private expire(): void {
    for (const { brokerName, brokerAddr } of this.routes.expired(this.platform.clock.monotonic())) {
      this.platform.logger.warn(
        `Broker ${brokerName} at ${brokerAddr} has not announced itself in time; its queues leave the routes`,
      );
      this.routes.remove(brokerName, brokerAddr);
    }
  }
}
