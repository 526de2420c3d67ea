import { checkGroup, checkTopic, type ConsumerData, isRetryTopic, MessagingError } from '../protocol/index.js';
import type { MessageStore } from '../store/index.js';
import type { Consumers } from './consumers.js';
import type { TopicManager } from './topic-manager.js';

/** Groups beyond this are refused, so that a client gone wild cannot fill the store with names. */
const MOST_GROUPS = 100_000;
/** The same for the topics of a group, which are written again with each that is added. */
const MOST_TOPICS_OF_GROUP = 10_000;

/**
 * The first heartbeat of a group for a topic fixes where the group starts there: durably, and before the heartbeat is
 * answered. So whatever is sent after the client knows itself registered will be delivered, however long the group
 * stays away afterwards.
 */
export class GroupRegistry {
  constructor(
    private readonly store: MessageStore,
    private readonly topics: TopicManager,
    private readonly consumers: Consumers,
  ) {}

  /** Undefined when there was nothing to be stored, as with nearly all heartbeats. */
  register(data: ConsumerData): Promise<void> | undefined {
    const group = data.groupName;
    const broadcasting = data.messageModel === 'BROADCASTING';
    const known = this.store.groups.get(group);
    const missing = broadcasting
      ? []
      : data.subscriptionDataSet
          .map(({ topic }) => topic)
          .filter((topic) => this.store.groups.registeredAt(group, topic) === undefined);
    if (known !== undefined && missing.length === 0) {
      this.store.groups.touch(group, true);
      return undefined;
    }
    return this.persist(data, missing, broadcasting);
  }

  private async persist(data: ConsumerData, missing: readonly string[], broadcasting: boolean): Promise<void> {
    const group = data.groupName;
    checkGroup(group);
    for (const topic of missing) checkTopic(topic);
    const { groups, progress } = this.store;
    if (groups.get(group) === undefined && groups.size >= MOST_GROUPS) {
      throw new MessagingError(
        'NO_PERMISSION',
        `Group ${group} is not registered: the broker knows ${groups.size} groups, more than it takes.`,
      );
    }
    const topics = Object.keys(groups.get(group)?.topics ?? {}).length + missing.length;
    if (topics > MOST_TOPICS_OF_GROUP) {
      throw new MessagingError(
        'NO_PERMISSION',
        `Group ${group} is not registered for ${missing.length} more topics: with them it would have ${topics}, more than a group may have.`,
      );
    }
    const logEnd = this.store.visibleOffset;
    // A Java client that pulls by itself says LAST whatever it was told, and looks for its start on its own.
    if (data.consumeFromWhere === 'CONSUME_FROM_LAST_OFFSET' && data.consumeType !== 'CONSUME_ACTIVELY')
      this.startAtEnd(group, missing);
    else if (data.startAt !== undefined) await this.startAt(group, missing, data.startAt);
    // Positions first: a crash in between leaves a group that registers again, not one that is registered without them.
    await progress.flush();
    const config = await groups.ensure(group, missing, logEnd);
    if (!broadcasting) await this.topics.ensureRetryTopic(group, config.retryQueueNums);
    groups.touch(group, true);
  }

  /** Queues that do not exist yet get no position: what they will hold is sent later than now. */
  private startAtEnd(group: string, missing: readonly string[]): void {
    for (const [topic, queueId] of this.unread(group, missing))
      this.store.progress.commit(group, topic, queueId, this.store.maxOffset(topic, queueId));
  }

  /** At a date that has passed. Younger queues begin at 0 whatever date a member names when it comes back. */
  private async startAt(group: string, missing: readonly string[], time: number): Promise<void> {
    for (const [topic, queueId] of this.unread(group, missing)) {
      const offset = await this.store.offsetByTime(topic, queueId, time);
      // Another member may have been faster, with a date of its own.
      if (this.store.progress.query(group, topic, queueId) === undefined)
        this.store.progress.commit(group, topic, queueId, offset);
    }
  }

  /** The queues of the topics in which the group has no position yet. */
  private *unread(group: string, topics: readonly string[]): IterableIterator<[string, number]> {
    for (const name of topics) {
      const topic = this.topics.get(name);
      if (topic === undefined || isRetryTopic(name)) continue;
      // A group at work that is not registered for its topic has met a deletion: what is there came after it.
      if (this.consumers.group(group)?.subscribes(name) === true) continue;
      for (let queueId = 0; queueId < Math.max(topic.readQueueNums, topic.writeQueueNums); queueId++)
        if (this.store.progress.query(group, name, queueId) === undefined) yield [name, queueId];
    }
  }
}
