import {
  decodeTopicStats,
  DEFAULT_TOPIC,
  ExtensionCode,
  type HoldKeysResponseHeader,
  createRequest,
  MessagingError,
  Permission,
  RequestCode,
  ResponseCode,
} from '../../protocol/index.js';
import type { TopicRoute } from '../connection/topic-route.js';
import type { AdminCalls, Master } from './admin-calls.js';
import type { GroupAdmin } from './group-admin.js';

/** @publicApi */
export interface WidenOptions {
  /**
   * Whether keys are spread over the new queues as well: sends with a key are refused (QUEUE_UNAVAILABLE, worth another
   * try) until every group has settled what was sent with one before. Default: false, keys stay with the queues they have.
   */
  keys?: boolean;
  /** With `keys`: groups that are not waited for, and may meet a key's later messages before its earlier ones. */
  except?: string[];
  /** With `keys`: how long the groups may take, in milliseconds. Default: 60,000. */
  timeoutMillis?: number;
  /** With `keys`: gives up waiting; the keys then stay where they are. */
  signal?: AbortSignal;
}

/** How wide a topic is. @publicApi */
export interface TopicWidth {
  topic: string;
  /** Queues of each of its brokers. */
  queues: number;
  /** How many of all its queues keys are spread over. */
  orderedQueues: number;
}

const DRAIN_MILLIS = 60_000;
/** Prolonged with every look; what is left of it when this client dies in between. */
const HOLD_MILLIS = 5_000;
const LOOK_MILLIS = 200;

/** Gives a topic more queues, and spreads its keys over them without losing their order. */
export class TopicWidener {
  constructor(
    private readonly calls: AdminCalls,
    private readonly groups: GroupAdmin,
    private readonly topic: string,
    private readonly queues: number,
  ) {}

  async widen(options: WidenOptions): Promise<TopicWidth> {
    const { core } = await this.calls.parts();
    const route = await this.calls.route(this.topic);
    const masters = this.calls.masters(route);
    const before = new Map(masters.map((master) => [master, queuesAt(route, master)]));
    for (const [{ brokerName }, count] of before) {
      if (count > this.queues)
        throw new MessagingError(
          'BAD_ARGUMENT',
          `The topic ${this.topic} has ${count} queues on ${brokerName}; it cannot become narrower (${this.queues}), their messages would be lost`,
        );
    }
    if (options.keys === true && masters.length > 1) {
      throw new MessagingError(
        'NOT_SUPPORTED',
        `The keys of ${this.topic} go over ${masters.length} brokers, and cannot be spread anew; widen it without \`keys\``,
      );
    }
    for (const [master, count] of before) if (count < this.queues) await this.order(master, route);
    if (options.keys === true) await this.spread(masters[0]!, options);
    await core.routes.refresh(this.topic);
    const after = await this.calls.route(this.topic);
    const orderedQueues = (after.orderedQueues ?? core.routes.orderedQueues(after)).length;
    return { topic: this.topic, queues: this.queues, orderedQueues };
  }

  /** Permission stays: a topic that takes no messages takes none afterwards. */
  private async order({ address }: Master, route: TopicRoute): Promise<void> {
    const { core } = await this.calls.parts();
    await core.brokers.createTopic(address, {
      topic: this.topic,
      defaultTopic: DEFAULT_TOPIC,
      readQueueNums: this.queues,
      writeQueueNums: this.queues,
      perm: route.writeQueues.length > 0 ? Permission.READ | Permission.WRITE : Permission.READ,
      topicFilterType: 'SINGLE_TAG',
      topicSysFlag: 0,
      order: false,
    });
  }

  /**
   * Stop, drain, switch. The broker refuses keyed sends under a hold of seconds, which is prolonged while groups settle
   * what came before. Should this process or the broker die in between, the hold lapses and all is as it was.
   */
  private async spread({ address }: Master, { except = [], timeoutMillis, signal }: WidenOptions): Promise<void> {
    const { core } = await this.calls.parts();
    const { clock, random } = core.platform;
    const { topic } = this;
    const holdId = `${core.clientId} ${random.below(0x7fff_ffff)}`;
    const hold = async (holdMillis: number, begin: boolean): Promise<boolean> => {
      const request = createRequest(ExtensionCode.HOLD_KEYS, { topic, holdId, holdMillis, begin });
      const response = await core.brokers.call(address, request);
      if (response.code === ResponseCode.REQUEST_CODE_NOT_SUPPORTED) throw notSupported(topic);
      if (response.code !== ResponseCode.SUCCESS) throw core.brokers.failure(response, request, address);
      return (response.header as HoldKeysResponseHeader).settled;
    };
    const known = await this.groups.of(topic);
    const unknown = except.find((group) => !known.includes(group));
    if (unknown !== undefined)
      throw new MessagingError('BAD_ARGUMENT', `topics.widen: ${unknown} in \`except\` is no group of ${topic}`);
    const deadline = clock.monotonic() + (timeoutMillis ?? DRAIN_MILLIS);
    const rest = async (waitsFor: string): Promise<void> => {
      if (clock.monotonic() >= deadline || signal?.aborted === true) throw gaveUp(topic, waitsFor, signal);
      await clock.sleep(LOOK_MILLIS, signal).catch(() => undefined);
    };
    let settled = await hold(HOLD_MILLIS, true);
    try {
      for (; !settled; settled = await hold(HOLD_MILLIS, false)) await rest('the disk');
      const ends = await this.ends(address);
      for (;;) {
        const behind = await this.behind(except, ends);
        await hold(HOLD_MILLIS, false);
        if (behind.length === 0) break;
        await rest(behind.join(', '));
      }
      await this.calls.ask(address, ExtensionCode.SPREAD_KEYS, { topic, holdId, orderedQueues: this.queues });
    } catch (error) {
      // Otherwise it lapses by itself.
      await hold(0, false).catch((cause: unknown) => {
        core.platform.logger.debug(`The keys of ${topic} are held for another moment: ${(cause as Error).message}`);
      });
      throw error;
    }
  }

  /** Where each queue ends; all that was sent with a key lies in front of that. */
  private async ends(address: string): Promise<ReadonlyMap<number, number>> {
    const stats = decodeTopicStats(
      await this.calls.ask(address, RequestCode.GET_TOPIC_STATS_INFO, { topic: this.topic }),
    );
    return new Map(stats.map(({ queue, maxOffset }) => [queue.queueId, maxOffset]));
  }

  /** The groups that have not settled all of it, for people. Broadcast groups have no positions to look at. */
  private async behind(except: readonly string[], ends: ReadonlyMap<number, number>): Promise<string[]> {
    const behind: string[] = [];
    // Also of groups that have come meanwhile.
    for (const group of await this.groups.of(this.topic)) {
      if (except.includes(group)) continue;
      let left = 0;
      for (const { rows } of await this.groups.progress(group, this.topic)) {
        for (const { queue, consumerOffset } of rows)
          left += Math.max(0, (ends.get(queue.queueId) ?? 0) - consumerOffset);
      }
      if (left > 0) behind.push(`${group} (${left} messages)`);
    }
    return behind;
  }
}

function queuesAt(route: TopicRoute, { brokerName }: Master): number {
  const count = (queues: TopicRoute['readQueues']): number =>
    queues.filter((queue) => queue.brokerName === brokerName).length;
  return Math.max(count(route.readQueues), count(route.writeQueues));
}

function gaveUp(topic: string, waitsFor: string, signal: AbortSignal | undefined): MessagingError {
  const why = signal?.aborted === true ? 'it was called off' : 'the time was over';
  return new MessagingError(
    'TIMEOUT',
    `The keys of ${topic} stay where they are: ${why} while waiting for ${waitsFor}. Have them settle what waits, or name them in \`except\``,
  );
}

function notSupported(topic: string): MessagingError {
  return new MessagingError(
    'NOT_SUPPORTED',
    `The broker of ${topic} cannot spread keys over more queues; widen it without \`keys\``,
  );
}
