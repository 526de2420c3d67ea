import {
  createResponse,
  type GetMinOffsetRequestHeader,
  type HandleAloneRequestHeader,
  MessagingError,
  type QueryConsumerOffsetRequestHeader,
  type QueryConsumerOffsetResponseHeader,
  type RemotingCommand,
  ResponseCode,
  type SearchOffsetRequestHeader,
  type UpdateConsumerOffsetRequestHeader,
} from '../protocol/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import type { MessageStore } from '../store/index.js';
import { answerLater, refusal, success } from './answers.js';
import type { Consumers } from './consumers.js';
import type { OffsetBook } from './offset-book.js';
import type { PositionResets } from './position-resets.js';
import type { ProcessDeaths } from './process-deaths.js';

/** QUERY_ and UPDATE_CONSUMER_OFFSET, HANDLE_ALONE, SEARCH_OFFSET_BY_TIMESTAMP, GET_MAX_ and GET_MIN_OFFSET, GET_EARLIEST_MSG_STORETIME. */
export class OffsetProcessor {
  constructor(
    private readonly store: MessageStore,
    private readonly offsets: OffsetBook,
    private readonly consumers: Consumers,
    private readonly deaths: ProcessDeaths,
    private readonly resets: PositionResets,
  ) {}

  readonly query = (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    const header = request.header as QueryConsumerOffsetRequestHeader;
    const { consumerGroup, topic, queueId } = header;
    this.resets.refreshed(consumerGroup, topic, queueId, channel);
    const clientId = this.consumers.group(consumerGroup)?.memberOf(channel)?.clientId;
    const counted = this.deaths.takeOver(consumerGroup, topic, queueId, clientId);
    if (counted === undefined) respond(this.position(header));
    else answerLater(counted, respond, () => this.position(header));
  };

  private position(header: QueryConsumerOffsetRequestHeader): RemotingCommand {
    const { consumerGroup, topic, queueId } = header;
    let offset = this.offsets.query(consumerGroup, topic, queueId);
    // A queue whose very first messages kill has no position, but something to warn of.
    const first = this.store.minOffset(topic, queueId);
    if (offset === undefined && this.deaths.warning(consumerGroup, topic, queueId, first) !== undefined) offset = first;
    if (offset === undefined) {
      const remark = `BROKER_ERROR: group ${consumerGroup} has no position in queue ${queueId} of ${topic}`;
      return refusal(ResponseCode.QUERY_NOT_FOUND, remark);
    }
    const answer: QueryConsumerOffsetResponseHeader = {
      offset,
      ...this.deaths.warning(consumerGroup, topic, queueId, offset),
    };
    return createResponse(ResponseCode.SUCCESS, answer);
  }

  readonly handleAlone = (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    const header = request.header as HandleAloneRequestHeader;
    const member = this.consumers.group(header.consumerGroup)?.memberOf(channel);
    if (member === undefined) {
      throw new MessagingError(
        'GROUP_NOT_FOUND',
        `The client is no member of group ${header.consumerGroup}; send a heartbeat first.`,
      );
    }
    answerLater(this.deaths.handleAlone(header, member), respond, () => success());
  };

  readonly update = (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    const header = request.header as UpdateConsumerOffsetRequestHeader;
    const { consumerGroup, topic, queueId, commitOffset } = header;
    // Where the group was before somebody moved it.
    if (!this.resets.isStale(consumerGroup, topic, queueId, channel))
      this.offsets.commit(consumerGroup, topic, queueId, commitOffset);
    if (header.durable === true) answerLater(this.store.progress.flush(), respond, () => success());
    else respond(success());
  };

  readonly max = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic, queueId } = request.header as GetMinOffsetRequestHeader;
    this.offsets.queueOf(topic, queueId);
    respond(createResponse(ResponseCode.SUCCESS, { offset: this.store.maxOffset(topic, queueId) }));
  };

  readonly min = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic, queueId } = request.header as GetMinOffsetRequestHeader;
    this.offsets.queueOf(topic, queueId);
    respond(createResponse(ResponseCode.SUCCESS, { offset: this.store.minOffset(topic, queueId) }));
  };

  readonly search = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic, queueId, timestamp, boundaryType } = request.header as SearchOffsetRequestHeader;
    this.offsets.queueOf(topic, queueId);
    const boundary = boundaryType?.toUpperCase() === 'UPPER' ? 'upper' : 'lower';
    answerLater(this.store.offsetByTime(topic, queueId, timestamp, boundary), respond, (offset) =>
      createResponse(ResponseCode.SUCCESS, { offset }),
    );
  };

  readonly earliestStoreTime = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic, queueId } = request.header as GetMinOffsetRequestHeader;
    this.offsets.queueOf(topic, queueId);
    const first = this.store.minOffset(topic, queueId);
    if (first >= this.store.maxOffset(topic, queueId)) {
      respond(createResponse(ResponseCode.SUCCESS, { timestamp: -1 }));
      return;
    }
    answerLater(this.store.storeTimestampAt(topic, queueId, first), respond, (timestamp) =>
      createResponse(ResponseCode.SUCCESS, { timestamp }),
    );
  };
}
