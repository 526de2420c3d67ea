import { SeededRandom, silentLogger, VirtualClock, MemoryFileSystem, type Platform } from '../../lib/platform/index.js';
import {
  createRequest,
  createResponse,
  decodeBatchBody,
  requestBody,
  decodeHeartbeatData,
  encodeTopicRouteData,
  ExtensionCode,
  getProperty,
  MessagingError,
  type PackAnswerHeader,
  PropertyName,
  RequestCode,
  ResponseCode,
  type CreateTopicRequestHeader,
  type GetRouteInfoRequestHeader,
  type RemotingCommand,
  type SendMessageRequestHeader,
  type SendMessageResponseHeader,
  type SendPackHeader,
} from '../../lib/protocol/index.js';
import { createInProcessPair, type Channel, type Connector, type Respond } from '../../lib/remoting/index.js';
import { MessagingClient, type ClientOptions } from '../../lib/client/index.js';

export interface Stored {
  broker: string;
  queueId: number;
  body: string;
  id: string;
  properties: string;
  header: SendMessageRequestHeader;
}

type Script = (request: RemotingCommand, broker: string) => RemotingCommand | 'silence' | 'close' | undefined;

/**
 * Several brokers and a NameServer that answer as a test says: what a client makes of routes, refusals and silence.
 * It stores sends in a list and serves no consumers.
 */
export class FakeCluster implements Connector {
  readonly clock = new VirtualClock();
  readonly stored: Stored[] = [];
  /** What its clients warned of. */
  readonly warnings: string[] = [];
  readonly requests: { broker: string; code: number; header: object }[] = [];
  /** Broker name → address, present while the broker is up. */
  readonly brokers = new Map<string, string>();
  readonly topics = new Map<string, number>();
  orderTopicConf: string | undefined;
  keyQueues: string | undefined;
  /** Still in routes although they are down: hosts whose end nobody has noticed. */
  readonly ghosts = new Set<string>();
  /** Connecting to these takes for ever. */
  readonly unreachable = new Set<string>();
  autoCreate = true;
  /** The version of our extensions that the brokers greet with; undefined: they are Apache's. */
  extensions: number | undefined;
  /** Asked before every request to a broker; undefined lets it through. */
  script: Script = () => undefined;
  /** As brokers do that wait for a disk; otherwise an answer comes before the request has been handed over. */
  answersLater = false;
  /** Asked about every message of a pack; undefined: it is stored. */
  refusesInPack: (request: RemotingCommand) => RemotingCommand | undefined = () => undefined;
  nameServerDown = new Set<string>();
  private readonly channels: { broker: string | undefined; server: Channel }[] = [];
  private readonly ends = new Map<string, number>();

  constructor(...names: string[]) {
    for (const name of names) this.brokers.set(name, `${name}:10911`);
  }

  async client(options: Partial<ClientOptions> = {}): Promise<MessagingClient> {
    const platform: Platform = {
      clock: this.clock,
      fileSystem: new MemoryFileSystem(),
      random: new SeededRandom(7),
      logger: { ...silentLogger, warn: (message) => void this.warnings.push(message) },
    };
    const client = new MessagingClient(
      { application: 'test', nameServers: ['ns1:9876'], connector: this, ...options },
      platform,
    );
    await client.start();
    return client;
  }

  async connect(address: string): Promise<Channel> {
    const broker = [...this.brokers].find(([, at]) => at === address)?.[0];
    const isNameServer = address.startsWith('ns');
    if (this.unreachable.has(address)) return new Promise(() => undefined);
    if ((broker === undefined && !isNameServer) || this.nameServerDown.has(address)) {
      throw new MessagingError('CONNECT_FAILED', `Nobody listens at ${address}`);
    }
    const { client, server } = createInProcessPair(this.clock);
    this.channels.push({ broker, server });
    server.onRequest((request, _channel, respond) => {
      if (broker === undefined) respond(this.route(request));
      else this.serve(broker, request, respond);
    });
    return client;
  }

  down(broker: string): void {
    this.brokers.delete(broker);
    for (const entry of this.channels) if (entry.broker === broker) void entry.server.close();
  }

  up(broker: string): void {
    this.brokers.set(broker, `${broker}:10911`);
  }

  codes(broker?: string): number[] {
    return this.requests.filter((one) => broker === undefined || one.broker === broker).map(({ code }) => code);
  }

  private route(request: RemotingCommand): RemotingCommand {
    if (request.code !== RequestCode.GET_ROUTEINFO_BY_TOPIC) return createResponse(ResponseCode.SYSTEM_ERROR, {});
    const { topic } = request.header as GetRouteInfoRequestHeader;
    const queues = topic === 'TBW102' && this.autoCreate ? 8 : this.topics.get(topic);
    if (queues === undefined) return createResponse(ResponseCode.TOPIC_NOT_EXIST, {}, `no topic ${topic}`);
    const names = [...this.brokers.keys(), ...this.ghosts];
    const body = encodeTopicRouteData({
      brokerDatas: names.map((brokerName) => ({
        cluster: 'c',
        brokerName,
        brokerAddrs: new Map([[0, `${brokerName}:10911`]]),
      })),
      queueDatas: names.map((brokerName) => ({
        brokerName,
        readQueueNums: queues,
        writeQueueNums: queues,
        perm: 6,
        topicSysFlag: 0,
      })),
      orderTopicConf: this.orderTopicConf,
      keyQueues: this.keyQueues,
    });
    return createResponse(ResponseCode.SUCCESS, {}, undefined, body);
  }

  private serve(broker: string, request: RemotingCommand, answer: Respond): void {
    const respond: Respond = this.answersLater ? (response) => this.clock.defer(() => answer(response)) : answer;
    this.requests.push({ broker, code: request.code, header: request.header });
    const scripted = this.script(request, broker);
    if (scripted === 'silence') return;
    if (scripted === 'close') {
      for (const entry of this.channels) if (entry.broker === broker) void entry.server.close();
      return;
    }
    if (scripted !== undefined) respond(scripted);
    else if (request.code === RequestCode.SEND_MESSAGE_V2 || request.code === RequestCode.SEND_BATCH_MESSAGE) {
      respond(this.store(broker, request));
    } else if (request.code === ExtensionCode.SEND_PACK) {
      respond(createResponse(ResponseCode.SUCCESS, this.storePack(broker, request.header as SendPackHeader)));
    } else {
      if (request.code === RequestCode.UPDATE_AND_CREATE_TOPIC) {
        const { topic, writeQueueNums } = request.header as CreateTopicRequestHeader;
        this.topics.set(topic, writeQueueNums);
      }
      if (request.code !== RequestCode.HEART_BEAT) respond(createResponse(ResponseCode.SUCCESS, {}));
      else {
        decodeHeartbeatData(request.body!);
        respond(createResponse(ResponseCode.SUCCESS, { extensions: this.extensions }));
      }
    }
  }

  private storePack(broker: string, pack: SendPackHeader): PackAnswerHeader {
    const answers = pack.bodies.map((body, i) => {
      const header = {
        topic: pack.topics[pack.topicOf[i]!]!,
        queueId: pack.queueIds[i]!,
        properties: pack.properties[i]!,
        defaultTopicQueueNums: pack.defaultTopicQueueNums,
      } as SendMessageRequestHeader;
      const request = createRequest(RequestCode.SEND_MESSAGE_V2, header, body);
      return this.refusesInPack(request) ?? this.store(broker, request);
    });
    const stored = answers.map(({ header }) => header as Partial<SendMessageResponseHeader>);
    return {
      storeHost: '127.0.0.1:9',
      codes: answers.map(({ code }) => code),
      queueIds: stored.map(({ queueId = 0 }) => queueId),
      queueOffsets: stored.map(({ queueOffset = 0 }) => queueOffset),
      physicalOffsets: stored.map((_, i) => 1000 * i),
      remarks: answers.map(({ remark }) => remark),
    };
  }

  private store(broker: string, request: RemotingCommand): RemotingCommand {
    const header = request.header as SendMessageRequestHeader;
    if (!this.topics.has(header.topic)) this.topics.set(header.topic, header.defaultTopicQueueNums);
    const items =
      request.code === RequestCode.SEND_BATCH_MESSAGE
        ? decodeBatchBody(requestBody(request)!)
        : [{ flag: 0, body: request.body!, properties: header.properties ?? '' }];
    const key = `${broker}/${header.topic}/${header.queueId}`;
    const queueOffset = this.ends.get(key) ?? 0;
    this.ends.set(key, queueOffset + items.length);
    for (const { body, properties } of items) {
      const id = getProperty(properties, PropertyName.UNIQUE_KEY) ?? '';
      this.stored.push({ broker, queueId: header.queueId, body: body.toString(), id, properties, header });
    }
    const msgId = items.map((_, index) => `${key}#${queueOffset + index}`).join(',');
    return createResponse(ResponseCode.SUCCESS, { msgId, queueId: header.queueId, queueOffset });
  }
}

export function refuse(code: number, remark = 'scripted'): RemotingCommand {
  return createResponse(code, {}, remark);
}

export function isSend(request: RemotingCommand): boolean {
  return request.code === RequestCode.SEND_MESSAGE_V2 || request.code === RequestCode.SEND_BATCH_MESSAGE;
}
