import { KvConfig, NameServer, type NameServerOptions } from '../../lib/nameserver/index.js';
import {
  type FileSystem,
  MemoryFileSystem,
  SeededRandom,
  silentLogger,
  VirtualClock,
} from '../../lib/platform/index.js';
import {
  createRequest,
  decodeTopicRouteData,
  encodeCompressedRegistration,
  encodeRegisterBrokerBody,
  type RegisterBrokerBody,
  type RegisterBrokerRequestHeader,
  type RemotingCommand,
  RequestCode,
  type TopicConfig,
  type TopicRouteData,
} from '../../lib/protocol/index.js';
import { type Channel, createInProcessPair } from '../../lib/remoting/index.js';

export function topic(topicName: string, queues = 4, more: Partial<TopicConfig> = {}): TopicConfig {
  return {
    topicName,
    readQueueNums: queues,
    writeQueueNums: queues,
    perm: 6,
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: 0,
    order: false,
    ...more,
  };
}

/** A NameServer on the virtual clock, with a client and brokers that register. */
export class World {
  readonly clock = new VirtualClock();
  readonly nameServer: NameServer;
  readonly client: Channel;

  static async start(options: NameServerOptions = {}, fileSystem: FileSystem = new MemoryFileSystem()): Promise<World> {
    const kv = await KvConfig.open(platformOf(new VirtualClock(), fileSystem), '/namesrv');
    return new World(options, fileSystem, kv);
  }

  private constructor(options: NameServerOptions, fileSystem: FileSystem, kv: KvConfig) {
    this.nameServer = new NameServer(platformOf(this.clock, fileSystem), options, kv);
    this.nameServer.start();
    this.client = this.connect();
  }

  connect(): Channel {
    const pair = createInProcessPair(this.clock);
    this.nameServer.accept(pair.server);
    return pair.client;
  }

  ask(code: number, header: object = {}, body?: Buffer, channel = this.client): Promise<RemotingCommand> {
    return channel.invoke(createRequest(code, header, body), 3_000);
  }

  async route(name: string): Promise<TopicRouteData | number> {
    const { code, body } = await this.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: name });
    return code === 0 ? decodeTopicRouteData(body!) : code;
  }

  /** `name` of a broker or a whole header; the address is the name's own. */
  register(
    who: string | (Partial<RegisterBrokerRequestHeader> & { brokerName: string }),
    topics: TopicConfig[],
    {
      counter = 1,
      stateVersion = 0,
      channel = this.connect(),
    }: { counter?: number; stateVersion?: number; channel?: Channel } = {},
  ): Promise<RemotingCommand> {
    const given = typeof who === 'string' ? { brokerName: who } : who;
    const header = {
      brokerAddr: `${given.brokerName}.example:10911`,
      clusterName: 'c',
      haServerAddr: `${given.brokerName}.example:10912`,
      brokerId: 0,
      ...given,
    };
    const body: RegisterBrokerBody = {
      dataVersion: { counter, stateVersion, timestamp: 1 },
      topicConfigTable: new Map(topics.map((config) => [config.topicName, config])),
      filterServerList: [],
    };
    const encode = header.compressed === true ? encodeCompressedRegistration : encodeRegisterBrokerBody;
    return this.ask(RequestCode.REGISTER_BROKER, header, encode(body), channel);
  }
}

function platformOf(clock: VirtualClock, fileSystem: FileSystem) {
  return { clock, fileSystem, random: new SeededRandom(1), logger: silentLogger };
}
