import { Broker, type BrokerOptions } from '../../lib/broker/index.js';
import {
  type FileSystem,
  MemoryFileSystem,
  type Platform,
  SeededRandom,
  silentLogger,
  VirtualClock,
} from '../../lib/platform/index.js';
import {
  buildSubscriptionData,
  type ConsumerData,
  createRequest,
  decodeRecords,
  encodeHeartbeatData,
  encodeProperties,
  type MessageRecord,
  type PullMessageRequestHeader,
  type PullMessageResponseHeader,
  PullSysFlag,
  type RemotingCommand,
  RequestCode,
  type SendMessageRequestHeader,
  type SendMessageResponseHeader,
} from '../../lib/protocol/index.js';
import { type Channel, createInProcessPair } from '../../lib/remoting/index.js';
import { MessageStore, type StoreOptions } from '../../lib/store/index.js';

const TIMEOUT = 3_600_000;

export interface Pulled {
  readonly code: number;
  readonly remark: string | undefined;
  readonly header: PullMessageResponseHeader;
  readonly records: MessageRecord[];
}

/** A client that speaks commands. */
export class TestClient {
  readonly notified: string[] = [];

  constructor(
    readonly channel: Channel,
    readonly clientId: string,
  ) {
    channel.onRequest((request) => {
      if (request.code === RequestCode.NOTIFY_CONSUMER_IDS_CHANGED) {
        this.notified.push((request.header as { consumerGroup: string }).consumerGroup);
      }
    });
  }

  invoke(code: number, header: object = {}, body?: Buffer): Promise<RemotingCommand> {
    return this.channel.invoke(createRequest(code, header, body), TIMEOUT);
  }

  send(
    topic: string,
    body: string | Buffer,
    overrides: Partial<SendMessageRequestHeader> & { tag?: string } = {},
  ): Promise<RemotingCommand> {
    const { tag, ...rest } = overrides;
    return this.invoke(
      RequestCode.SEND_MESSAGE_V2,
      sendHeader(topic, { properties: tag === undefined ? '' : encodeProperties([['TAGS', tag]]), ...rest }),
      Buffer.from(body as string),
    );
  }

  async sent(
    topic: string,
    body: string,
    overrides: Parameters<TestClient['send']>[2] = {},
  ): Promise<SendMessageResponseHeader> {
    const response = await this.send(topic, body, overrides);
    if (response.code !== 0) throw new Error(`send to ${topic}: ${response.code} ${response.remark}`);
    return response.header as SendMessageResponseHeader;
  }

  heartbeat(groups: Partial<ConsumerData>[]): Promise<RemotingCommand> {
    const consumerDataSet = groups.map((group) => ({ ...CONSUMER, ...group }));
    const body = encodeHeartbeatData({ clientID: this.clientId, producerDataSet: [], consumerDataSet });
    return this.invoke(RequestCode.HEART_BEAT, {}, body);
  }

  async join(group: string, topic: string, expression = '*', overrides: Partial<ConsumerData> = {}): Promise<void> {
    const subscriptionDataSet = [
      buildSubscriptionData(topic, expression, 1),
      buildSubscriptionData(`%RETRY%${group}`, '*', 1),
    ];
    const response = await this.heartbeat([{ groupName: group, subscriptionDataSet, ...overrides }]);
    if (response.code !== 0) throw new Error(`heartbeat: ${response.code} ${response.remark}`);
  }

  async pull(
    group: string,
    topic: string,
    queueId: number,
    queueOffset: number,
    overrides: Partial<PullMessageRequestHeader> = {},
  ): Promise<Pulled> {
    const response = await this.invoke(
      RequestCode.PULL_MESSAGE,
      pullHeader(group, topic, queueId, queueOffset, overrides),
    );
    return {
      code: response.code,
      remark: response.remark,
      header: response.header as PullMessageResponseHeader,
      records: response.body === undefined ? [] : decodeRecords(response.body),
    };
  }

  waitingPull(
    group: string,
    topic: string,
    queueId: number,
    queueOffset: number,
    suspendTimeoutMillis = 15_000,
  ): Promise<Pulled> {
    return this.pull(group, topic, queueId, queueOffset, { sysFlag: PullSysFlag.SUSPEND, suspendTimeoutMillis });
  }
}

const CONSUMER: ConsumerData = {
  groupName: '',
  consumeType: 'CONSUME_PASSIVELY',
  messageModel: 'CLUSTERING',
  consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
  subscriptionDataSet: [],
  unitMode: false,
};

export function sendHeader(topic: string, overrides: Partial<SendMessageRequestHeader> = {}): SendMessageRequestHeader {
  return {
    producerGroup: 'producers',
    topic,
    defaultTopic: 'TBW102',
    defaultTopicQueueNums: 4,
    queueId: 0,
    sysFlag: 0,
    bornTimestamp: 1_767_225_600_000,
    flag: 0,
    properties: '',
    reconsumeTimes: 0,
    unitMode: false,
    maxReconsumeTimes: undefined,
    batch: false,
    ...overrides,
  };
}

export function pullHeader(
  consumerGroup: string,
  topic: string,
  queueId: number,
  queueOffset: number,
  overrides: Partial<PullMessageRequestHeader> = {},
): PullMessageRequestHeader {
  return {
    consumerGroup,
    topic,
    queueId,
    queueOffset,
    maxMsgNums: 32,
    sysFlag: 0,
    commitOffset: 0,
    suspendTimeoutMillis: 15_000,
    subVersion: 1,
    ...overrides,
  };
}

/** A broker on a store in memory, with a clock that the test moves. */
export class TestBroker {
  private clients = 0;

  private constructor(
    readonly clock: VirtualClock,
    readonly platform: Platform,
    readonly store: MessageStore,
    readonly broker: Broker,
  ) {}

  static async start(
    options: Partial<BrokerOptions> = {},
    fileSystem: FileSystem = new MemoryFileSystem(),
    storeOptions: Partial<StoreOptions> = {},
    clock = new VirtualClock(),
  ): Promise<TestBroker> {
    const platform: Platform = { clock, fileSystem, random: new SeededRandom(7), logger: silentLogger };
    const address = options.address ?? '127.0.0.1:9876';
    const store = await MessageStore.open(
      {
        path: '/store',
        storeHost: address,
        segmentBytes: 16 * 1024 * 1024,
        checkpointMillis: 3_600_000,
        ...storeOptions,
      },
      platform,
    );
    const broker = new Broker({ address, ...options }, store, platform);
    await broker.start();
    return new TestBroker(clock, platform, store, broker);
  }

  /** `remoteAddress`: of a client that the broker is to take for one on another machine. */
  client(clientId = `client-${++this.clients}`, remoteAddress?: string): TestClient {
    const { client, server } = createInProcessPair(this.clock);
    if (remoteAddress !== undefined) Object.defineProperty(server, 'remoteAddress', { value: remoteAddress });
    this.broker.accept(server);
    return new TestClient(client, clientId);
  }

  async stop(): Promise<void> {
    await this.broker.stop();
    await this.store.close();
  }
}
