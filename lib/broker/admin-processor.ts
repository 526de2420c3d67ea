import {
  createResponse,
  type CreateTopicRequestHeader,
  type DeleteTopicRequestHeader,
  encodeTopicStats,
  MessagingError,
  PROTOCOL_VERSION,
  type QueueEnds,
  type RemotingCommand,
  ResponseCode,
  type ViewMessageRequestHeader,
} from '../protocol/index.js';
import type { Platform } from '../platform/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import type { MessageStore } from '../store/index.js';
import { answerLater, NO_FIELDS, refusal, success } from './answers.js';
import type { Consumers } from './consumers.js';
import type { HeldPulls } from './held-pulls.js';
import type { ResolvedBrokerOptions } from './options.js';
import type { TopicManager } from './topic-manager.js';

/** UPDATE_AND_CREATE_TOPIC, DELETE_TOPIC_IN_BROKER, GET_TOPIC_STATS_INFO, VIEW_MESSAGE_BY_ID, and what the broker tells of itself. */
export class AdminProcessor {
  private readonly startedAt: number;

  constructor(
    private readonly store: MessageStore,
    private readonly topics: TopicManager,
    private readonly consumers: Consumers,
    private readonly held: HeldPulls,
    private readonly options: ResolvedBrokerOptions,
    private readonly platform: Platform,
  ) {
    this.startedAt = platform.clock.now();
  }

  readonly createTopic = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic, readQueueNums, writeQueueNums, perm, topicSysFlag, order } =
      request.header as CreateTopicRequestHeader;
    const settings = { readQueueNums, writeQueueNums, perm, topicSysFlag, order };
    answerLater(this.topics.createOrUpdate(topic, settings), respond, () => success());
  };

  readonly deleteTopic = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic } = request.header as DeleteTopicRequestHeader;
    answerLater(this.delete(topic), respond, () => {
      this.held.release(topic);
      return success();
    });
  };

  readonly topicStats = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic } = request.header as DeleteTopicRequestHeader;
    answerLater(this.stats(topic), respond, success);
  };

  readonly viewMessage = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { offset } = request.header as ViewMessageRequestHeader;
    answerLater(this.view(offset), respond, success);
  };

  readonly runtimeInfo = (_request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const table = {
      brokerActive: 'true',
      brokerVersion: String(PROTOCOL_VERSION),
      brokerVersionDesc: 'V5_3_3',
      bootTimestamp: String(this.startedAt),
      runtime: `[ ${Math.round((this.platform.clock.now() - this.startedAt) / 1000)} seconds ]`,
      commitLogMaxOffset: String(this.store.visibleOffset),
      pullThreadPoolQueueSize: String(this.held.size),
      sendThreadPoolQueueSize: '0',
      sendThreadPoolQueueHeadWaitTimeMills: '0',
      pullThreadPoolQueueHeadWaitTimeMills: '0',
      pageCacheLockTimeMills: '0',
      putTps: '0.0 0.0 0.0',
      getTransferredTps: '0.0 0.0 0.0',
    };
    respond(createResponse(ResponseCode.SUCCESS, NO_FIELDS, undefined, Buffer.from(JSON.stringify({ table }))));
  };

  /** Settings do not change over the wire: every one that could has been an attack in RocketMQ. */
  readonly refuseConfig = (_request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    respond(
      refusal(
        ResponseCode.NO_PERMISSION,
        'NO_PERMISSION: settings are neither read nor changed over the network; change them where the broker starts',
      ),
    );
  };

  private async delete(topic: string): Promise<void> {
    await this.topics.delete(topic);
    // Groups at work meet a successor of this topic at its birth; as newcomers they would start behind its first messages.
    for (const group of this.consumers.all()) {
      if (group.subscribes(topic)) await this.store.groups.ensure(group.name, [topic], this.store.visibleOffset);
    }
  }

  private async stats(name: string): Promise<Buffer> {
    const topic = this.topics.get(name);
    if (topic === undefined) throw new MessagingError('TOPIC_NOT_FOUND', `There is no topic ${name} on this broker.`);
    const rows: QueueEnds[] = [];
    for (let queueId = 0; queueId < Math.max(topic.readQueueNums, topic.writeQueueNums); queueId++) {
      const minOffset = this.store.minOffset(name, queueId);
      const maxOffset = this.store.maxOffset(name, queueId);
      const lastUpdateTimestamp =
        maxOffset > minOffset ? await this.store.storeTimestampAt(name, queueId, maxOffset - 1) : 0;
      const queue = { brokerName: this.options.name, queueId, topic: name };
      rows.push({ queue, lastUpdateTimestamp, maxOffset, minOffset });
    }
    return encodeTopicStats(rows);
  }

  private async view(physicalOffset: number): Promise<Buffer> {
    const record = await this.store.recordAt(physicalOffset);
    const { topic, queueId, queueOffset } = record;
    const read = await this.store.read({ topic, queueId, offset: queueOffset, maxMessages: 1, maxBytes: record.size });
    if (read.chunks.length === 0) {
      throw new MessagingError('OFFSET_OUT_OF_RANGE', `The message at ${physicalOffset} is no longer in its queue.`);
    }
    return read.chunks.length === 1 ? read.chunks[0]! : Buffer.concat(read.chunks);
  }
}
