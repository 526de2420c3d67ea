import { javaHashCode, type MessageQueue } from '../../protocol/index.js';
import type { GroupContext } from '../consumer/group-context.js';

/** Offsets of 0 may mean that there is none. */
const MARK = 1;

/**
 * Which topics a group has registered for, kept on Apache's brokers: those remember no group of a topic in which it has no
 * position, so what comes into being while a group rests would look to it like a topic from before its time, and be
 * skipped. The mark of a topic is a position of the group in its retry topic, in a queue that the topic does not have.
 */
export class ApacheMarks {
  constructor(private readonly group: GroupContext) {}

  /** Those of the topics for which the group has been registered before. */
  async known(topics: readonly string[]): Promise<Set<string>> {
    const { core, settings } = this.group;
    const known = new Set<string>();
    const brokers = this.brokers();
    await Promise.all(
      topics.flatMap((topic) =>
        brokers.map(async (brokerName) => {
          const found = await core.brokers.queryOffset(settings.group, this.queueOf(topic, brokerName), true);
          if (found?.offset === MARK) known.add(topic);
        }),
      ),
    );
    return known;
  }

  /** A broker that takes none costs no more than what is missed while the group rests. */
  async add(topics: readonly string[]): Promise<void> {
    const { core, settings } = this.group;
    const places = topics.flatMap((topic) => this.brokers().map((brokerName) => this.queueOf(topic, brokerName)));
    const added = await Promise.allSettled(
      places.map((queue) => core.brokers.commitOffset(settings.group, queue, MARK)),
    );
    const refused = added.find((result) => result.status === 'rejected');
    if (refused === undefined) return;
    core.platform.logger.warn(
      `The group ${settings.group} could not note what it listens to, and may miss what is sent to a new topic before it ` +
        `starts again: ${(refused.reason as Error).message}`,
    );
  }

  private brokers(): string[] {
    const queues = this.group.core.routes.peek(this.group.retryTopic)?.readQueues ?? [];
    return [...new Set(queues.map(({ brokerName }) => brokerName))];
  }

  /** Far above the queues that a retry topic can have. */
  private queueOf(topic: string, brokerName: string): MessageQueue {
    const queueId = 0x4000_0000 + (javaHashCode(topic) & 0x3fff_ffff);
    return { topic: this.group.retryTopic, brokerName, queueId };
  }
}
