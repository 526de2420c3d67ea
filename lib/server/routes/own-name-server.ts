import type { Broker } from '../../broker/index.js';
import { type KvConfig, type LocalBroker, NameServer } from '../../nameserver/index.js';
import type { Platform } from '../../platform/index.js';
import type { Channel, RequestHandler } from '../../remoting/index.js';
import { announced, announcedTopics } from './announced-topics.js';
import type { Announcer } from './announcer.js';

/** A NameServer beside the broker, on the same channels. */
export class OwnNameServer implements Announcer {
  private readonly nameServer: NameServer;
  private readonly local: LocalBroker;

  constructor(
    private readonly broker: Broker,
    readonly address: string,
    private readonly forOthers: boolean,
    platform: Platform,
    kv: KvConfig,
  ) {
    this.nameServer = new NameServer(platform, {}, kv);
    const { name, cluster } = broker.options;
    this.local = { brokerName: name, clusterName: cluster, address };
  }

  get handlers(): ReadonlyMap<number, RequestHandler> {
    return this.nameServer.handlers;
  }

  attach(channel: Channel): void {
    this.nameServer.attach(channel);
  }

  async start(): Promise<void> {
    const { broker, nameServer, local } = this;
    nameServer.announce(local, announcedTopics(broker, this.forOthers));
    broker.topics.onChange((name, topic) => {
      if (topic === undefined) nameServer.withdrawTopic(local, name);
      else nameServer.announce(local, [announced(topic)]);
    });
    nameServer.start();
  }

  async stop(): Promise<void> {
    this.nameServer.stop();
  }

  registrations(): [] {
    return [];
  }
}
