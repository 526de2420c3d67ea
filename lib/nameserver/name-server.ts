import { crc32 } from 'node:zlib';
import type { Platform, Timer } from '../platform/index.js';
import {
  createResponse,
  decodeRegisterBrokerBody,
  type DeleteTopicRequestHeader,
  encodeClusterInfo,
  encodeTopicList,
  encodeTopicRouteData,
  type GetRouteInfoRequestHeader,
  MessagingError,
  type RegisterBrokerRequestHeader,
  type RemotingCommand,
  RequestCode,
  ResponseCode,
  type UnregisterBrokerRequestHeader,
} from '../protocol/index.js';
import type { Channel, RequestHandler, Respond } from '../remoting/index.js';
import { type AnnouncedTopic, RouteTable } from './route-table.js';

/** Brokers of versions before 5 say nothing about when they are to be forgotten. */
const DEFAULT_EXPIRY = 120_000;
/** What one server takes from the network; far above any cluster, far below what would hurt. */
const MOST_ADDRESSES = 10_000;
const MOST_TOPICS = 200_000;
const SWEEP_MILLIS = 5_000;
const NO_BODY = Buffer.alloc(0);
const NO_FIELDS: object = Object.freeze({});

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
  private readonly channels = new Map<Channel, Map<string, string>>();
  private sweeper: Timer | undefined;
  private versions = 0;

  constructor(private readonly platform: Platform) {
    this.handlers = new Map<number, RequestHandler>([
      [RequestCode.REGISTER_BROKER, this.register],
      [RequestCode.UNREGISTER_BROKER, this.unregister],
      [RequestCode.GET_ROUTEINFO_BY_TOPIC, this.route],
      [RequestCode.GET_BROKER_CLUSTER_INFO, this.cluster],
      [RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, this.topics],
      [RequestCode.DELETE_TOPIC_IN_NAMESRV, this.deleteTopic],
    ]);
  }

  start(): void {
    this.sweeper ??= this.platform.clock.every(SWEEP_MILLIS, () => this.expire());
  }

  stop(): void {
    this.sweeper?.cancel();
    this.sweeper = undefined;
  }

  /** Serves a channel all by itself; a server that has more to answer on it uses `attach` and `handlers`. */
  accept(channel: Channel): void {
    this.attach(channel);
    channel.onRequest((request, from, respond) => {
      const handler = this.handlers.get(request.code);
      if (handler === undefined)
        respond(refusal(ResponseCode.REQUEST_CODE_NOT_SUPPORTED, ` request type ${request.code} not supported`));
      else handler(request, from, respond);
    });
  }

  /** A broker is gone when the connection that announced it is: nobody has to wait for its expiry. */
  attach(channel: Channel): void {
    channel.onClose(() => {
      const announced = this.channels.get(channel);
      this.channels.delete(channel);
      for (const [brokerAddr, brokerName] of announced ?? []) {
        this.platform.logger.warn(
          `Broker ${brokerName} at ${brokerAddr} has closed its connection; its queues leave the routes`,
        );
        this.routes.remove(brokerName, brokerAddr);
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

  private readonly register = (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    this.answer(respond, () => {
      const header = request.header as RegisterBrokerRequestHeader;
      const body = request.body ?? NO_BODY;
      this.checkRegistration(header, body);
      const { dataVersion, topicConfigTable } = decodeRegisterBrokerBody(body);
      if (topicConfigTable.size === 1 && !this.routes.knows(header.brokerAddr)) {
        // A broker sends single topics when they change; if this server has just been restarted the others are missing.
        throw new MessagingError(
          'BROKER_ERROR',
          `register broker failed: ${header.brokerName} must announce all its topics first`,
        );
      }
      this.checkRoom(header, topicConfigTable.keys());
      this.routes.announce(
        {
          ...header,
          dataVersion,
          topics: topicConfigTable.values(),
          expiry: header.heartbeatTimeoutMillis ?? DEFAULT_EXPIRY,
        },
        this.platform.clock.monotonic(),
      );
      let announced = this.channels.get(channel);
      if (announced === undefined) this.channels.set(channel, (announced = new Map()));
      announced.set(header.brokerAddr, header.brokerName);
      return undefined;
    });
  };

  private checkRoom({ brokerName, brokerAddr }: RegisterBrokerRequestHeader, names: Iterable<string>): void {
    const { addresses, topics } = this.routes.size;
    let fresh = 0;
    for (const name of names) if (!this.routes.hasTopic(name)) fresh++;
    const roomForBroker = addresses < MOST_ADDRESSES || this.routes.knows(brokerAddr);
    if (roomForBroker && (fresh === 0 || topics + fresh <= MOST_TOPICS)) return;
    throw new MessagingError(
      'BROKER_BUSY',
      `${brokerName} is not registered: the NameServer knows ${addresses} brokers and ${topics} topics; ` +
        `it takes ${MOST_ADDRESSES} and ${MOST_TOPICS}.`,
    );
  }

  private checkRegistration(header: RegisterBrokerRequestHeader, body: Buffer): void {
    if (this.locals.has(header.brokerName)) {
      throw new MessagingError(
        'NO_PERMISSION',
        `The broker name ${header.brokerName} belongs to the broker of this process; give yours another one.`,
      );
    }
    if (header.compressed === true) {
      throw new MessagingError(
        'NOT_SUPPORTED',
        'Compressed registrations are not understood; set compressedRegister=false on the broker.',
      );
    }
    const expected = header.bodyCrc32 ?? 0;
    if (expected !== 0 && (crc32(body) & 0x7fff_ffff) !== expected) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        'crc32 not match: the registration was damaged on its way; send it again.',
      );
    }
  }

  private readonly unregister = (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    this.answer(respond, () => {
      const header = request.header as UnregisterBrokerRequestHeader;
      if (!this.locals.has(header.brokerName)) this.routes.remove(header.brokerName, header.brokerAddr);
      this.channels.get(channel)?.delete(header.brokerAddr);
      return undefined;
    });
  };

  private readonly route = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic } = request.header as GetRouteInfoRequestHeader;
    const route = this.routes.route(topic);
    if (route === undefined) {
      respond(
        refusal(
          ResponseCode.TOPIC_NOT_EXIST,
          `TOPIC_NOT_FOUND: No topic route info in name server for the topic: ${topic}`,
        ),
      );
      return;
    }
    respond(createResponse(ResponseCode.SUCCESS, NO_FIELDS, undefined, encodeTopicRouteData(route)));
  };

  private readonly cluster = (_request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    this.answer(respond, () => encodeClusterInfo(this.routes.clusterInfo()));
  };

  private readonly topics = (_request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    this.answer(respond, () => encodeTopicList({ topicList: this.routes.topicNames() }));
  };

  /** A broker in this process withdraws its topics itself; from outside nobody takes them out of the routes. */
  private readonly deleteTopic = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    this.answer(respond, () => {
      const { topic } = request.header as DeleteTopicRequestHeader;
      for (const brokerName of this.routes.brokersOf(topic)) {
        if (!this.locals.has(brokerName)) this.routes.removeTopic(topic, brokerName);
      }
      return undefined;
    });
  };

  private answer(respond: Respond, work: () => Buffer | undefined): void {
    try {
      respond(createResponse(ResponseCode.SUCCESS, NO_FIELDS, undefined, work()));
    } catch (error) {
      const text =
        error instanceof MessagingError ? `${error.code}: ${error.message}` : `BROKER_ERROR: ${String(error)}`;
      respond(refusal(ResponseCode.SYSTEM_ERROR, text));
    }
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

function refusal(code: number, remark: string): RemotingCommand {
  return createResponse(code, NO_FIELDS, remark);
}
