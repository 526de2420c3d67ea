import {
  checkGroup,
  decodeConsumeStats,
  decodeGroupList,
  decodeSubscriptionGroups,
  ExtensionProperty,
  getProperty,
  isRetryTopic,
  type MessageQueue,
  type MessageRecord,
  MessagingError,
  type QueueProgress,
  RequestCode,
} from '../../protocol/index.js';
import { compareText } from '../connection/topic-route.js';
import type { AdminCalls, Master } from './admin-calls.js';
import { checkOptions, option } from './check-options.js';
import { QueueReader } from './queue-reader.js';

/** How far a group is in one queue. @publicApi */
export interface QueueLag {
  topic: string;
  brokerName: string;
  queueId: number;
  /** Offset of the first message that the group has not settled. */
  position: number;
  /** Offset of the next message to be stored. */
  end: number;
  /** Messages that the group has still to settle. */
  lag: number;
  /** Since when the first of them waits, in milliseconds; 0 when none does. */
  oldestAgeMillis: number;
}

/** @publicApi */
export interface GroupLag {
  group: string;
  /** Of all queues, that of its retries included. */
  lag: number;
  /** The greatest of all queues, in milliseconds. */
  oldestAgeMillis: number;
  /** Its members at this moment. */
  members: string[];
  /** By topic, broker and queue. */
  queues: QueueLag[];
}

/** @publicApi */
export interface GroupSummary {
  group: string;
  /** Its members at this moment. */
  members: string[];
  /** Of the topics that it reads, without that of its retries; none of a broadcast group. */
  topics: string[];
  /** Messages that it has still to settle, retries included. */
  lag: number;
}

/** @publicApi */
export interface LagOptions {
  /** Of this topic only. Default: all topics that the group has registered for. */
  topic?: string;
  /** Look up the age of the oldest message, which reads one message per queue. Default: true. */
  ages?: boolean;
}

/** Groups that Apache's broker has from the start. */
const APACHE_GROUPS =
  /^(TOOLS_CONSUMER|FILTERSRV_CONSUMER|SELF_TEST_C_GROUP|__MONITOR_CONSUMER|CID_ONS.*|CID_SYS_RMQ_TRANS|CID_RMQ_SYS_.*|CID_DefaultHeartBeat.*)$/;

/** Consumer groups: who they are and how far they are. @publicApi */
export class GroupAdmin {
  constructor(private readonly calls: AdminCalls) {}

  /** All groups that were ever registered, by name, at work or not. It asks each broker twice for each group. */
  async list(): Promise<GroupSummary[]> {
    const names = new Set<string>();
    for (const { address } of await this.calls.allMasters()) {
      const body = await this.calls.ask(address, RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG, {});
      for (const { groupName } of decodeSubscriptionGroups(body))
        if (!APACHE_GROUPS.test(groupName)) names.add(groupName);
    }
    const found: GroupSummary[] = [];
    for (const group of [...names].toSorted()) {
      try {
        const { members, lag, queues } = await this.lag(group, { ages: false });
        const topics = new Set(queues.map(({ topic }) => topic).filter((topic) => !isRetryTopic(topic)));
        found.push({ group, members, topics: [...topics], lag });
      } catch (error) {
        // Deleted since its name was read.
        if (!(error instanceof MessagingError) || error.code !== 'GROUP_NOT_FOUND') throw error;
      }
    }
    return found;
  }

  /** The groups that read the topic, or have done so, by name. */
  async of(topic: string): Promise<string[]> {
    const route = await this.calls.route(topic);
    const names = new Set<string>();
    for (const { address } of this.calls.masters(route)) {
      const body = await this.calls.ask(address, RequestCode.QUERY_TOPIC_CONSUME_BY_WHO, { topic });
      for (const name of decodeGroupList(body).groupList) names.add(name);
    }
    return [...names].toSorted();
  }

  /**
   * How far the group is, queue by queue. Broadcast groups keep their positions themselves and have none here.
   * @throws MessagingError GROUP_NOT_FOUND when no broker knows the group.
   */
  async lag(group: string, options: LagOptions = {}): Promise<GroupLag> {
    const { core } = await this.calls.parts();
    checkGroup(group, core.settings.namespace);
    checkOptions('groups.lag', options, { topic: option.text, ages: option.flag });
    const now = core.platform.clock.now();
    const queues: QueueLag[] = [];
    const members = new Set<string>();
    for (const { master, rows } of await this.progress(group, options.topic)) {
      for (const member of await core.brokers.consumerList(master.address, group)) members.add(member);
      for (const row of rows) queues.push(await this.lagOf(row, master, options.ages === false ? undefined : now));
    }
    queues.sort(
      (a, b) => compareText(a.topic, b.topic) || compareText(a.brokerName, b.brokerName) || a.queueId - b.queueId,
    );
    return {
      group,
      lag: queues.reduce((sum, { lag }) => sum + lag, 0),
      oldestAgeMillis: queues.reduce((most, { oldestAgeMillis }) => Math.max(most, oldestAgeMillis), 0),
      members: [...members].toSorted(),
      queues,
    };
  }

  /** @internal The rows of every broker that knows the group. */
  async progress(group: string, topic?: string): Promise<{ master: Master; rows: QueueProgress[] }[]> {
    const found: { master: Master; rows: QueueProgress[] }[] = [];
    let unknown: MessagingError | undefined;
    for (const master of await this.calls.allMasters()) {
      try {
        const header = { consumerGroup: group, topic };
        const rows = decodeConsumeStats(await this.calls.ask(master.address, RequestCode.GET_CONSUME_STATS, header));
        found.push({ master, rows });
      } catch (error) {
        if (!(error instanceof MessagingError) || error.code !== 'GROUP_NOT_FOUND') throw error;
        unknown = error;
      }
    }
    if (found.length === 0) throw unknown!;
    return found;
  }

  private async lagOf(row: QueueProgress, { address }: Master, now: number | undefined): Promise<QueueLag> {
    const { queue, consumerOffset: position, brokerOffset: end } = row;
    const { topic, brokerName, queueId } = queue;
    const lag = Math.max(0, end - position);
    const oldestAgeMillis = lag === 0 || now === undefined ? 0 : await this.ageAt(queue, address, position, now);
    return { topic, brokerName, queueId, position, end, lag, oldestAgeMillis };
  }

  private async ageAt(queue: MessageQueue, address: string, position: number, now: number): Promise<number> {
    const { records } = await new QueueReader(this.calls, queue, address).read(position, 1);
    const [first] = records;
    return first === undefined ? 0 : Math.max(0, now - storedAt(first));
  }
}

/** When it was stored at first: retention may have moved it since. */
function storedAt({ properties, storeTimestamp }: MessageRecord): number {
  const first = Number(getProperty(properties, ExtensionProperty.FIRST_STORED_AT) ?? Number.NaN);
  return Number.isSafeInteger(first) ? first : storeTimestamp;
}
