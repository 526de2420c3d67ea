import {
  createResponse,
  type CreateTopicRequestHeader,
  decodeTopicConfigList,
  type DeleteTopicRequestHeader,
  encodeTopicConfig,
  encodeTopicList,
  encodeTopicStats,
  encodeTopicTable,
  type GetAllTopicConfigRequestHeader,
  isSystemTopic,
  MessagingError,
  type QueueEnds,
  type RemotingCommand,
  RequestCode,
  ResponseCode,
  SYSTEM_TOPIC_NAMES,
  type TopicConfig,
} from '../../protocol/index.js';
import type { Channel, Respond } from '../../remoting/index.js';
import type { TopicConfig as StoredTopic } from '../../store/index.js';
import { answerLater, success } from '../answers.js';
import type { AdminParts, Handlers } from './parts.js';

const NO_BODY = Buffer.alloc(0);

/** Topics: making, changing and deleting them, and what there is. */
export class TopicProcessor {
  private changes = 0;
  private changedAt: number;

  constructor(private readonly parts: AdminParts) {
    const { clock } = parts.platform;
    this.changedAt = clock.now();
    parts.topics.onChange(() => {
      this.changes++;
      this.changedAt = clock.now();
    });
  }

  get handlers(): Handlers {
    return [
      [RequestCode.UPDATE_AND_CREATE_TOPIC, this.create],
      [RequestCode.UPDATE_AND_CREATE_TOPIC_LIST, this.createAll],
      [RequestCode.DELETE_TOPIC_IN_BROKER, this.delete],
      [RequestCode.GET_ALL_TOPIC_CONFIG, this.all],
      [RequestCode.GET_TOPIC_CONFIG, this.one],
      [RequestCode.GET_TOPIC_STATS_INFO, this.stats],
      [RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_BROKER, this.systemTopics],
    ];
  }

  private readonly create = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic, readQueueNums, writeQueueNums, perm, topicSysFlag, order, attributes } =
      request.header as CreateTopicRequestHeader;
    if (attributes !== undefined && attributes !== '') {
      throw new MessagingError(
        'NOT_SUPPORTED',
        `The topic ${topic} cannot have the attributes ${JSON.stringify(attributes.slice(0, 100))}: this broker keeps none. Leave them out.`,
      );
    }
    const settings = { readQueueNums, writeQueueNums, perm, topicSysFlag, order };
    answerLater(this.parts.topics.createOrUpdate(topic, settings), respond, () => success());
  };

  private readonly createAll = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const topics = decodeTopicConfigList(request.body ?? NO_BODY);
    // All or none where that can be known beforehand.
    for (const { topicName } of topics) this.parts.topics.check(topicName);
    const made = Promise.all(
      topics.map(({ topicName, readQueueNums, writeQueueNums, perm, topicSysFlag, order }) =>
        this.parts.topics.createOrUpdate(topicName, { readQueueNums, writeQueueNums, perm, topicSysFlag, order }),
      ),
    );
    answerLater(made, respond, () => success());
  };

  private readonly delete = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic } = request.header as DeleteTopicRequestHeader;
    answerLater(this.deleteTopic(topic), respond, () => {
      this.parts.held.release(topic);
      return success();
    });
  };

  private readonly all = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topicSeq, maxTopicNum } = request.header as GetAllTopicConfigRequestHeader;
    const topics = this.parts.topics.list().map(asTopicConfig);
    const from = Math.max(0, topicSeq ?? 0);
    const page = topics.slice(from, maxTopicNum === undefined || maxTopicNum < 0 ? undefined : from + maxTopicNum);
    const version = { counter: this.changes, stateVersion: 0, timestamp: this.changedAt };
    const header = { totalTopicNum: topics.length };
    respond(createResponse(ResponseCode.SUCCESS, header, undefined, encodeTopicTable(page, version)));
  };

  private readonly one = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const topic = this.find((request.header as DeleteTopicRequestHeader).topic);
    respond(success(encodeTopicConfig(asTopicConfig(topic))));
  };

  private readonly stats = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic } = request.header as DeleteTopicRequestHeader;
    answerLater(this.ends(topic), respond, (rows) =>
      success(encodeTopicStats(rows, this.parts.traffic.topicRate(topic))),
    );
  };

  private readonly systemTopics = (_request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const own = this.parts.topics.list().map(({ name }) => name);
    const topicList = [...new Set([...SYSTEM_TOPIC_NAMES, ...own.filter(isSystemTopic)])];
    respond(success(encodeTopicList({ topicList, brokerAddr: this.parts.options.address })));
  };

  private async deleteTopic(topic: string): Promise<void> {
    const { topics, consumers, store } = this.parts;
    await topics.delete(topic);
    // Groups at work meet a successor of this topic at its birth; as newcomers they would start behind its first messages.
    for (const group of consumers.all()) {
      if (group.subscribes(topic)) await store.groups.ensure(group.name, [topic], store.visibleOffset);
    }
  }

  private async ends(name: string): Promise<QueueEnds[]> {
    const { store, options } = this.parts;
    const topic = this.find(name);
    const rows: QueueEnds[] = [];
    for (let queueId = 0; queueId < Math.max(topic.readQueueNums, topic.writeQueueNums); queueId++) {
      const minOffset = store.minOffset(name, queueId);
      const maxOffset = store.maxOffset(name, queueId);
      const lastUpdateTimestamp =
        maxOffset > minOffset ? await store.storeTimestampAt(name, queueId, maxOffset - 1) : 0;
      const queue = { brokerName: options.name, queueId, topic: name };
      rows.push({ queue, lastUpdateTimestamp, maxOffset, minOffset });
    }
    return rows;
  }

  private find(name: string): StoredTopic {
    const topic = this.parts.topics.get(name);
    if (topic !== undefined) return topic;
    throw new MessagingError('TOPIC_NOT_FOUND', `There is no topic ${name} on this broker.`);
  }
}

function asTopicConfig({ name, readQueueNums, writeQueueNums, perm, topicSysFlag, order }: StoredTopic): TopicConfig {
  return { topicName: name, readQueueNums, writeQueueNums, perm, topicFilterType: 'SINGLE_TAG', topicSysFlag, order };
}
