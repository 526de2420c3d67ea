import {
  createRequest,
  encodeConsumeStats,
  encodeGroupList,
  encodeQueueOffsets,
  encodeSubscriptionGroups,
  type GetConsumeStatsRequestHeader,
  type GetGroupsOfTopicRequestHeader,
  MessagingError,
  type QueueOffset,
  type QueueProgress,
  type RemotingCommand,
  RequestCode,
  type ResetOffsetRequestHeader,
} from '../protocol/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import type { MessageStore } from '../store/index.js';
import { answerLater, success } from './answers.js';
import type { Consumers } from './consumers.js';
import type { HeldPulls } from './held-pulls.js';
import type { OffsetBook } from './offset-book.js';
import type { PositionResets } from './position-resets.js';

/** RocketMQ's word for the end of a queue, in the place of a time. */
const TO_THE_END = -1;

/** GET_ALL_SUBSCRIPTIONGROUP_CONFIG, GET_CONSUME_STATS, QUERY_TOPIC_CONSUME_BY_WHO, INVOKE_BROKER_TO_RESET_OFFSET: how far groups are, and moving them. */
export class PositionProcessor {
  constructor(
    private readonly store: MessageStore,
    private readonly consumers: Consumers,
    private readonly offsets: OffsetBook,
    private readonly resets: PositionResets,
    private readonly held: HeldPulls,
    private readonly brokerName: string,
  ) {}

  readonly groups = (_request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const groups = this.store.groups.list().map(({ name, retryMaxTimes, retryQueueNums }) => {
      return { groupName: name, retryMaxTimes, retryQueueNums };
    });
    respond(success(encodeSubscriptionGroups(groups)));
  };

  readonly stats = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { consumerGroup, topic } = request.header as GetConsumeStatsRequestHeader;
    const group = this.store.groups.get(consumerGroup);
    if (group === undefined) throw unknownGroup(consumerGroup);
    const named = topic === undefined || topic === '' ? undefined : topic;
    const topics = new Set([...Object.keys(group.topics), ...this.store.progress.topicsOf(consumerGroup)]);
    const rows: QueueProgress[] = [];
    for (const name of topics)
      if (named === undefined || named === name) rows.push(...this.progress(consumerGroup, name));
    respond(success(encodeConsumeStats(rows)));
  };

  /** RocketMQ says when the last settled message was stored; ours reads no log for that, and says 0. */
  private progress(group: string, name: string): QueueProgress[] {
    const rows: QueueProgress[] = [];
    const queues = this.store.topics.get(name)?.readQueueNums ?? 0;
    for (let queueId = 0; queueId < queues; queueId++) {
      rows.push({
        queue: { topic: name, brokerName: this.brokerName, queueId },
        brokerOffset: this.store.maxOffset(name, queueId),
        consumerOffset: this.offsets.query(group, name, queueId) ?? this.store.minOffset(name, queueId),
        lastTimestamp: 0,
      });
    }
    return rows;
  }

  readonly groupsOf = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic } = request.header as GetGroupsOfTopicRequestHeader;
    const names = new Set(this.store.progress.groupsOf(topic));
    for (const group of this.store.groups.list()) if (Object.hasOwn(group.topics, topic)) names.add(group.name);
    for (const group of this.consumers.all()) if (group.subscribes(topic)) names.add(group.name);
    respond(success(encodeGroupList({ groupList: [...names] })));
  };

  readonly reset = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    answerLater(this.move(request.header as ResetOffsetRequestHeader), respond, (moved) =>
      success(encodeQueueOffsets(moved)),
    );
  };

  private async move(header: ResetOffsetRequestHeader): Promise<QueueOffset[]> {
    const { group: name, topic } = header;
    this.check(header);
    const queues = this.queuesOf(header);
    const targets = await Promise.all(queues.map((queueId) => this.target(header, queueId)));
    const members = [...(this.consumers.group(name)?.members() ?? [])];
    // In one turn: a member that asks for its position in between would be told the one before, and count as up to date.
    const durable = queues.map((queueId, index) => {
      this.store.progress.reset(name, topic, queueId, targets[index]!);
      return this.resets.begin(name, topic, queueId, members);
    });
    await Promise.all([...durable, this.store.progress.flush()]);
    const moved = queues.map((queueId, index) => {
      return { queue: { topic, brokerName: this.brokerName, queueId }, offset: targets[index]! };
    });
    // Our clients, and RocketMQ's from 5 on, are told by the answers to their pulls; those before know only this.
    const notice = encodeQueueOffsets(moved);
    const told = { topic, group: name, timestamp: header.timestamp, stored: true };
    for (const { channel } of members) {
      channel.oneway(createRequest(RequestCode.RESET_CONSUMER_CLIENT_OFFSET, told, notice));
    }
    this.held.release(topic);
    return moved;
  }

  private check({ group: name, topic, queueId, offset }: ResetOffsetRequestHeader): void {
    const group = this.store.groups.get(name);
    if (group === undefined) throw unknownGroup(name);
    this.offsets.queueOf(topic, 0);
    if (this.consumers.group(name)?.broadcasting === true) {
      throw new MessagingError(
        'NOT_SUPPORTED',
        `Group ${name} is a broadcast group: each instance keeps its own position.`,
      );
    }
    if (!Object.hasOwn(group.topics, topic) && !this.store.progress.topicsOf(name).includes(topic)) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `Group ${name} has never subscribed to ${topic}; it has no position there.`,
      );
    }
    if (offset !== undefined && !(queueId !== undefined && queueId >= 0)) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `The offset ${offset} of ${topic} is one of a single queue; name the queue.`,
      );
    }
  }

  private queuesOf({ topic, queueId }: ResetOffsetRequestHeader): number[] {
    if (queueId === undefined || queueId < 0) {
      return Array.from({ length: this.store.topics.get(topic)!.readQueueNums }, (_, index) => index);
    }
    this.offsets.queueOf(topic, queueId);
    return [queueId];
  }

  private async target({ topic, timestamp, offset }: ResetOffsetRequestHeader, queueId: number): Promise<number> {
    const first = this.store.minOffset(topic, queueId);
    const end = this.store.maxOffset(topic, queueId);
    if (offset === undefined) {
      return timestamp === TO_THE_END ? end : this.store.offsetByTime(topic, queueId, timestamp);
    }
    if (offset >= first && offset <= end) return offset;
    throw new MessagingError(
      'OFFSET_OUT_OF_RANGE',
      `Queue ${queueId} of ${topic} holds the offsets ${first} to ${end}; there is no ${offset} to go to.`,
    );
  }
}

function unknownGroup(name: string): MessagingError {
  return new MessagingError(
    'GROUP_NOT_FOUND',
    `There is no consumer group ${name} on this broker; it appears with its first heartbeat.`,
  );
}
