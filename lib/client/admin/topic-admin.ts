import {
  checkTopic,
  decodeClusterInfo,
  decodeTopicList,
  decodeTopicStats,
  DEFAULT_TOPIC,
  isDeadLetterTopic,
  isRetryTopic,
  isSystemTopic,
  MessagingError,
  Permission,
  RequestCode,
  ResponseCode,
} from '../../protocol/index.js';
import { ResponseError } from '../connection/response-error.js';
import type { AdminCalls, Master } from './admin-calls.js';
import { checkOptions, option } from './check-options.js';
import type { GroupAdmin } from './group-admin.js';
import { TopicWidener, type TopicWidth, type WidenOptions } from './topic-widener.js';

/** @publicApi */
export interface QueueStats {
  brokerName: string;
  queueId: number;
  /** Offset of the oldest message that is kept. */
  minOffset: number;
  /** Offset of the next message. */
  maxOffset: number;
  /** When the last message was stored; undefined while there is none. */
  lastStoredAt: Date | undefined;
}

/** @publicApi */
export interface TopicStats {
  topic: string;
  queues: QueueStats[];
  /** Messages that are kept in all queues. */
  messages: number;
  /** How many of the queues keys are spread over, over all brokers: frozen when the topic was made. */
  orderedQueues: number;
  /** False while it takes no messages. */
  writable: boolean;
}

/** What may be done with a topic. @publicApi */
export type TopicAccess = 'read-write' | 'read' | 'write';

const ACCESS: Readonly<Record<TopicAccess, number>> = {
  'read-write': Permission.READ | Permission.WRITE,
  read: Permission.READ,
  write: Permission.WRITE,
};

const WIDEN_RULES = {
  keys: option.flag,
  except: option.texts,
  timeoutMillis: option.millis,
  signal: option.signal,
} as const;

/** Topics: what there is, what they hold, making and deleting them. @publicApi */
export class TopicAdmin {
  constructor(
    private readonly calls: AdminCalls,
    private readonly groups: GroupAdmin,
  ) {}

  /**
   * The names of the topics, in order.
   * @param options `all`: also the broker's own, and those of retries and dead letters. Default: false.
   */
  async list(options: { all?: boolean } = {}): Promise<string[]> {
    const body = await this.calls.askNameServer(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, {});
    const names = decodeTopicList(body).topicList.toSorted();
    if (options.all === true) return names;
    const own = await this.namedAfterBrokers();
    return names.filter(
      (name) => !isSystemTopic(name) && !isRetryTopic(name) && !isDeadLetterTopic(name) && !own.has(name),
    );
  }

  /** What the queues of a topic hold. Rejects with TOPIC_NOT_FOUND. */
  async stats(topic: string): Promise<TopicStats> {
    const route = await this.calls.route(topic);
    const queues: QueueStats[] = [];
    for (const { address } of this.calls.masters(route)) {
      const body = await this.calls.ask(address, RequestCode.GET_TOPIC_STATS_INFO, { topic });
      for (const { queue, minOffset, maxOffset, lastUpdateTimestamp } of decodeTopicStats(body)) {
        const { brokerName, queueId } = queue;
        const lastStoredAt = lastUpdateTimestamp > 0 ? new Date(lastUpdateTimestamp) : undefined;
        queues.push({ brokerName, queueId, minOffset, maxOffset, lastStoredAt });
      }
    }
    return {
      topic,
      queues,
      messages: queues.reduce((sum, { minOffset, maxOffset }) => sum + maxOffset - minOffset, 0),
      orderedQueues: (route.orderedQueues ?? route.writeQueues).length,
      writable: route.writeQueues.length > 0,
    };
  }

  /**
   * Makes a topic on every broker. One that exists with that many queues is left as it is.
   * @param queues Per broker. Default: those of topics that are made by a send (4).
   * @throws MessagingError NAME_INVALID; BAD_ARGUMENT when it exists with another number of queues, see `widen`.
   */
  async create(topic: string, queues?: number): Promise<void> {
    const { core } = await this.calls.parts();
    checkTopic(topic, core.settings.namespace);
    if (queues !== undefined) checkQueues(topic, queues);
    for (const master of await this.calls.allMasters()) {
      const existing = await this.queuesAt(master, topic);
      if (existing === undefined) await this.order(master, topic, queues ?? core.settings.defaultTopicQueues);
      else if (queues !== undefined && existing !== queues) {
        throw new MessagingError(
          'BAD_ARGUMENT',
          `The topic ${topic} exists with ${existing} queues on ${master.brokerName}, not ${queues}; use widen() for more`,
        );
      }
    }
    await core.routes.refresh(topic);
  }

  /**
   * Gives a topic more queues, while it is in use. Messages without a key go to them at once; keys stay with the queues
   * they have, so that none of their messages overtakes another, unless `keys` says otherwise. A topic that is that wide
   * is left as it is; called again after a failure it goes on with what is left.
   * @param queues Per broker.
   * @throws MessagingError TOPIC_NOT_FOUND; BAD_ARGUMENT for fewer queues than there are; with `keys` also TIMEOUT when groups
   * do not settle in time what was sent before (keys then stay where they are), BROKER_BUSY, NOT_SUPPORTED.
   */
  async widen(topic: string, queues: number, options: WidenOptions = {}): Promise<TopicWidth> {
    const { core } = await this.calls.parts();
    checkTopic(topic, core.settings.namespace);
    checkQueues(topic, queues);
    checkOptions('topics.widen', options, WIDEN_RULES);
    const { keys, except, timeoutMillis, signal } = options;
    if (keys !== true && (except ?? timeoutMillis ?? signal) !== undefined) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        'topics.widen: except, timeoutMillis and signal are about waiting, which only `keys: true` does',
      );
    }
    return new TopicWidener(this.calls, this.groups, topic, queues).widen(options);
  }

  /**
   * Says on every broker whether the topic may be read and written: `read` while it is drained before its end, say. Its
   * queues stay as they are.
   * @throws MessagingError TOPIC_NOT_FOUND, BAD_ARGUMENT.
   */
  async setAccess(topic: string, access: TopicAccess): Promise<void> {
    const { core } = await this.calls.parts();
    checkTopic(topic, core.settings.namespace);
    if (!Object.hasOwn(ACCESS, access))
      throw new MessagingError(
        'BAD_ARGUMENT',
        `The access to ${topic} must be one of ${Object.keys(ACCESS).join(', ')}, not ${JSON.stringify(access)}`,
      );
    const route = await this.calls.route(topic);
    for (const master of this.calls.masters(route)) {
      const queues = await this.queuesAt(master, topic);
      if (queues !== undefined) await this.order(master, topic, queues, ACCESS[access]);
    }
    await core.routes.refresh(topic);
  }

  /** Deletes a topic with all its messages, and the positions of its groups. One that is not there is no error. */
  async delete(topic: string): Promise<void> {
    const { core } = await this.calls.parts();
    checkTopic(topic, core.settings.namespace);
    const route = await this.calls.routeIfAny(topic);
    if (route === undefined) return;
    for (const { address } of this.calls.masters(route)) {
      await this.calls.ask(address, RequestCode.DELETE_TOPIC_IN_BROKER, { topic });
    }
    await this.calls.tellNameServers(RequestCode.DELETE_TOPIC_IN_NAMESRV, { topic });
    await core.routes.refresh(topic);
  }

  /** Apache has a topic for each cluster and each broker; both have one for replies. */
  private async namedAfterBrokers(): Promise<Set<string>> {
    const { clusterAddrTable, brokerAddrTable } = decodeClusterInfo(
      await this.calls.askNameServer(RequestCode.GET_BROKER_CLUSTER_INFO, {}),
    );
    const clusters = [...clusterAddrTable.keys()];
    return new Set([...clusters, ...clusters.map((name) => `${name}_REPLY_TOPIC`), ...brokerAddrTable.keys()]);
  }

  private async queuesAt({ address }: Master, topic: string): Promise<number | undefined> {
    try {
      return decodeTopicStats(await this.calls.ask(address, RequestCode.GET_TOPIC_STATS_INFO, { topic })).length;
    } catch (error) {
      if (error instanceof ResponseError && error.responseCode === ResponseCode.TOPIC_NOT_EXIST) return undefined;
      throw error;
    }
  }

  private async order(
    { address }: Master,
    topic: string,
    queues: number,
    perm: number = ACCESS['read-write'],
  ): Promise<void> {
    const { core } = await this.calls.parts();
    await core.brokers.createTopic(address, {
      topic,
      defaultTopic: DEFAULT_TOPIC,
      readQueueNums: queues,
      writeQueueNums: queues,
      perm,
      topicFilterType: 'SINGLE_TAG',
      topicSysFlag: 0,
      order: false,
    });
  }
}

function checkQueues(topic: string, queues: number): void {
  if (Number.isInteger(queues) && queues >= 1) return;
  throw new MessagingError(
    'BAD_ARGUMENT',
    `The topic ${topic} needs a whole number of queues, at least 1, not ${queues}`,
  );
}
