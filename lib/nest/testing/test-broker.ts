import { type ConsumerState, NamespacedConnector } from '../../client/index.js';
import type { Platform } from '../../platform/index.js';
import {
  createRequest,
  isDeadLetterTopic,
  isRetryTopic,
  isSystemTopic,
  MessagingError,
  type Namespace,
  type RemotingCommand,
} from '../../protocol/index.js';
import type { Channel } from '../../remoting/index.js';
import { BrokerHost, type BrokerSettings, type EmbeddedBrokerSettings } from '../../server/index.js';

const REQUEST_MILLIS = 3000;

/** What a broker of its own is told and a shared one in memory must not be. */
const NOT_SHARED: readonly string[] = [
  'run',
  'store',
  'listen',
  'advertisedAddress',
  'nameServer',
  'registerMillis',
  'insecure',
  'memory',
  'flush',
  'segmentBytes',
] satisfies (keyof EmbeddedBrokerSettings)[];

export function startInMemory(settings: BrokerSettings, platform: Platform): Promise<BrokerHost> {
  return BrokerHost.start({ ...shared(settings), memory: true }, platform);
}

/** One broker in memory as one namespace sees it, or those that have none: all connections of its name share it. */
export class TestBroker {
  private channel: Channel | undefined;

  constructor(
    readonly name: string,
    readonly host: BrokerHost,
    private readonly namespace: Namespace | undefined,
    /** All that there are: without one of its own it sees what is in none. */
    private readonly namespaces: Iterable<Namespace>,
  ) {}

  /** By the names that its applications know. */
  topics(): { name: string; ends: number[] }[] {
    const { namespace } = this;
    const own = this.host.topics().filter(({ name }) => isSystemTopic(name) || this.owns(name));
    return own.map(({ name, ends }) => ({ name: namespace?.unwrap(name) ?? name, ends }));
  }

  /** Whether a name, as the broker knows it, is of this namespace. */
  owns(name: string): boolean {
    if (this.namespace !== undefined) return this.namespace.owns(name);
    return ![...this.namespaces].some((other) => other.owns(name));
  }

  /** Properties, as the broker has them, with the names that its applications know. */
  ownProperties(properties: string): string {
    return this.namespace?.unwrapProperties(properties) ?? properties;
  }

  /** The same broker with the names that it knows itself. */
  get bare(): TestBroker {
    return this.namespace === undefined ? this : new TestBroker(this.name, this.host, undefined, []);
  }

  /** What a further application says about the broker: its topics are there for it as well. */
  async join(settings: BrokerSettings): Promise<void> {
    const topics = (settings.topics ?? []).map((topic) => (typeof topic === 'string' ? { name: topic } : topic));
    await this.host.declare(topics);
  }

  /** The topics that groups read: what the first send to each would make anyway, without the time to notice it. */
  async prepare(topics: readonly string[]): Promise<void> {
    if (!this.host.createsTopics) return;
    const own = topics.filter((name) => !isRetryTopic(name) && !isDeadLetterTopic(name) && !isSystemTopic(name));
    await this.host.declare(own.map((name) => ({ name: this.namespace?.wrapTopic(name) ?? name })));
  }

  /** Of messages that can be seen: those which no member of a running group has fetched or waits for. */
  undelivered(consumers: readonly ConsumerState[]): string[] {
    const found: string[] = [];
    const topics = this.topics();
    for (const { group, started, paused, topics: read, queues } of consumers) {
      if (!started || paused) continue;
      for (const { name, ends } of topics) {
        if (!read.includes(name)) continue;
        ends.forEach((end, queueId) => {
          if (end === 0 || queues.some((queue) => queue.topic === name && queue.queueId === queueId)) return;
          // Another member of the group may have it, here or in another application.
          const elsewhere = consumers.some(
            (other) =>
              other.group === group && other.queues.some((queue) => queue.topic === name && queue.queueId === queueId),
          );
          if (!elsewhere) found.push(`queue ${queueId} of ${name}, which no member of the group ${group} has yet`);
        });
      }
    }
    return found;
  }

  /** Asks the broker, as a client would. Rejects with BROKER_ERROR for every answer that is no success. */
  async ask(code: number, header: object, body?: Buffer): Promise<RemotingCommand> {
    const { connector } = this.host;
    const mine = this.namespace === undefined ? connector : new NamespacedConnector(connector, this.namespace);
    this.channel ??= await mine.connect('test kit');
    const response = await this.channel.invoke(createRequest(code, header, body), REQUEST_MILLIS);
    if (response.code === 0) return response;
    throw new MessagingError('BROKER_ERROR', `the test kit's request ${code}: ${response.remark ?? response.code}`);
  }
}

function shared(settings: BrokerSettings): BrokerSettings {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !NOT_SHARED.includes(name)));
}
