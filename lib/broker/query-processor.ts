import {
  createResponse,
  MessagingError,
  type QueryMessageRequestHeader,
  type QueryMessageResponseHeader,
  type RemotingCommand,
  ResponseCode,
} from '../protocol/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import type { MessageIndex, MessageStore } from '../store/index.js';
import { answerLater, refusal } from './answers.js';

/** RocketMQ's numbers: of one answer, and of an answer about a unique id, whatever was asked for. */
const MOST = 64;
const MOST_UNIQUE = 32;

/** QUERY_MESSAGE: messages by unique id or by key. */
export class QueryProcessor {
  constructor(
    private readonly store: MessageStore,
    private readonly brokerName: string,
  ) {}

  readonly handle = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { index } = this.store;
    if (index === undefined) {
      throw new MessagingError(
        'NOT_SUPPORTED',
        `The broker ${this.brokerName} keeps no index of messages; switch it on with \`broker.index\`.`,
      );
    }
    answerLater(this.find(index, request.header as QueryMessageRequestHeader), respond, (found) => {
      // RocketMQ's words.
      if (found.length === 0)
        return refusal(ResponseCode.QUERY_NOT_FOUND, 'can not find message, maybe time range not correct');
      const { updatedAt, indexedTo } = index.stats;
      const header: QueryMessageResponseHeader = {
        indexLastUpdateTimestamp: updatedAt,
        indexLastUpdatePhyoffset: indexedTo,
      };
      return createResponse(ResponseCode.SUCCESS, header, undefined, Buffer.concat(found));
    });
  };

  private async find(index: MessageIndex, header: QueryMessageRequestHeader): Promise<Buffer[]> {
    const { topic, key, maxNum, beginTimestamp, endTimestamp, unique = false } = header;
    if (!(maxNum > 0)) throw new MessagingError('BAD_ARGUMENT', `${maxNum} messages cannot be asked for.`);
    const max = unique ? MOST_UNIQUE : Math.min(MOST, maxNum);
    return index.find({ topic, key, unique, from: beginTimestamp, to: endTimestamp, max });
  }
}
