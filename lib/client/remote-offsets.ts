import type { MessageQueue } from '../protocol/index.js';
import type { GroupContext } from './group-context.js';
import { startOffset, type OffsetStore, type QueuePosition } from './offset-store.js';

/** Positions at the brokers, shared by all members of the group. */
export class RemoteOffsets implements OffsetStore {
  constructor(private readonly group: GroupContext) {}

  async initialise(queues: readonly MessageQueue[]): Promise<void> {
    await Promise.all(queues.map((queue) => this.initialiseQueue(queue)));
  }

  async read(queue: MessageQueue): Promise<number> {
    const { core, settings, retryTopic } = this.group;
    const stored = await core.brokers.queryOffset(settings.group, queue, false);
    if (stored !== undefined) return stored;
    // What was there when the group registered got its position then; this queue is younger, and nothing of it is old.
    // A date may still lie ahead of it.
    if (queue.topic === retryTopic || !(settings.from instanceof Date)) return 0;
    return startOffset(this.group, queue);
  }

  async save(positions: readonly QueuePosition[]): Promise<void> {
    const { core, settings } = this.group;
    for (const { queue, offset } of positions) {
      if (offset === queue.persistedOffset) continue;
      if (core.brokers.commitOffsetOneway(settings.group, queue, offset)) queue.persistedOffset = offset;
    }
  }

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

  // Our broker stores the latest positions itself with the group's first heartbeat; then there is nothing left to do.
  private async initialiseQueue(queue: MessageQueue): Promise<void> {
    const { core, settings, retryTopic } = this.group;
    if ((await core.brokers.queryOffset(settings.group, queue, true)) !== undefined) return;
    const offset = queue.topic === retryTopic ? 0 : await startOffset(this.group, queue);
    await core.brokers.commitOffset(settings.group, queue, offset);
  }
}
