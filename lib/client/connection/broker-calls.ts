import {
  createRequest,
  decodeConsumerListBody,
  decodeLockBatchResponseBody,
  encodeClientConfig,
  encodeHeartbeatData,
  encodeLockBatchRequestBody,
  ExtensionCode,
  MessagingError,
  RequestCode,
  recordStoreTimestamp,
  requestCodeName,
  ResponseCode,
  type ClientConfigBody,
  type ConsumerSendMsgBackRequestHeader,
  type CreateTopicRequestHeader,
  type EndTransactionRequestHeader,
  type HandleAloneRequestHeader,
  type HeartbeatData,
  type HeartbeatResponseHeader,
  type MessageQueue,
  type PullMessageRequestHeader,
  PullSysFlag,
  type QueryConsumerOffsetResponseHeader,
  type RemotingCommand,
  type SendMessageRequestHeader,
  type UnregisterClientRequestHeader,
} from '../../protocol/index.js';
import type { Channel } from '../../remoting/index.js';
import type { Connections } from './connections.js';
import { ResponseError, responseError } from './response-error.js';
import type { RouteTable } from './route-table.js';

/** What a broker has said of itself in its last answer to a heartbeat. */
export interface Greeting {
  /** RocketMQ's ordinal. */
  readonly version: number;
  /** The version of our extensions; 0 for Apache's broker. */
  readonly extensions: number;
  /** On which it has said so. */
  readonly channel: Channel;
}

/** What a client asks of brokers beside sending and pulling. Every method rejects with a `MessagingError`. */
export class BrokerCalls {
  /** Channels that the broker knows this client's groups on. */
  private readonly greeted = new Map<string, Channel>();
  private readonly greeting = new Map<string, Promise<Channel>>();
  private readonly greetings = new Map<string, Greeting>();

  constructor(
    private readonly connections: Connections,
    private readonly routes: RouteTable,
    private readonly timeoutMillis: number,
    /** What to say to a broker on a new channel before anything else; undefined when there is nothing to say. */
    private readonly greet: () => HeartbeatData | undefined,
  ) {}

  /** The channel to a broker if it is open and greeted: the way of the hot path. */
  peek(address: string): Channel | undefined {
    const channel = this.greeted.get(address);
    return channel === undefined || channel.closed ? undefined : channel;
  }

  /** To be told every failure of an answer: a broker that goes away is met on a new connection next time. */
  leaveIfGoing(address: string, error: MessagingError): void {
    if (error.code !== 'SHUTTING_DOWN' || !(error instanceof ResponseError)) return;
    this.greeted.delete(address);
    this.connections.retire(address);
  }

  /** Opens a channel and makes this client's groups known on it: a pull before that is answered with "no such group". */
  open(address: string): Promise<Channel> {
    let greeting = this.greeting.get(address);
    if (greeting === undefined) {
      greeting = this.openAndGreet(address).finally(() => this.greeting.delete(address));
      this.greeting.set(address, greeting);
    }
    return greeting;
  }

  /** Undefined before the first heartbeat to the broker. */
  greetingOf(address: string): Greeting | undefined {
    return this.greetings.get(address);
  }

  /** Whether the connection to the broker broke and came back within the last `milliseconds`. */
  isBack(address: string, milliseconds: number): boolean {
    return this.connections.isBack(address, milliseconds);
  }

  /** The address of the broker's master. Throws QUEUE_UNAVAILABLE when no route names it. */
  master(brokerName: string): string {
    const address = this.routes.address(brokerName);
    if (address === undefined) {
      throw new MessagingError(
        'QUEUE_UNAVAILABLE',
        `The broker ${brokerName} has no master at the moment; try again later`,
      );
    }
    return address;
  }

  async heartbeat(address: string, data: HeartbeatData): Promise<void> {
    await this.ask(address, createRequest(RequestCode.HEART_BEAT, {}, encodeHeartbeatData(data)));
  }

  /** Rejects with a `ResponseError` when the broker cannot filter as the subscription asks. */
  async checkSubscription(address: string, body: ClientConfigBody): Promise<void> {
    const channel = await this.connections.open(address);
    const request = createRequest(RequestCode.CHECK_CLIENT_CONFIG, {}, encodeClientConfig(body));
    const response = await channel.invoke(request, this.timeoutMillis);
    if (response.code !== ResponseCode.SUCCESS) throw this.failure(response, request, address);
  }

  async unregister(address: string, header: UnregisterClientRequestHeader): Promise<void> {
    await this.ask(address, createRequest(RequestCode.UNREGISTER_CLIENT, header));
  }

  /** Client ids of the group's members; none when the broker does not know the group. */
  async consumerList(address: string, consumerGroup: string): Promise<string[]> {
    const request = createRequest(RequestCode.GET_CONSUMER_LIST_BY_GROUP, { consumerGroup });
    const response = await this.call(address, request);
    // RocketMQ answers SYSTEM_ERROR for a group without members.
    if (response.code === ResponseCode.SYSTEM_ERROR) return [];
    if (response.code !== ResponseCode.SUCCESS) throw this.failure(response, request, address);
    return decodeConsumerListBody(response.body ?? Buffer.alloc(0)).consumerIdList;
  }

  /**
   * The group's position in a queue, and what our broker adds to it; undefined when the broker has none.
   * @param strict Do not take 0 for an answer unless it was stored (RocketMQ 5; older brokers ignore it).
   */
  async queryOffset(
    consumerGroup: string,
    queue: MessageQueue,
    strict: boolean,
  ): Promise<QueryConsumerOffsetResponseHeader | undefined> {
    const { topic, queueId } = queue;
    const header = { consumerGroup, topic, queueId, setZeroIfNotFound: strict ? false : undefined };
    const request = createRequest(RequestCode.QUERY_CONSUMER_OFFSET, header);
    const address = this.master(queue.brokerName);
    const response = await this.call(address, request);
    if (response.code === ResponseCode.QUERY_NOT_FOUND) return undefined;
    if (response.code !== ResponseCode.SUCCESS) throw this.failure(response, request, address);
    return response.header as QueryConsumerOffsetResponseHeader;
  }

  /** Only for a broker of ours, which has asked for it. Resolves when a crash would not make it forget this. */
  async handleAlone(brokerName: string, header: HandleAloneRequestHeader): Promise<void> {
    await this.ask(this.master(brokerName), createRequest(ExtensionCode.HANDLE_ALONE, header));
  }

  /**
   * Resolves when the broker has taken the position.
   * @param how `durable`: when a crash of our broker would not take it back.
   */
  async commitOffset(
    consumerGroup: string,
    { topic, queueId, brokerName }: MessageQueue,
    commitOffset: number,
    how: { readonly durable?: boolean } = {},
  ): Promise<void> {
    const header = { consumerGroup, topic, queueId, commitOffset, ...how };
    await this.ask(this.master(brokerName), createRequest(RequestCode.UPDATE_CONSUMER_OFFSET, header));
  }

  /** The same without an answer; false when there is no open channel to the broker now. */
  commitOffsetOneway(consumerGroup: string, queue: MessageQueue, commitOffset: number): boolean {
    const address = this.routes.address(queue.brokerName);
    const channel = address === undefined ? undefined : this.peek(address);
    channel?.oneway(this.commitRequest(consumerGroup, queue, commitOffset));
    return channel !== undefined;
  }

  async maxOffset({ topic, brokerName, queueId }: MessageQueue): Promise<number> {
    return this.offset(brokerName, createRequest(RequestCode.GET_MAX_OFFSET, { topic, queueId }));
  }

  async minOffset({ topic, brokerName, queueId }: MessageQueue): Promise<number> {
    return this.offset(brokerName, createRequest(RequestCode.GET_MIN_OFFSET, { topic, queueId }));
  }

  /** When the first message from `offset` on was stored (milliseconds since 1970); undefined when none is there any more. */
  async storedAt(
    consumerGroup: string,
    { topic, brokerName, queueId }: MessageQueue,
    offset: number,
  ): Promise<number | undefined> {
    const header: PullMessageRequestHeader = {
      consumerGroup,
      topic,
      queueId,
      queueOffset: offset,
      maxMsgNums: 1,
      sysFlag: PullSysFlag.SUBSCRIPTION,
      commitOffset: 0,
      suspendTimeoutMillis: 0,
      subVersion: 0,
      subscription: '*',
      expressionType: 'TAG',
      maxMsgBytes: undefined,
    };
    const response = await this.call(this.master(brokerName), createRequest(RequestCode.PULL_MESSAGE, header));
    const { body } = response;
    if (response.code !== ResponseCode.SUCCESS || body === undefined || body.length === 0) return undefined;
    return recordStoreTimestamp(body, 0);
  }

  /** The first offset stored at `timestamp` (milliseconds since 1970) or later. */
  async searchOffset({ topic, brokerName, queueId }: MessageQueue, timestamp: number): Promise<number> {
    return this.offset(
      brokerName,
      createRequest(RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, { topic, queueId, timestamp }),
    );
  }

  /** Those of the queues (all of one broker) that this client holds now. */
  async lock(
    brokerName: string,
    consumerGroup: string,
    clientId: string,
    mqSet: MessageQueue[],
  ): Promise<MessageQueue[]> {
    const body = encodeLockBatchRequestBody({ consumerGroup, clientId, mqSet });
    const response = await this.ask(this.master(brokerName), createRequest(RequestCode.LOCK_BATCH_MQ, {}, body));
    return decodeLockBatchResponseBody(response.body ?? Buffer.alloc(0)).lockOKMQSet;
  }

  async unlock(brokerName: string, consumerGroup: string, clientId: string, mqSet: MessageQueue[]): Promise<void> {
    const body = encodeLockBatchRequestBody({ consumerGroup, clientId, mqSet });
    await this.ask(this.master(brokerName), createRequest(RequestCode.UNLOCK_BATCH_MQ, {}, body));
  }

  async sendBack(brokerName: string, header: ConsumerSendMsgBackRequestHeader): Promise<void> {
    await this.ask(this.master(brokerName), createRequest(RequestCode.CONSUMER_SEND_MSG_BACK, header));
  }

  /** A send that is no user's: to the group's own retry topic. */
  async sendRaw(brokerName: string, header: SendMessageRequestHeader, body: Buffer): Promise<void> {
    await this.ask(this.master(brokerName), createRequest(RequestCode.SEND_MESSAGE_V2, header, body));
  }

  /** Resolves when the requester has its reply. */
  async sendReply(brokerName: string, header: SendMessageRequestHeader, body: Buffer): Promise<void> {
    await this.ask(this.master(brokerName), createRequest(RequestCode.SEND_REPLY_MESSAGE_V2, header, body));
  }

  /** The broker has the outcome durably when this resolves. */
  async endTransaction(brokerName: string, header: EndTransactionRequestHeader): Promise<void> {
    await this.ask(this.master(brokerName), createRequest(RequestCode.END_TRANSACTION, header));
  }

  async createTopic(address: string, header: CreateTopicRequestHeader): Promise<void> {
    await this.ask(address, createRequest(RequestCode.UPDATE_AND_CREATE_TOPIC, header));
  }

  private async offset(brokerName: string, request: RemotingCommand): Promise<number> {
    const response = await this.ask(this.master(brokerName), request);
    return (response.header as { offset: number }).offset;
  }

  private commitRequest(
    consumerGroup: string,
    { topic, queueId }: MessageQueue,
    commitOffset: number,
  ): RemotingCommand {
    return createRequest(RequestCode.UPDATE_CONSUMER_OFFSET, { consumerGroup, topic, queueId, commitOffset });
  }

  /** @internal For administration. Rejects for every answer that is no success. */
  async ask(address: string, request: RemotingCommand): Promise<RemotingCommand> {
    const response = await this.call(address, request);
    if (response.code !== ResponseCode.SUCCESS) throw this.failure(response, request, address);
    return response;
  }

  /** @internal For administration. Resolves with any answer. */
  async call(address: string, request: RemotingCommand): Promise<RemotingCommand> {
    // A heartbeat greets by itself; greeting before it would send it twice.
    const channel =
      request.code === RequestCode.HEART_BEAT
        ? await this.connections.open(address)
        : (this.peek(address) ?? (await this.open(address)));
    const response = await channel.invoke(request, this.timeoutMillis);
    if (request.code === RequestCode.HEART_BEAT && response.code === ResponseCode.SUCCESS) {
      this.greeted.set(address, channel);
      const { extensions = 0 } = response.header as HeartbeatResponseHeader;
      this.greetings.set(address, { version: response.version, extensions, channel });
    }
    return response;
  }

  private async openAndGreet(address: string): Promise<Channel> {
    const channel = await this.connections.open(address);
    const data = this.greet();
    if (data !== undefined) {
      try {
        await this.heartbeat(address, data);
      } catch (error) {
        // A broker that refuses the greeting may still take messages; a pull is then answered with what is wrong.
        if (!(error instanceof ResponseError)) throw error;
      }
    }
    this.greeted.set(address, channel);
    return channel;
  }

  /** @internal */
  failure(response: RemotingCommand, request: RemotingCommand, address: string): MessagingError {
    const error = responseError(response, `${requestCodeName(request.code)} to the broker at ${address}`);
    this.leaveIfGoing(address, error);
    return error;
  }
}
