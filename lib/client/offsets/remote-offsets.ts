import { messageQueueKey, type MessageQueue, type QueryConsumerOffsetResponseHeader } from '../../protocol/index.js';
import type { GroupContext } from '../consumer/group-context.js';
import { ApacheMarks } from './apache-marks.js';
import { startOffset, suspectsText, type OffsetStore, type QueuePosition, type StartPosition } from './offset-store.js';
import { ResponseError } from '../connection/response-error.js';

/** Our broker writes positions down every second. */
const POSITION_MILLIS = 2000;

/** Positions at the brokers, shared by all members of the group. */
export class RemoteOffsets implements OffsetStore {
  private readonly marks: ApacheMarks;

  constructor(private readonly group: GroupContext) {
    this.marks = new ApacheMarks(group);
  }

  async initialise(queues: readonly MessageQueue[], topics: readonly string[]): Promise<void> {
    const { core, retryTopic } = this.group;
    const addresses = core.routes.masterAddresses();
    const kinds = await Promise.all(addresses.map(async (address) => (await core.capabilities.of(address)).kind));
    if (kinds.every((kind) => kind === 'ours')) {
      await Promise.all(queues.map((queue) => this.initialiseQueue(queue)));
      return;
    }
    const own = topics.filter((topic) => topic !== retryTopic);
    const known = await this.marks.known(own);
    await Promise.all(queues.map((queue) => this.initialiseQueue(queue, known.has(queue.topic))));
    await this.marks.add(own.filter((topic) => !known.has(topic)));
  }

  async read(queue: MessageQueue): Promise<StartPosition> {
    const { core, settings, retryTopic } = this.group;
    const looksUp = settings.from instanceof Date && queue.topic !== retryTopic;
    // Apache's broker otherwise says 0 of a queue whose begin is in memory, which would be all that is older than the date.
    const stored = await core.brokers.queryOffset(settings.group, queue, looksUp);
    if (stored !== undefined) return this.position(queue, stored);
    // What was there when the group registered got its position then; this queue is younger, and nothing of it is old.
    if (!looksUp) {
      // Apache's broker knows the groups of a topic by their positions.
      const { kind } = await core.capabilities.of(core.brokers.master(queue.brokerName));
      if (kind !== 'ours') await core.brokers.commitOffset(settings.group, queue, 0);
      return { offset: 0 };
    }
    // A date may still lie ahead of it, or the NameServer learned of the topic after the group had asked. It is looked up once:
    // at the next start it may be another date, behind messages that nobody has seen.
    const offset = await startOffset(this.group, queue);
    await core.brokers.commitOffset(settings.group, queue, offset);
    return { offset };
  }

  async save(positions: readonly QueuePosition[]): Promise<void> {
    const { core, settings } = this.group;
    for (const { queue, offset } of positions) {
      if (offset === queue.persistedOffset) continue;
      if (core.brokers.commitOffsetOneway(settings.group, queue, offset)) queue.persistedOffset = offset;
    }
  }

  /** The broker has done so when it deleted the topic. */
  async forget(): Promise<void> {}

  async close(): Promise<void> {}

  async saveNow(positions: readonly QueuePosition[]): Promise<void> {
    const { core, settings } = this.group;
    await Promise.all(
      positions.map(async ({ queue, offset }) => {
        try {
          await core.brokers.commitOffset(settings.group, queue, offset);
          queue.persistedOffset = offset;
        } catch (error) {
          core.platform.logger.warn(
            `The group ${settings.group} could not store its position ${offset} in ${queue.topic}@${queue.brokerName}:${queue.queueId}; ` +
              `messages since the last one may come again: ${(error as Error).message}`,
          );
        }
      }),
    );
  }

  async secure(queue: QueuePosition['queue'], offset: number): Promise<boolean> {
    const { core, settings } = this.group;
    try {
      await core.brokers.commitOffset(settings.group, queue, offset, { durable: true });
      queue.persistedOffset = offset;
      return true;
    } catch (error) {
      core.platform.logger.warn(
        `The group ${settings.group} cannot store its position ${offset} in ${messageQueueKey(queue)} for certain: ${(error as Error).message}`,
      );
      return false;
    }
  }

  private position(queue: MessageQueue, stored: QueryConsumerOffsetResponseHeader): StartPosition {
    const { offset, deaths, suspectsUntil: until, killer } = stored;
    if (deaths === undefined || until === undefined || until <= offset) return { offset };
    this.group.core.platform.logger.warn(suspectsText(this.group, queue, deaths, until));
    return {
      offset,
      suspicion: {
        deaths,
        until,
        killer,
        announce: (at, done) => this.announce(queue, at, done),
        leaveBehind: (position, stopping) => this.leaveBehind(queue, position, stopping),
      },
    };
  }

  private async announce({ brokerName, topic, queueId }: MessageQueue, offset: number, done: boolean): Promise<void> {
    const { brokers, heartbeats } = this.group.core;
    const header = { consumerGroup: this.group.settings.group, topic, queueId, queueOffset: offset, done };
    try {
      await brokers.handleAlone(brokerName, header);
    } catch (error) {
      if (!(error instanceof ResponseError) || error.code !== 'GROUP_NOT_FOUND') throw error;
      await heartbeats.repeat(brokers.master(brokerName));
      await brokers.handleAlone(brokerName, header);
    }
  }

  private async leaveBehind(queue: MessageQueue, position: number, stopping: AbortSignal): Promise<void> {
    const { brokers, platform } = this.group.core;
    try {
      await brokers.commitOffset(this.group.settings.group, queue, position);
      await platform.clock.sleep(POSITION_MILLIS, stopping);
    } catch (error) {
      platform.logger.debug(
        `The position ${position} in ${messageQueueKey(queue)} may come back: ${(error as Error).message}`,
      );
    }
  }

  // Our broker stores the latest positions itself with the group's first heartbeat, and knows that a queue without one is
  // younger than the group; then there is nothing left to do.
  private async initialiseQueue(queue: MessageQueue, isYounger = false): Promise<void> {
    const { core, settings, retryTopic } = this.group;
    if ((await core.brokers.queryOffset(settings.group, queue, true)) !== undefined) return;
    const fromZero = queue.topic === retryTopic || (isYounger && !(settings.from instanceof Date));
    const offset = fromZero ? 0 : await startOffset(this.group, queue);
    await core.brokers.commitOffset(settings.group, queue, offset);
  }
}
