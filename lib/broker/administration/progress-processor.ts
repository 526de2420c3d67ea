import {
  type BrokerConsumeStatsRequestHeader,
  type ConsumeTimeSpanRequestHeader,
  type CorrectionOffsetRequestHeader,
  encodeBrokerConsumeStats,
  encodeConsumeStats,
  encodeCorrections,
  encodeGroupList,
  encodeTimeSpans,
  type GetConsumeStatsRequestHeader,
  type GetGroupsOfTopicRequestHeader,
  MessagingError,
  type QueueProgress,
  type QueueTimeSpan,
  type RemotingCommand,
  RequestCode,
  type TopicConsumeStats,
} from '../../protocol/index.js';
import type { Channel, Respond } from '../../remoting/index.js';
import { answerLater, success } from '../answers.js';
import type { AdminParts, Handlers } from './parts.js';
import { unknownGroup } from './unknown-group.js';

/** How far groups are. */
export class ProgressProcessor {
  constructor(private readonly parts: AdminParts) {}

  get handlers(): Handlers {
    return [
      [RequestCode.GET_CONSUME_STATS, this.stats],
      [RequestCode.GET_BROKER_CONSUME_STATS, this.allStats],
      [RequestCode.QUERY_TOPIC_CONSUME_BY_WHO, this.groupsOf],
      [RequestCode.QUERY_CONSUME_TIME_SPAN, this.timeSpans],
      [RequestCode.QUERY_CORRECTION_OFFSET, this.corrections],
    ];
  }

  private readonly stats = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { consumerGroup, topic, topicList } = request.header as GetConsumeStatsRequestHeader;
    if (this.parts.store.groups.get(consumerGroup) === undefined) throw unknownGroup(consumerGroup);
    const wanted = topicList?.split(';').filter((name) => name !== '') ?? [];
    if (wanted.length === 0 && topic !== undefined && topic !== '') wanted.push(topic);
    const topics = this.topicsOf(consumerGroup).filter((name) => wanted.length === 0 || wanted.includes(name));
    answerLater(Promise.all(topics.map((name) => this.statsOf(consumerGroup, name))), respond, (found) => {
      const tps = found.reduce((sum, { consumeTps }) => sum + consumeTps, 0);
      const rows = found.flatMap(({ queues }) => queues);
      return success(encodeConsumeStats(rows, tps));
    });
  };

  private readonly allStats = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { isOrder } = request.header as BrokerConsumeStatsRequestHeader;
    answerLater(this.everyGroup(isOrder), respond, (groups) =>
      success(encodeBrokerConsumeStats(groups, this.parts.options.address)),
    );
  };

  private readonly groupsOf = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic } = request.header as GetGroupsOfTopicRequestHeader;
    const names = new Set(this.parts.store.progress.groupsOf(topic));
    for (const group of this.parts.store.groups.list()) if (Object.hasOwn(group.topics, topic)) names.add(group.name);
    for (const group of this.parts.consumers.all()) if (group.subscribes(topic)) names.add(group.name);
    respond(success(encodeGroupList({ groupList: [...names] })));
  };

  private readonly timeSpans = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic, group } = request.header as ConsumeTimeSpanRequestHeader;
    const queues = this.queuesOf(topic);
    answerLater(
      Promise.all(Array.from({ length: queues }, (_, queueId) => this.timeSpan(group, topic, queueId))),
      respond,
      (spans) => success(encodeTimeSpans(spans)),
    );
  };

  private readonly corrections = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { filterGroups, compareGroup, topic } = request.header as CorrectionOffsetRequestHeader;
    const { store } = this.parts;
    const queues = this.queuesOf(topic);
    const left = new Set(filterGroups?.split(',') ?? []);
    const groups = store.progress.groupsOf(topic).filter((name) => !left.has(name));
    const offsets = new Map<number, number>();
    for (let queueId = 0; queueId < queues; queueId++) {
      const first = store.minOffset(topic, queueId);
      const positions = groups
        .map((name) => store.progress.query(name, topic, queueId))
        .filter((offset) => offset !== undefined && offset >= first) as number[];
      if (positions.length === 0) continue;
      const least = Math.min(...positions);
      const compared = store.progress.query(compareGroup, topic, queueId);
      offsets.set(queueId, compared !== undefined && least > compared ? Number.POSITIVE_INFINITY : least);
    }
    respond(success(encodeCorrections(offsets)));
  };

  private topicsOf(group: string): string[] {
    const { groups, progress } = this.parts.store;
    return [...new Set([...Object.keys(groups.get(group)?.topics ?? {}), ...progress.topicsOf(group)])];
  }

  private async statsOf(group: string, name: string): Promise<TopicConsumeStats> {
    const { store, traffic } = this.parts;
    const queues = store.topics.get(name)?.readQueueNums ?? 0;
    return {
      consumeTps: traffic.groupRate(group, name),
      queues: await Promise.all(Array.from({ length: queues }, (_, queueId) => this.progress(group, name, queueId))),
    };
  }

  private async progress(group: string, topic: string, queueId: number): Promise<QueueProgress> {
    const { store, offsets, consumers, options } = this.parts;
    const first = store.minOffset(topic, queueId);
    const brokerOffset = store.maxOffset(topic, queueId);
    const consumerOffset = offsets.query(group, topic, queueId) ?? first;
    const pulled = consumers.group(group)?.pulledTo(topic, queueId) ?? 0;
    const settled = consumerOffset > first ? await store.storeTimestampAt(topic, queueId, consumerOffset - 1) : 0;
    return {
      queue: { topic, brokerName: options.name, queueId },
      brokerOffset,
      consumerOffset,
      lastTimestamp: Math.max(0, settled),
      pullOffset: Math.max(consumerOffset, Math.min(pulled, brokerOffset)),
    };
  }

  private async everyGroup(ordered: boolean): Promise<Map<string, TopicConsumeStats[]>> {
    const { store } = this.parts;
    const groups = new Map<string, TopicConsumeStats[]>();
    for (const { name } of store.groups.list()) {
      const stats: TopicConsumeStats[] = [];
      for (const topic of this.topicsOf(name)) {
        const config = store.topics.get(topic);
        if (config !== undefined && (!ordered || config.order)) stats.push(await this.statsOf(name, topic));
      }
      groups.set(name, stats);
    }
    return groups;
  }

  private async timeSpan(group: string, topic: string, queueId: number): Promise<QueueTimeSpan> {
    const { store, offsets, options, platform } = this.parts;
    const first = store.minOffset(topic, queueId);
    const end = store.maxOffset(topic, queueId);
    const position = offsets.query(group, topic, queueId) ?? first;
    const at = (offset: number): Promise<number> => store.storeTimestampAt(topic, queueId, offset);
    const minTimeStamp = await at(first);
    const next = position < end ? await at(position) : -1;
    return {
      messageQueue: { topic, brokerName: options.name, queueId },
      minTimeStamp,
      maxTimeStamp: await at(end - 1),
      consumeTimeStamp: position > first ? await at(position - 1) : minTimeStamp,
      delayTime: next < 0 ? 0 : Math.max(0, platform.clock.now() - next),
    };
  }

  private queuesOf(name: string): number {
    const topic = this.parts.topics.get(name);
    if (topic !== undefined) return topic.readQueueNums;
    throw new MessagingError('TOPIC_NOT_FOUND', `There is no topic ${name} on this broker.`);
  }
}
