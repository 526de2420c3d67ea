import {
  createResponse,
  decodeClientConfig,
  decodeHeartbeatData,
  encodeConsumerListBody,
  EXTENSIONS_VERSION,
  type GetConsumerListByGroupRequestHeader,
  type HeartbeatData,
  type HeartbeatResponseHeader,
  MessagingError,
  type RemotingCommand,
  ResponseCode,
  type SubscriptionData,
  TAG,
  type UnregisterClientRequestHeader,
} from '../protocol/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import { answerLater, NO_FIELDS, refusal, success } from './answers.js';
import type { Consumers } from './consumers.js';
import type { GroupRegistry } from './group-registry.js';
import { isInProcess } from './in-process.js';
import type { ProcessDeaths } from './process-deaths.js';
import type { Producers } from './producers.js';
import type { QueueLocks } from './queue-locks.js';
import { compileSubscription } from './subscription.js';

const MOST_GROUPS_OF_CLIENT = 1_000;
const MOST_SUBSCRIPTIONS_OF_CLIENT = 10_000;
/** Compiled, filters take up to a hundred times the memory of their text. */
const MOST_FILTER_CHARACTERS = 256 * 1024;
const LONGEST_CLIENT_ID = 1_024;
const NO_BODY = Buffer.alloc(0);
/** Never written to. */
const GREETING: HeartbeatResponseHeader = Object.freeze({ extensions: EXTENSIONS_VERSION });

/** HEART_BEAT, UNREGISTER_CLIENT, GET_CONSUMER_LIST_BY_GROUP, CHECK_CLIENT_CONFIG. */
export class ClientProcessor {
  constructor(
    private readonly consumers: Consumers,
    private readonly registry: GroupRegistry,
    private readonly locks: QueueLocks,
    private readonly deaths: ProcessDeaths,
    private readonly producers: Producers,
    private readonly sqlFilters: boolean,
  ) {}

  readonly heartbeat = (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    const data = decodeHeartbeatData(request.body ?? NO_BODY);
    checkSize(data);
    const writes: Promise<void>[] = [];
    if (isInProcess(channel)) this.locks.comeInside(data.clientID);
    for (const consumer of data.consumerDataSet) {
      const write = this.registry.register(consumer);
      if (write !== undefined) writes.push(write);
      if (!isInProcess(channel) || consumer.messageModel === 'BROADCASTING') continue;
      const noted = this.deaths.online(consumer.groupName);
      if (noted !== undefined) writes.push(noted);
    }
    const enter = (): RemotingCommand => {
      this.producers.heartbeat(data.producerDataSet, data.clientID, channel, request.language, request.version);
      for (const consumer of data.consumerDataSet) {
        this.consumers.heartbeat(consumer, data.clientID, channel, request.language, request.version);
      }
      return createResponse(ResponseCode.SUCCESS, GREETING);
    };
    // A member becomes visible to its group, and may pull, only once its start position cannot be lost any more.
    if (writes.length === 0) respond(enter());
    else answerLater(Promise.all(writes), respond, enter);
  };

  readonly unregister = (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    const { clientID, consumerGroup, producerGroup } = request.header as UnregisterClientRequestHeader;
    if (producerGroup !== undefined) this.producers.unregister(producerGroup, clientID, channel);
    // Only oneself: otherwise any client could take another's queues away.
    if (consumerGroup !== undefined && this.consumers.group(consumerGroup)?.memberOf(channel)?.clientId === clientID) {
      this.locks.releaseAll(consumerGroup, clientID);
      this.consumers.unregister(consumerGroup, clientID);
    }
    respond(success());
  };

  readonly members = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { consumerGroup } = request.header as GetConsumerListByGroupRequestHeader;
    const consumerIdList = this.consumers.group(consumerGroup)?.clientIds() ?? [];
    if (consumerIdList.length === 0) {
      respond(refusal(ResponseCode.SYSTEM_ERROR, `GROUP_NOT_FOUND: no consumer for this group, ${consumerGroup}`));
      return;
    }
    respond(createResponse(ResponseCode.SUCCESS, NO_FIELDS, undefined, encodeConsumerListBody({ consumerIdList })));
  };

  /** Whether the broker can do what a subscription asks for. */
  readonly checkSubscription = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const wanted = decodeClientConfig(request.body ?? NO_BODY).subscriptionData;
    if (wanted === undefined) {
      respond(success());
      return;
    }
    checkExpressions([wanted]);
    const { problem } = compileSubscription(wanted, this.sqlFilters);
    respond(problem === undefined ? success() : refusal(problem.code, problem.remark));
  };
}

function checkSize(data: HeartbeatData): void {
  if (data.clientID === '' || data.clientID.length > LONGEST_CLIENT_ID) {
    throw new MessagingError(
      'BAD_ARGUMENT',
      `A heartbeat names a client id of ${data.clientID.length} characters; 1 to ${LONGEST_CLIENT_ID} are allowed.`,
    );
  }
  const groups = data.consumerDataSet.length + data.producerDataSet.length;
  const subscriptions = data.consumerDataSet.reduce((sum, consumer) => sum + consumer.subscriptionDataSet.length, 0);
  if (groups > MOST_GROUPS_OF_CLIENT || subscriptions > MOST_SUBSCRIPTIONS_OF_CLIENT) {
    throw new MessagingError(
      'BAD_ARGUMENT',
      `The heartbeat of ${data.clientID} has ${groups} groups with ${subscriptions} subscriptions; ` +
        `${MOST_GROUPS_OF_CLIENT} and ${MOST_SUBSCRIPTIONS_OF_CLIENT} are allowed.`,
    );
  }
  for (const consumer of data.consumerDataSet) checkExpressions(consumer.subscriptionDataSet);
}

function checkExpressions(subscriptions: readonly SubscriptionData[]): void {
  let characters = 0;
  for (const { subString, expressionType, NESTMQ_FILTERS: filters } of subscriptions) {
    if (expressionType !== TAG) characters += subString.length;
    if (filters !== undefined) characters += JSON.stringify(filters).length;
  }
  if (characters <= MOST_FILTER_CHARACTERS) return;
  throw new MessagingError(
    'BAD_ARGUMENT',
    `The filters of a group have ${characters} characters; ${MOST_FILTER_CHARACTERS} are allowed.`,
  );
}
