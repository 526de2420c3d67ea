import { totalmem } from 'node:os';
import { Broker, type BrokerFigures, serveByTable } from '../broker/index.js';
import { KvConfig } from '../nameserver/index.js';
import { type FileLock, MemoryFileSystem, type Platform, systemPlatform } from '../platform/index.js';
import { createResponse, MessagingError, type RemotingCommand, ResponseCode } from '../protocol/index.js';
import {
  type Channel,
  type Connector,
  IN_PROCESS_ADDRESS,
  InProcessConnector,
  type RequestHandler,
  SigningConnector,
  TcpConnector,
  TcpServer,
} from '../remoting/index.js';
import { MessageStore, type StoreHealth } from '../store/index.js';
import { advertisedAddress, storeHostOf } from './advertised.js';
import type { Announcer, Registration } from './routes/announcer.js';
import { OwnNameServer } from './routes/own-name-server.js';
import { Registrar } from './routes/registrar.js';
import { type BrokerSettings, type ResolvedSettings, resolveSettings } from './settings/broker-settings.js';
import type { TopicSetting } from './settings/topics.js';
import { lockStore } from './store-lock.js';
import type { AccessGuard } from './access/access-guard.js';
import { loadAccounts } from './access/accounts.js';
import { guardOf } from './access/guard-of.js';
import { describeHost } from './summary.js';
import { loadTls } from './tls-material.js';

/** Stands in the records of a broker that nobody can connect to. */
const NO_ADDRESS = '127.0.0.1:0';
/** Named in messages for operators, such as that of a memory that is full. */
const MEMORY_PATH = '/memory';
/** Share of the memory that this process may use which a broker in memory takes for the whole of its disk. */
const MEMORY_SHARE = 0.5;

const MEMORY_CHECKPOINT_MILLIS = 60_000;

export interface HostHealth {
  readonly state: 'running' | 'stopped';
  readonly store: StoreHealth;
  readonly broker: BrokerFigures;
  readonly connections: number;
  /** At which NameServers the broker is registered; none when it is its own. */
  readonly registrations: readonly Registration[];
}

/** What is there once a host has started. */
interface Parts {
  readonly platform: Platform;
  readonly settings: ResolvedSettings;
  readonly lock: FileLock | undefined;
  readonly listener: TcpServer | undefined;
  /** Undefined without access control. */
  readonly guard: AccessGuard | undefined;
  readonly store: MessageStore;
  readonly broker: Broker;
  readonly announcer: Announcer;
  readonly channels: Set<Channel>;
  readonly serve: RequestHandler;
}

/**
 * A broker with all that it needs in one process: store and lock, broker, NameServer, the way in for clients of this
 * process, and a listener if wanted. NameServer and broker answer on the same channels.
 */
export class BrokerHost {
  /** Leads every address to this broker, without a network. */
  readonly connector: Connector;
  /** `ip:port` that is listened on; undefined without `listen`. */
  readonly address: string | undefined;
  /** Absolute; undefined in memory. */
  readonly storePath: string | undefined;
  private stopping: Promise<void> | undefined;

  /**
   * Resolves when messages can be sent.
   * @param claim For `SharedBroker`: the lock on the store, taken already. It goes over to the host, also when that cannot start.
   * @param clientsLive For `SharedBroker`: whether the clients of this process have outlived the broker before.
   * @throws MessagingError CONFIGURATION, STORE_LOCKED, STORE_NEWER, STORE_DAMAGED.
   */
  static async start(
    settings: BrokerSettings = {},
    platform: Platform = systemPlatform(),
    claim?: FileLock,
    clientsLive = false,
  ): Promise<BrokerHost> {
    const resolved = resolveSettings(settings);
    const world = resolved.memory ? { ...platform, fileSystem: new MemoryFileSystem(memoryLimit()) } : platform;
    const undo: (() => Promise<void>)[] = [];
    try {
      return new BrokerHost(await open(resolved, world, undo, claim, clientsLive));
    } catch (error) {
      for (const step of undo.reverse()) {
        await step().catch((cause: unknown) =>
          platform.logger.error('A broker that could not start did not clean up behind itself', cause),
        );
      }
      throw error;
    }
  }

  private constructor(private readonly parts: Parts) {
    const { platform, settings, listener } = parts;
    const inside: Connector = new InProcessConnector((channel) => accept(channel, parts), platform.clock);
    this.connector = { connect: (address) => (this.stopping === undefined ? inside.connect(address) : stopped()) };
    this.address = listener?.address;
    this.storePath = settings.memory ? undefined : settings.store;
  }

  /** One line for the log: what is stored where, what a crash can cost, who can connect. */
  summary(): string {
    return describeHost(this.parts.settings, this.address, this.parts.announcer.address);
  }

  health(): HostHealth {
    const { store, broker, listener, channels, announcer } = this.parts;
    return {
      state: this.stopping === undefined ? 'running' : 'stopped',
      store: store.health(),
      broker: broker.figures(),
      connections: channels.size + (listener?.connections ?? 0),
      registrations: announcer.registrations(),
    };
  }

  /**
   * Reads again what the settings name by a path, without a restart: key and certificates of `tls`, the accounts of `acl`.
   * Open connections keep their certificates; the accounts count from their next request on.
   * @throws MessagingError CONFIGURATION when something is wrong with it; then all stays as it was.
   */
  async reload(): Promise<void> {
    const { settings, listener, guard } = this.parts;
    const tls = settings.tls && (await loadTls(settings.tls, 'broker.tls'));
    const accounts = settings.acl && (await loadAccounts(settings.acl, 'broker.acl'));
    if (tls !== undefined) listener?.renewTls(tls);
    if (accounts) guard?.renew(accounts);
  }

  /** @internal For the test kit: every topic with the number of messages that each of its queues has had. */
  topics(): { name: string; ends: number[] }[] {
    const { broker, store } = this.parts;
    return broker.topics.list().map(({ name, readQueueNums }) => ({
      name,
      ends: Array.from({ length: readQueueNums }, (_, queueId) => store.maxOffset(name, queueId)),
    }));
  }

  /** @internal For the test kit: makes the topics that are not there, as the settings of a start do. */
  async declare(topics: readonly TopicSetting[]): Promise<void> {
    for (const { name, queues } of topics) await this.parts.broker.topics.declare(name, queues);
  }

  /** @internal For processes that share the store: what an opened one is. */
  get storeFacts(): { readonly storeId: string; readonly format: number } {
    return this.parts.store;
  }

  /** @internal Takes a channel of another process in as one of its own; returns what serves its requests. */
  attach(channel: Channel): RequestHandler {
    register(channel, this.parts);
    return this.parts.serve;
  }

  /** @internal The consuming client behind a channel, as long as that is open. */
  clientOf(channel: Channel): string | undefined {
    return this.parts.broker.consumers.clientOf(channel);
  }

  /** @internal A client whose process has died for certain. */
  clientDied(clientId: string): void {
    this.parts.broker.clientDied(clientId);
  }

  /** @internal Whether a send may make a topic. */
  get createsTopics(): boolean {
    return this.parts.settings.autoCreateTopics;
  }

  /** Refuses what is new, acknowledges what is under way, closes the store, lets go of the lock. */
  stop(): Promise<void> {
    return (this.stopping ??= this.close());
  }

  private async close(): Promise<void> {
    const { broker, announcer, store, listener, channels, lock } = this.parts;
    // Answers to what is under way leave while the store closes, so the channels close after it.
    const steps: (() => Promise<unknown> | undefined)[] = [
      // First, so that clients go elsewhere while there is still somebody to answer those that do not know it yet.
      () => announcer.stop(),
      () => broker.stop(),
      () => store.close(),
      () => Promise.all([...channels].map((channel) => channel.close())),
      () => listener?.close(),
      () => lock?.release(),
    ];
    const problems: unknown[] = [];
    for (const step of steps) await Promise.resolve(step()).catch((error: unknown) => problems.push(error));
    // A step that fails keeps none of the others from letting go of what they hold.
    if (problems.length > 0) throw problems[0];
  }
}

async function open(
  settings: ResolvedSettings,
  platform: Platform,
  undo: (() => Promise<void>)[],
  claim: FileLock | undefined,
  clientsLive: boolean,
): Promise<Parts> {
  const path = settings.memory ? MEMORY_PATH : settings.store;
  const lock = claim ?? (settings.memory ? undefined : await lockStore(platform.fileSystem, path));
  if (lock !== undefined) undo.push(() => lock.release());
  // The port is bound before the store opens, because the address stands in the records; until then everything is put off.
  let serve: RequestHandler = (_request, _channel, respond) => respond(notReady());
  let attach = (_channel: Channel): void => {};
  const early = new Set<Channel>();
  let served: ReadonlyMap<number, RequestHandler> = new Map();
  const guard = await guardOf(settings.acl, 'broker.acl', (code) => served.has(code), platform);
  const listener = await listen(settings, platform, guard, (channel) => {
    early.add(channel);
    channel.onClose(() => early.delete(channel));
    channel.onRequest((request, from, respond) => serve(request, from, respond));
    attach(channel);
  });
  if (listener !== undefined) undo.push(() => listener.close());
  const bound = listener?.address;
  const advertised = settings.advertisedAddress ?? (bound === undefined ? undefined : advertisedAddress(bound));
  const storeHost = advertised === undefined || bound === undefined ? NO_ADDRESS : storeHostOf(advertised, bound);
  const { flush, segmentBytes, retention, dedupMemoryBytes, index } = settings;
  // Nothing is ever recovered from memory.
  const checkpointMillis = settings.memory ? MEMORY_CHECKPOINT_MILLIS : undefined;
  // ... nor does it run out of room for positions before it runs out of it for everything.
  const reserveBytes = settings.memory ? 0 : undefined;
  const options = {
    path,
    storeHost,
    flush,
    segmentBytes,
    retention,
    checkpointMillis,
    reserveBytes,
    dedupMemoryBytes,
    index,
  };
  const store = await MessageStore.open(options, platform);
  undo.push(() => store.close());
  const { name, cluster, autoCreateTopics, defaultQueues, sqlFilters, transactions } = settings;
  const broker = new Broker(
    {
      name,
      cluster,
      address: storeHost,
      autoCreateTopics,
      defaultQueues,
      sqlFilters,
      transactions,
      mayCheck: guard?.mayCheck,
      clientsLive,
    },
    store,
    platform,
  );
  const announcer = await announcerOf(broker, settings, advertised, path, platform);
  await broker.start();
  undo.push(() => broker.stop());
  for (const { name: topic, queues, dedup } of settings.topics) await broker.topics.declare(topic, queues, dedup);
  served = new Map([...announcer.handlers, ...broker.handlers]);
  serve = serveByTable(served);
  attach = (channel) => {
    broker.attach(channel);
    announcer.attach(channel);
  };
  for (const channel of early) attach(channel);
  await announcer.start();
  undo.push(() => announcer.stop());
  return { platform, settings, lock, listener, guard, store, broker, announcer, channels: new Set(), serve };
}

async function announcerOf(
  broker: Broker,
  settings: ResolvedSettings,
  advertised: string | undefined,
  path: string,
  platform: Platform,
): Promise<Announcer> {
  const { nameServers, registerMillis, memory } = settings;
  if (nameServers !== undefined) {
    const { tls, credentials } = settings.registration ?? {};
    const tcp = new TcpConnector({ tls }, platform.clock, platform.logger);
    const connector = credentials === undefined ? tcp : new SigningConnector(tcp, credentials);
    return new Registrar(broker, advertised!, { nameServers, registerMillis }, connector, platform);
  }
  const kv = memory ? KvConfig.inMemory(platform) : await KvConfig.open(platform, `${path}/namesrv`);
  return new OwnNameServer(broker, advertised ?? IN_PROCESS_ADDRESS, advertised !== undefined, platform, kv);
}

async function listen(
  settings: ResolvedSettings,
  platform: Platform,
  guard: AccessGuard | undefined,
  onChannel: (channel: Channel) => void,
): Promise<TcpServer | undefined> {
  if (settings.listen === undefined) return undefined;
  const tls = settings.tls && (await loadTls(settings.tls, 'broker.tls'));
  const options = { ...settings.listen, tls, admit: guard?.admit, onChannel };
  return TcpServer.listen(options, platform.clock, platform.logger);
}

/** Without a limit what nobody takes away would end the process: refused sends can be seen and mended, a dead process not. */
function memoryLimit(): number {
  // 0 or a number beyond everything where no container sets a limit.
  const constrained = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  return Math.floor(MEMORY_SHARE * Math.min(totalmem(), constrained));
}

function accept(channel: Channel, parts: Parts): void {
  register(channel, parts);
  channel.onRequest(parts.serve);
}

function register(channel: Channel, { broker, announcer, channels }: Parts): void {
  channels.add(channel);
  channel.onClose(() => channels.delete(channel));
  broker.attach(channel);
  announcer.attach(channel);
}

function stopped(): Promise<never> {
  return Promise.reject(
    new MessagingError('CONNECT_FAILED', 'The broker of this process has been stopped; start another one.'),
  );
}

function notReady(): RemotingCommand {
  return createResponse(
    ResponseCode.SERVICE_NOT_AVAILABLE,
    {},
    'BROKER_BUSY: the broker is still opening its store; try again in a moment',
  );
}
