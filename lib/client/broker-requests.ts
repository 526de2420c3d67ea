import type { Logger } from '../platform/index.js';
import {
  type ConsumeDirectlyRequestHeader,
  type ConsumerRunningInfoRequestHeader,
  type ConsumerStatusRequestHeader,
  createResponse,
  decodeQueueOffsets,
  encodeDirectResult,
  encodeMemberPositions,
  encodeRunningInfo,
  type NotifyConsumerIdsChangedRequestHeader,
  type RemotingCommand,
  RequestCode,
  type ResetClientOffsetRequestHeader,
  ResponseCode,
} from '../protocol/index.js';
import type { RequestHandler, Respond } from '../remoting/index.js';
import type { PushConsumer } from './consumer/push-consumer.js';
import type { Requests } from './requests/requests.js';
import type { Transactions } from './transactions/transactions.js';

const NO_BODY = Buffer.alloc(0);

/** What of a client brokers have to do with. */
interface Served {
  readonly consumers: ReadonlyMap<string, PushConsumer>;
  readonly requests: Requests;
  readonly transactions: Transactions;
  readonly logger: Logger;
}

/** Serves what brokers ask of a client. What it cannot do is answered with a code. */
export function serveBrokers(served: () => Served): RequestHandler {
  return (request, channel, respond) => {
    const { consumers, requests, transactions, logger } = served();
    switch (request.code) {
      case RequestCode.NOTIFY_CONSUMER_IDS_CHANGED:
        membersChanged(consumers, request.header as NotifyConsumerIdsChangedRequestHeader);
        respond(answer());
        return;
      case RequestCode.RESET_CONSUMER_CLIENT_OFFSET: {
        const { group, stored } = request.header as ResetClientOffsetRequestHeader;
        // Otherwise the answers to pulls tell it, and twice told is handled twice.
        if (stored !== true) consumers.get(group)?.moved(decodeQueueOffsets(request.body ?? NO_BODY));
        respond(answer());
        return;
      }
      case RequestCode.GET_CONSUMER_STATUS_FROM_CLIENT: {
        const { group, topic } = request.header as ConsumerStatusRequestHeader;
        respond(answer(encodeMemberPositions(consumers.get(group)?.positions(topic) ?? [])));
        return;
      }
      case RequestCode.GET_CONSUMER_RUNNING_INFO:
        runningInfo(consumers, request, respond);
        return;
      case RequestCode.CONSUME_MESSAGE_DIRECTLY:
        void consumeDirectly(consumers, request, respond);
        return;
      case RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT:
        void requests.accept(request, respond);
        return;
      case RequestCode.CHECK_TRANSACTION_STATE:
        transactions.check(request, channel);
        return;
      default:
        logger.debug(`The request ${request.code} of ${channel.remoteAddress} is not served by this client`);
        respond(refused(ResponseCode.REQUEST_CODE_NOT_SUPPORTED, ` request type ${request.code} not supported`));
    }
  };
}

function membersChanged(
  consumers: ReadonlyMap<string, PushConsumer>,
  { consumerGroup, topic }: NotifyConsumerIdsChangedRequestHeader,
): void {
  const consumer = consumers.get(consumerGroup);
  if (topic !== undefined) consumer?.topicChanged(topic);
  consumer?.rebalance();
}

function runningInfo(consumers: ReadonlyMap<string, PushConsumer>, request: RemotingCommand, respond: Respond): void {
  const { consumerGroup } = request.header as ConsumerRunningInfoRequestHeader;
  const info = consumers.get(consumerGroup)?.runningInfo();
  respond(info === undefined ? notHere(consumerGroup) : answer(encodeRunningInfo(info)));
}

/** Never rejects. */
async function consumeDirectly(
  consumers: ReadonlyMap<string, PushConsumer>,
  request: RemotingCommand,
  respond: Respond,
): Promise<void> {
  const { consumerGroup, brokerName = '' } = request.header as ConsumeDirectlyRequestHeader;
  try {
    const result = await consumers.get(consumerGroup)?.consumeDirectly(request.body ?? NO_BODY, brokerName);
    respond(result === undefined ? notHere(consumerGroup) : answer(encodeDirectResult(result)));
  } catch (error) {
    respond(refused(ResponseCode.SYSTEM_ERROR, (error as Error).message));
  }
}

function answer(body?: Buffer): RemotingCommand {
  return createResponse(ResponseCode.SUCCESS, {}, undefined, body);
}

function refused(code: number, remark: string): RemotingCommand {
  return createResponse(code, {}, remark);
}

function notHere(group: string): RemotingCommand {
  return refused(ResponseCode.SYSTEM_ERROR, `The Consumer Group <${group}> not exist in this consumer`);
}
