import type { Timer } from '../../platform/index.js';
import { compareMessageQueues, Namespace } from '../../protocol/index.js';
import { allocate } from './allocate.js';
import type { Assignment } from './assignment.js';
import { ConsumeMode } from '../consume-mode.js';
import type { GroupContext } from './group-context.js';
import { compareText, type TopicRoute } from '../connection/topic-route.js';

/** Divides the queues of a group's topics among its members; each member computes the same from the same lists. */
export class Rebalancer {
  private running: Promise<void> | undefined;
  private again = false;
  private closed = false;
  private lastMembers: readonly string[] = [];
  private timer: Timer | undefined;

  constructor(
    private readonly group: GroupContext,
    private readonly assignment: Assignment,
    private readonly topics: () => readonly string[],
  ) {}

  /** Runs now, or once more after the run that is under way. Never rejects. */
  async request(): Promise<void> {
    if (this.running !== undefined) {
      this.again = true;
      return this.running;
    }
    this.running = this.run().finally(() => (this.running = undefined));
    return this.running;
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }

  private async run(): Promise<void> {
    do {
      this.again = false;
      this.group.core.counters.rebalances++;
      await Promise.all(this.topics().map((topic) => this.balance(topic)));
    } while (this.again && !this.closed);
  }

  private async balance(topic: string): Promise<void> {
    const { core, settings } = this.group;
    try {
      const route = core.routes.peek(topic);
      if (this.closed || route === undefined || route.provisional) return;
      const queues = route.readQueues.toSorted(compareMessageQueues);
      if (settings.mode === ConsumeMode.BROADCAST) return await this.assignment.assign(topic, queues);
      const members = await this.members(route);
      // Not to be on the list means that the broker has lost us: the next heartbeat mends that, until then all stays.
      if (this.closed || members === undefined || !members.includes(core.clientId)) return;
      const { group, rebalance = core.settings.rebalance } = settings;
      const context = { group, topic, queues, members, self: core.clientId };
      await this.assignment.assign(topic, allocate(rebalance, context, this.realName(topic)));
    } catch (error) {
      core.platform.logger.warn(
        `The queues of ${topic} stay as they are divided in the group ${settings.group}: ${(error as Error).message}`,
      );
    }
  }

  private realName(topic: string): string {
    const { namespace } = this.group.core.settings;
    return namespace === undefined ? topic : new Namespace(namespace).wrapTopic(topic);
  }

  /** Undefined while a list that lacks known members cannot be believed. */
  private async members(route: TopicRoute): Promise<readonly string[] | undefined> {
    const { core, settings } = this.group;
    const addresses = [...route.brokers.values()].flatMap((broker) => [...broker.values()]);
    let failure: unknown;
    for (const address of addresses) {
      try {
        const members = [...new Set(await core.brokers.consumerList(address, settings.group))].toSorted(compareText);
        const lacking = this.lastMembers.some((member) => !members.includes(member));
        // A broker that has just come back does not know all members yet; each of them reconnects by itself.
        if (lacking && core.brokers.isBack(address, core.settings.memberReturnMillis)) {
          this.tryLater();
          return undefined;
        }
        this.lastMembers = members;
        return members;
      } catch (error) {
        failure = error;
      }
    }
    throw failure ?? new Error('no broker has the topic');
  }

  private tryLater(): void {
    this.timer?.cancel();
    const { platform, settings } = this.group.core;
    this.timer = platform.clock.after(settings.memberReturnMillis, () => void this.request());
  }
}
