import { LOCK_GROUP_PREFIX, messageQueueKey, type MessageQueue } from '../../protocol/index.js';
import { ConsumeMode } from '../consume-mode.js';
import type { GroupContext } from './group-context.js';

/** How long a lock counts after the broker confirmed it; the broker itself keeps it for 60 s. */
const VALID_MILLIS = 30_000;
export const LOCK_RENEWAL_MILLIS = 20_000;

/**
 * The group's locks on queues, kept by their brokers. Orderly groups need them for their order. Concurrent groups take
 * them too: the member that gives a queue up unlocks it once its handlers have ended, so that none of their messages is
 * handled twice when members come and go.
 */
export class QueueLocks {
  private readonly until = new Map<string, number>();
  private readonly wanted = new Map<string, MessageQueue>();

  constructor(private readonly group: GroupContext) {}

  /** Keys of the queues that are ours now. A broker that cannot be asked gives none. */
  async acquire(queues: readonly MessageQueue[]): Promise<Set<string>> {
    const { core, settings } = this.group;
    const held = new Set<string>();
    await Promise.all(
      [...byBroker(queues)].map(async ([brokerName, ofBroker]) => {
        const asked = core.platform.clock.monotonic();
        try {
          const locked = await core.brokers.lock(brokerName, await this.owner(brokerName), core.clientId, ofBroker);
          // What the broker does not confirm counts for nothing from now on.
          for (const queue of ofBroker) this.until.delete(messageQueueKey(queue));
          for (const queue of locked) {
            const key = messageQueueKey(queue);
            held.add(key);
            this.wanted.set(key, queue);
            this.until.set(key, asked + VALID_MILLIS);
          }
        } catch (error) {
          core.platform.logger.warn(
            `The group ${settings.group} could not lock queues of ${brokerName}: ${(error as Error).message}`,
          );
        }
      }),
    );
    return held;
  }

  holds(queue: MessageQueue & { key: string }): boolean {
    return (this.until.get(queue.key) ?? 0) > this.group.core.platform.clock.monotonic();
  }

  /**
   * Every 20 s. Keys of the queues whose lock the broker no longer confirms: another member has it. While a broker cannot
   * be asked, its locks run out by themselves.
   */
  async renew(): Promise<Set<string>> {
    const queues = [...this.wanted.values()];
    if (queues.length === 0) return new Set();
    const before = new Map(this.until);
    const held = await this.acquire(queues);
    const refused = queues
      .map(messageQueueKey)
      .filter((key) => !held.has(key) && before.has(key) && !this.until.has(key));
    return new Set(refused);
  }

  /** Orderly members of RocketMQ's own clients are to be kept out of a queue, so those lock under the group's name. */
  private async owner(brokerName: string): Promise<string> {
    const { core, settings } = this.group;
    if (settings.mode === ConsumeMode.ORDERLY) return settings.group;
    const { kind } = await core.capabilities.of(core.brokers.master(brokerName));
    return kind === 'ours' ? settings.group : LOCK_GROUP_PREFIX + settings.group;
  }

  /** Never rejects: a lock that is not given back runs out at the broker. */
  async release(queues: readonly MessageQueue[]): Promise<void> {
    const { core } = this.group;
    for (const queue of queues) {
      this.until.delete(messageQueueKey(queue));
      this.wanted.delete(messageQueueKey(queue));
    }
    await Promise.all(
      [...byBroker(queues)].map(async ([brokerName, ofBroker]) => {
        try {
          await core.brokers.unlock(brokerName, await this.owner(brokerName), core.clientId, ofBroker);
        } catch (error) {
          core.platform.logger.debug(
            `Queues of ${brokerName} stay locked until that runs out: ${(error as Error).message}`,
          );
        }
      }),
    );
  }
}

function byBroker(queues: readonly MessageQueue[]): Map<string, MessageQueue[]> {
  const brokers = new Map<string, MessageQueue[]>();
  for (const { topic, brokerName, queueId } of queues) {
    const ofBroker = brokers.get(brokerName);
    if (ofBroker === undefined) brokers.set(brokerName, [{ topic, brokerName, queueId }]);
    else ofBroker.push({ topic, brokerName, queueId });
  }
  return brokers;
}
