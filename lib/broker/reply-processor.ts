import type { Platform } from '../platform/index.js';
import {
  appendProperty,
  createRequest,
  createResponse,
  getProperty,
  LIMITS,
  MessagingError,
  PropertyName,
  type RemotingCommand,
  type ReplyMessageRequestHeader,
  RequestCode,
  ResponseCode,
  type SendMessageRequestHeader,
  type SendMessageResponseHeader,
} from '../protocol/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import { failure } from './answers.js';
import type { ResolvedBrokerOptions } from './options.js';
import type { Producers } from './producers.js';

/** How long a requester may take to accept a reply: RocketMQ's number. */
const PUSH_MILLIS = 10_000;
/** Stands for the id of a message that is not stored: a reply is worth nothing once its requester has gone. */
const NOT_STORED = '0';

/** SEND_REPLY_MESSAGE, SEND_REPLY_MESSAGE_V2: hands a reply to the client that waits for it. */
export class ReplyProcessor {
  replies = 0;

  constructor(
    private readonly producers: Producers,
    private readonly options: ResolvedBrokerOptions,
    private readonly platform: Platform,
  ) {}

  readonly handle = (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    this.push(request, channel).then(respond, (error: unknown) => respond(failure(error)));
  };

  private async push(request: RemotingCommand, channel: Channel): Promise<RemotingCommand> {
    const header = request.header as SendMessageRequestHeader;
    const properties = header.properties ?? '';
    const size = request.body?.length ?? 0;
    if (size > LIMITS.bodyBytes)
      throw new MessagingError(
        'MESSAGE_TOO_LARGE',
        `A reply of ${size} bytes is too large; ${LIMITS.bodyBytes} are allowed.`,
      );
    const clientId = getProperty(properties, PropertyName.REPLY_TO_CLIENT);
    if (clientId === undefined)
      throw new MessagingError('PROPERTIES_INVALID', 'A reply must say whom it is for: the property REPLY_TO_CLIENT.');
    const requester = this.producers.ofClient(clientId);
    if (requester === undefined)
      throw new MessagingError('CHANNEL_CLOSED', `The client ${clientId}, for which a reply came, is not connected.`);
    const now = this.platform.clock.now();
    const pushed: ReplyMessageRequestHeader = {
      producerGroup: header.producerGroup,
      topic: header.topic,
      defaultTopic: header.defaultTopic,
      defaultTopicQueueNums: header.defaultTopicQueueNums,
      queueId: header.queueId,
      sysFlag: header.sysFlag,
      bornTimestamp: header.bornTimestamp,
      flag: header.flag,
      properties: appendProperty(properties, PropertyName.PUSH_REPLY_TIME, String(now)),
      reconsumeTimes: header.reconsumeTimes,
      unitMode: header.unitMode,
      bornHost: channel.remoteAddress,
      storeHost: this.options.address,
      storeTimestamp: now,
    };
    const push = createRequest(RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT, pushed, request.body);
    const answer = await requester.invoke(push, PUSH_MILLIS);
    if (answer.code !== ResponseCode.SUCCESS)
      throw new MessagingError(
        'BROKER_ERROR',
        `The client ${clientId} did not take its reply: ${answer.remark ?? answer.code}`,
      );
    this.replies++;
    const accepted: SendMessageResponseHeader = {
      msgId: NOT_STORED,
      queueId: Math.max(0, header.queueId),
      queueOffset: 0,
      transactionId: undefined,
      regionId: undefined,
      traceOn: true,
    };
    return createResponse(ResponseCode.SUCCESS, accepted);
  }
}
