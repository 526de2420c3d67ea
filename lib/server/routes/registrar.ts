import type { Broker } from '../../broker/index.js';
import type { Platform } from '../../platform/index.js';
import {
  createRequest,
  type DataVersion,
  encodeRegisterBrokerBody,
  type RegisterBrokerRequestHeader,
  type RemotingCommand,
  RequestCode,
  type UnregisterBrokerRequestHeader,
} from '../../protocol/index.js';
import type { Connector, RequestHandler } from '../../remoting/index.js';
import { announcedTopics } from './announced-topics.js';
import type { Announcer, Registration } from './announcer.js';
import { type Announcements, NameServerLink } from './name-server-link.js';

/** How long a topic that is new waits for NameServers to know it before its maker is answered. */
const NEWS_MILLIS = 1_000;
/** How long a start waits for NameServers, so that clients find the broker as soon as it says that it is there. */
const START_MILLIS = 3_000;
const MASTER_ID = 0;

/** Registers the broker at NameServers elsewhere, ours and Apache's; each on its own, whatever happens to the others. */
export class Registrar implements Announcer {
  /** NameServer requests are not served here. */
  readonly handlers: ReadonlyMap<number, RequestHandler> = new Map();
  private readonly links: readonly NameServerLink[];
  private readonly version: DataVersion;

  constructor(
    private readonly broker: Broker,
    readonly address: string,
    { nameServers, registerMillis }: { readonly nameServers: readonly string[]; readonly registerMillis: number },
    connector: Connector,
    private readonly platform: Platform,
  ) {
    // Another time than that of the run before: a NameServer takes over only what has another version.
    this.version = { counter: 0, stateVersion: 0, timestamp: platform.clock.now() };
    const requests: Announcements = { register: () => this.registration(), unregister: () => this.goodbye() };
    this.links = nameServers.map(
      (nameServer) => new NameServerLink(nameServer, connector, requests, registerMillis, platform),
    );
  }

  attach(): void {}

  async start(): Promise<void> {
    this.broker.topics.onChange(() => {
      this.version.counter++;
      return this.tell();
    });
    await this.within(
      START_MILLIS,
      this.links.map((link) => link.register()),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.links.map((link) => link.stop()));
  }

  registrations(): Registration[] {
    return this.links.map(({ state }) => state);
  }

  /** Whoever makes a topic looks for its route next. */
  private tell(): Promise<void> {
    return this.within(
      NEWS_MILLIS,
      this.links.map((link) => link.changed()),
    );
  }

  /** A NameServer that does not answer holds up nothing for longer. */
  private async within(milliseconds: number, told: readonly Promise<void>[]): Promise<void> {
    const enough = new AbortController();
    const late = this.platform.clock.sleep(milliseconds, enough.signal).catch(() => undefined);
    await Promise.race([Promise.all(told), late]);
    enough.abort();
  }

  private registration(): RemotingCommand {
    const { name, cluster } = this.broker.options;
    const topics = announcedTopics(this.broker, true);
    const header: RegisterBrokerRequestHeader = {
      brokerName: name,
      brokerAddr: this.address,
      clusterName: cluster,
      // Nothing is replicated; required all the same.
      haServerAddr: this.address,
      brokerId: MASTER_ID,
      enableActingMaster: false,
      compressed: false,
      bodyCrc32: 0,
      allTopics: true,
    };
    const body = encodeRegisterBrokerBody({
      dataVersion: { ...this.version },
      topicConfigTable: new Map(topics.map((topic) => [topic.topicName, topic])),
      filterServerList: [],
    });
    return createRequest(RequestCode.REGISTER_BROKER, header, body);
  }

  private goodbye(): RemotingCommand {
    const { name, cluster } = this.broker.options;
    const header: UnregisterBrokerRequestHeader = {
      brokerName: name,
      brokerAddr: this.address,
      clusterName: cluster,
      brokerId: MASTER_ID,
    };
    return createRequest(RequestCode.UNREGISTER_BROKER, header);
  }
}
