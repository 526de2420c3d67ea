import { isRetryTopic, MessagingError } from '../protocol/index.js';
import type { MessageStore, TopicConfig } from '../store/index.js';
import type { Consumers } from './consumers.js';
import type { TopicManager } from './topic-manager.js';

/** The rules around consumer positions; the positions themselves are the store's. */
export class OffsetBook {
  /** Positions that pulls brought along and that could not be: of unknown groups, beyond the queue's end. */
  refused = 0;

  constructor(
    private readonly store: MessageStore,
    private readonly topics: TopicManager,
    private readonly consumers: Consumers,
  ) {}

  /** The topic, if it has this queue. */
  queueOf(name: string, queueId: number): TopicConfig {
    const topic = this.topics.get(name);
    if (topic === undefined) throw new MessagingError('TOPIC_NOT_FOUND', `There is no topic ${name} on this broker.`);
    if (queueId >= 0 && queueId < Math.max(topic.readQueueNums, topic.writeQueueNums)) return topic;
    throw new MessagingError('BAD_ARGUMENT', `Topic ${name} has no queue ${queueId}; it has ${topic.readQueueNums}.`);
  }

  /**
   * Stores the position of a known group; one below the stored one changes nothing.
   * @throws MessagingError GROUP_NOT_FOUND, TOPIC_NOT_FOUND, BAD_ARGUMENT, OFFSET_OUT_OF_RANGE beyond the queue's end.
   */
  commit(group: string, topic: string, queueId: number, offset: number): void {
    if (this.store.groups.get(group) === undefined) {
      throw new MessagingError(
        'GROUP_NOT_FOUND',
        `There is no consumer group ${group} on this broker; it appears with its first heartbeat.`,
      );
    }
    this.queueOf(topic, queueId);
    const end = this.store.maxOffset(topic, queueId);
    if (offset > end) {
      throw new MessagingError(
        'OFFSET_OUT_OF_RANGE',
        `Group ${group} commits ${offset} in queue ${queueId} of ${topic}, which ends at ${end}; pull to learn where to go on.`,
      );
    }
    this.store.progress.commit(group, topic, queueId, offset);
  }

  /**
   * For a pull that carries a position: a wrong one must not fail the pull, whose answer tells the client where to go on.
   */
  commitWithPull(group: string, topic: string, queueId: number, offset: number): void {
    if (
      this.store.groups.get(group) === undefined ||
      !(offset >= 0 && offset <= this.store.maxOffset(topic, queueId))
    ) {
      this.refused++;
      return;
    }
    this.store.progress.commit(group, topic, queueId, offset);
  }

  /**
   * Where the group goes on in the queue; undefined: the client has to choose.
   *
   * A group that has registered for the topic and has no position in a queue met the queue after it had registered (or
   * wants everything): it starts with the queue's first message, also for a client that asks to be told when there is no
   * position (`setZeroIfNotFound: false`). That one would begin at the end, behind all that was sent while the group was
   * away. Only a start at a date that the broker was not told is for the client to look up.
   */
  query(group: string, topic: string, queueId: number): number | undefined {
    const stored = this.store.progress.query(group, topic, queueId);
    if (stored !== undefined) return stored;
    if (this.store.groups.registeredAt(group, topic) === undefined) return undefined;
    // What waits in the retry topic is the group's own, whatever date it began at.
    if (!isRetryTopic(topic) && this.consumers.group(group)?.looksUpItsStart === true) return undefined;
    return this.store.minOffset(topic, queueId);
  }

  /**
   * Where a consumer goes on that asks for what lies beyond the queue's end: its queue has lost its end in a crash, or
   * belongs to a successor of its topic. The end would skip what has come since, which the group has not seen.
   */
  goOn(group: string, topic: string, queueId: number): number {
    const end = this.store.maxOffset(topic, queueId);
    const position = this.query(group, topic, queueId);
    return position === undefined ? end : Math.min(position, end);
  }
}
