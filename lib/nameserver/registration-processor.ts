import { crc32 } from 'node:zlib';
import type { Clock } from '../platform/index.js';
import {
  type BrokerHeartbeatRequestHeader,
  decodeCompressedRegistration,
  decodeDataVersion,
  decodeRegisterBrokerBody,
  encodeDataVersion,
  encodeKvTable,
  MessagingError,
  type QueryDataVersionRequestHeader,
  type QueryDataVersionResponseHeader,
  type RegisterBrokerRequestHeader,
  type RegisterBrokerResponseHeader,
  type RemotingCommand,
  RequestCode,
  sameDataVersion,
  type UnregisterBrokerRequestHeader,
} from '../protocol/index.js';
import type { Channel, RequestHandler } from '../remoting/index.js';
import type { Announcement } from './announcement.js';
import { answering, success } from './answers.js';
import { type KvConfig, ORDER_TOPIC_CONFIG } from './kv-config.js';
import type { NameServerConfig } from './options.js';
import type { RouteTable } from './route-table.js';

/** What one server takes from the network; far above any cluster, far below what would hurt. */
const MOST_ADDRESSES = 10_000;
const MOST_TOPICS = 200_000;
const LONGEST_TEXT = 255;
/** Registrations come every 30 s: whoever was heard of within so long holds its name. */
const HOLDS_NAME_MILLIS = 45_000;
const MASTER_ID = 0;
const NO_BODY = Buffer.alloc(0);
/** How a zlib stream begins; JSON does not. */
const ZLIB = 0x78;

/** Brokers that come, go, and say that they are still there. */
export class RegistrationProcessor {
  readonly handlers: readonly [number, RequestHandler][] = [
    [RequestCode.REGISTER_BROKER, answering((request, channel) => this.register(request, channel))],
    [RequestCode.UNREGISTER_BROKER, answering((request, channel) => this.unregister(request, channel))],
    [RequestCode.QUERY_DATA_VERSION, answering((request) => this.compareVersions(request))],
    [RequestCode.BROKER_HEARTBEAT, answering((request) => this.heartbeat(request))],
  ];
  /** Addresses with their brokers' names, by the connection that announced them. */
  private readonly channels = new Map<Channel, Map<string, string>>();
  /** The connection that has announced an address last. */
  private readonly owners = new Map<string, Channel>();

  constructor(
    private readonly routes: RouteTable,
    private readonly kv: KvConfig,
    private readonly config: NameServerConfig,
    private readonly clock: Clock,
    private readonly isLocal: (brokerName: string) => boolean,
  ) {}

  /** Addresses and names of the brokers that the connection has announced, forgotten with it. */
  close(channel: Channel): ReadonlyMap<string, string> {
    const announced = this.channels.get(channel);
    this.channels.delete(channel);
    for (const [brokerAddr, brokerName] of announced ?? []) {
      this.owners.delete(brokerAddr);
      this.routes.remove(brokerName, brokerAddr);
    }
    return announced ?? new Map();
  }

  private register(request: RemotingCommand, channel: Channel): RemotingCommand {
    const header = request.header as RegisterBrokerRequestHeader;
    const body = request.body ?? NO_BODY;
    this.checkHeader(header);
    checkBody(body, header.bodyCrc32 ?? 0);
    // RocketMQ 5 compresses the body and says in the header that it has not.
    const isCompressed = header.compressed === true || body[0] === ZLIB;
    const decode = isCompressed ? decodeCompressedRegistration : decodeRegisterBrokerBody;
    const { dataVersion, topicConfigTable } = decode(body);
    if (topicConfigTable.size === 1 && !this.routes.knows(header.brokerAddr)) {
      // A broker sends single topics when they change; if this server has just been restarted the others are missing.
      throw new MessagingError(
        'BROKER_ERROR',
        `register broker failed: ${header.brokerName} must announce all its topics first`,
      );
    }
    this.checkRoom(header, topicConfigTable.keys());
    const announcement: Announcement = {
      ...header,
      dataVersion,
      topics: topicConfigTable.values(),
      allTopics:
        header.allTopics === true || (this.config.deleteTopicWithBrokerRegistration && topicConfigTable.size > 1),
      expiry: header.heartbeatTimeoutMillis ?? this.config.brokerExpiryMillis,
    };
    const now = this.clock.monotonic();
    this.checkName(announcement, now);
    this.routes.announce(announcement, now);
    this.keep(channel, header);
    const ordered = this.kv.list(ORDER_TOPIC_CONFIG);
    return success(this.masterFor(header), ordered && encodeKvTable(ordered));
  }

  // A broker that comes back on another connection must not go with the one that it left.
  private keep(channel: Channel, { brokerAddr, brokerName }: RegisterBrokerRequestHeader): void {
    const before = this.owners.get(brokerAddr);
    if (before !== undefined && before !== channel) this.channels.get(before)?.delete(brokerAddr);
    this.owners.set(brokerAddr, channel);
    let announced = this.channels.get(channel);
    if (announced === undefined) this.channels.set(channel, (announced = new Map()));
    announced.set(brokerAddr, brokerName);
  }

  /** A slave learns whom to follow. */
  private masterFor({ brokerId, brokerName }: RegisterBrokerRequestHeader): RegisterBrokerResponseHeader {
    const master = brokerId === MASTER_ID ? undefined : this.routes.master(brokerName);
    return { masterAddr: master?.address, haServerAddr: master?.haServerAddr };
  }

  private checkHeader({ brokerName, brokerAddr, clusterName }: RegisterBrokerRequestHeader): void {
    if ([brokerName, brokerAddr, clusterName].some((text) => text === '' || text.length > LONGEST_TEXT)) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `A registration has a broker name, an address and a cluster name of 1 to ${LONGEST_TEXT} characters each.`,
      );
    }
    if (this.isLocal(brokerName)) {
      throw new MessagingError(
        'NO_PERMISSION',
        `The broker name ${brokerName} belongs to the broker of this process; give yours another one.`,
      );
    }
  }

  /** Two brokers of one name would take turns in the routes, and messages of the one be looked for at the other. */
  private checkName(announcement: Announcement, now: number): void {
    const rival = this.routes.rival(announcement, now, HOLDS_NAME_MILLIS);
    if (rival === undefined) return;
    throw new MessagingError(
      'NO_PERMISSION',
      `The broker name ${announcement.brokerName} is held by the broker at ${rival}; give the one at ${announcement.brokerAddr} ` +
        'a name of its own. If it is the same one with a new address, it is taken in once the old one has been silent for a while.',
    );
  }

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

  private unregister({ header }: RemotingCommand, channel: Channel): RemotingCommand {
    const { brokerName, brokerAddr } = header as UnregisterBrokerRequestHeader;
    if (!this.isLocal(brokerName)) this.routes.remove(brokerName, brokerAddr);
    if (this.owners.get(brokerAddr) === channel) {
      this.owners.delete(brokerAddr);
      this.channels.get(channel)?.delete(brokerAddr);
    }
    return success();
  }

  private compareVersions({ header, body }: RemotingCommand): RemotingCommand {
    const { brokerAddr } = header as QueryDataVersionRequestHeader;
    const known = this.routes.dataVersion(brokerAddr);
    const changed = known === undefined || !sameDataVersion(known, decodeDataVersion(body ?? NO_BODY));
    if (!changed) this.routes.touch(brokerAddr, this.clock.monotonic());
    return success({ changed } satisfies QueryDataVersionResponseHeader, known && encodeDataVersion(known));
  }

  private heartbeat({ header }: RemotingCommand): RemotingCommand {
    this.routes.touch((header as BrokerHeartbeatRequestHeader).brokerAddr, this.clock.monotonic());
    return success();
  }
}

function checkBody(body: Buffer, expected: number): void {
  // 0: not checked.
  if (expected === 0 || (crc32(body) & 0x7fff_ffff) === expected) return;
  throw new MessagingError('BAD_ARGUMENT', 'crc32 not match: the registration was damaged on its way; send it again.');
}
