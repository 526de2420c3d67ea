import { resolve } from 'node:path';
import type { RetentionOptions } from '../../store/index.js';
import { acl, type AclSetting, resolveAcl } from './acl.js';
import { address, BROKER_PORT, type ListenSetting, NAME_SERVER_PORT, port, resolveListen } from './listen.js';
import { nameServerList, nameServers, REGISTER_MILLIS, registerMillis } from './name-servers.js';
import { type RegistrationSetting, resolveRegistration } from './registration.js';
import { keptMillis } from './retention.js';
import { check, concealing, flag, hidden, object, type Rule, type Rules, whole, wrong } from './rules.js';
import { type ResolvedTls, resolveTls, type TlsSetting } from './tls.js';
import { MOST_QUEUES, type ResolvedTopic, resolveTopics, type TopicSetting } from './topics.js';
import { resolveTransactions, type TransactionSetting } from './transactions.js';

/** What all de-duplication has to share. */
export interface DedupLimits {
  /** For the ids of all topics, in bytes; beyond it the oldest are forgotten, and counted. Default 64 MiB. */
  memoryBytes?: number;
}

/** What a broker is told when it starts; everything has a default. */
export interface BrokerSettings {
  /** Directory of the store; created when absent. Default `./.nestmq`. */
  store?: string;
  /**
   * Keeps everything in memory: nothing is written to the disk, nothing outlives the process. Half of the machine's (or
   * container's) memory stands for the disk: nearly full, it refuses sends with DISK_FULL. A process that runs for long
   * wants a short `retention.ageMillis`. Default false.
   */
  memory?: boolean;
  /**
   * Whether other processes of this machine may use the store as well: the first one runs the broker, the others join it
   * through a local socket, and one of them takes over when it goes. Not on Windows. Default true; no meaning in memory.
   */
  share?: boolean;
  /** `sync` (default): acknowledged once on the disk. `async`: acknowledged once written; a power cut loses up to 500 ms. */
  flush?: 'sync' | 'async';
  /** Size of a log file in bytes; decided when the store is created. Default 64 MiB, 16 MiB in memory. */
  segmentBytes?: number;
  /** Whether others can connect: `true` for 127.0.0.1:9876, a port of 127.0.0.1, or host and port. Default false. */
  listen?: boolean | number | ListenSetting;
  /**
   * `host:port` that clients are told to connect to. Default: what is listened on; when that is every address (`0.0.0.0`),
   * the host's first one that others reach.
   */
  advertisedAddress?: string;
  /**
   * `host:port;host:port` of NameServers, ours or Apache's, at which the broker registers: it is one of several then, under a
   * `name` of its own, and answers broker requests only. Default: it is its own NameServer.
   */
  nameServer?: string;
  /** Between two registrations, beside one at every change of its topics. Default 30,000 ms. */
  registerMillis?: number;
  /** How it connects to them: credentials and TLS. Default: neither. */
  registration?: RegistrationSetting;
  /** Allows to listen on an address that other machines reach: nothing keeps them from reading and deleting. Default false. */
  insecure?: boolean;
  /** Encrypts connections, and asks clients for certificates if wanted. Default: none. */
  tls?: TlsSetting;
  /**
   * Who may do what over the network, or the path of a JSON file that says it. Clients of this process need no credentials.
   * Default: everybody everything.
   */
  acl?: AclSetting | string;
  /** Name of the broker in routes. Default `nestmq`. */
  name?: string;
  /** Default `DefaultCluster`. */
  cluster?: string;
  /** Topics that exist from the start. */
  topics?: readonly (TopicSetting | string)[];
  /** Whether a send to an unknown topic creates it. Default true. */
  autoCreateTopics?: boolean;
  /** Queues of a topic that nobody has given a number. Default 4. */
  defaultQueues?: number;
  /** Whether listeners may filter by SQL92 (`selector`). Default true. */
  sqlFilters?: boolean;
  retention?: RetentionOptions;
  transactions?: TransactionSetting;
  dedup?: DedupLimits;
  /** Whether messages can be found by id and key. Costs 16 bytes of disk a message, and as many a key. Default true. */
  index?: boolean;
}

export interface ResolvedSettings {
  /** Absolute. */
  readonly store: string;
  readonly memory: boolean;
  readonly share: boolean;
  readonly flush: 'sync' | 'async';
  readonly segmentBytes: number | undefined;
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  readonly advertisedAddress: string | undefined;
  readonly tls: ResolvedTls | undefined;
  readonly acl: AclSetting | string | undefined;
  /** Undefined: the broker is its own. */
  readonly nameServers: readonly string[] | undefined;
  readonly registerMillis: number;
  readonly registration: RegistrationSetting | undefined;
  readonly name: string;
  readonly cluster: string;
  readonly topics: readonly ResolvedTopic[];
  readonly autoCreateTopics: boolean;
  readonly defaultQueues: number;
  readonly sqlFilters: boolean;
  readonly retention: RetentionOptions | undefined;
  readonly transactions: TransactionSetting | undefined;
  readonly dedupMemoryBytes: number | undefined;
  readonly index: boolean;
}

const DEFAULT_STORE = './.nestmq';
const SMALLEST_SEGMENT = 8 * 1024 * 1024;
const MEMORY_SEGMENT = 16 * 1024 * 1024;
const NAME = /^[a-zA-Z0-9_.-]{1,127}$/;

const name: Rule = [(value) => typeof value === 'string' && NAME.test(value), 'a name of letters, digits, _ - .'];

const RULES: Rules<BrokerSettings> = {
  store: [(value) => typeof value === 'string' && value !== '' && !value.includes('\0'), 'the path of a directory'],
  memory: flag,
  share: flag,
  flush: [(value) => value === 'sync' || value === 'async', "'sync' or 'async'"],
  segmentBytes: [
    (value) => whole(value, SMALLEST_SEGMENT, 2 ** 31),
    `a number of bytes from ${SMALLEST_SEGMENT} to ${2 ** 31}`,
  ],
  listen: [
    (value) => typeof value === 'boolean' || port[0](value) || object[0](value),
    'true, false, a port, or { host, port }',
  ],
  advertisedAddress: address,
  nameServer: nameServers,
  registerMillis,
  insecure: flag,
  registration: hidden(object[0], 'an object'),
  tls: hidden(object[0], 'an object'),
  acl,
  name,
  cluster: name,
  topics: [Array.isArray, 'a list of names or of { name, queues, dedup }'],
  autoCreateTopics: flag,
  defaultQueues: [(value) => whole(value, 1, MOST_QUEUES), `a whole number from 1 to ${MOST_QUEUES}`],
  sqlFilters: flag,
  retention: object,
  transactions: object,
  dedup: object,
  index: flag,
};

const DEDUP_LIMIT_RULES: Rules<DedupLimits> = {
  memoryBytes: [(value) => whole(value, 1024, 2 ** 40), 'a number of bytes of at least 1024'],
};

/** @throws MessagingError CONFIGURATION naming the setting and what it may be. */
export function resolveSettings(settings: BrokerSettings = {}): ResolvedSettings {
  check('broker', settings, RULES);
  if (settings.memory === true && settings.store !== undefined) {
    throw wrong(
      'broker.store has no meaning with broker.memory: a broker in memory stores nothing. Leave one of them out.',
    );
  }
  if (settings.memory === true && settings.share === true) {
    throw wrong('broker.share has no meaning with broker.memory: only a store on the disk can be shared.');
  }
  const kept = keptMillis(settings.retention);
  const transactions = resolveTransactions(settings.transactions);
  if (settings.dedup !== undefined) check('broker.dedup', settings.dedup, DEDUP_LIMIT_RULES);
  const names = nameServerList(settings.nameServer);
  const listen = resolveListen(settings, names === undefined ? NAME_SERVER_PORT : BROKER_PORT);
  if (settings.advertisedAddress !== undefined && listen === undefined) {
    throw wrong('broker.advertisedAddress has no meaning without broker.listen: nobody could connect there.');
  }
  if (names !== undefined && listen === undefined) {
    throw wrong('broker.nameServer needs broker.listen: clients that are led here by a NameServer could not connect.');
  }
  if (names === undefined && settings.registerMillis !== undefined) {
    throw wrong('broker.registerMillis has no meaning without broker.nameServer: there is nobody to register at.');
  }
  const memory = settings.memory ?? false;
  const resolved: ResolvedSettings = {
    store: resolve(settings.store ?? DEFAULT_STORE),
    memory,
    share: (settings.share ?? true) && !memory,
    flush: settings.flush ?? 'sync',
    segmentBytes: settings.segmentBytes ?? (memory ? MEMORY_SEGMENT : undefined),
    listen,
    advertisedAddress: settings.advertisedAddress,
    tls: resolveTls(settings.tls, listen !== undefined, 'broker.tls'),
    acl: resolveAcl(settings.acl, listen !== undefined, 'broker.acl'),
    nameServers: names,
    registration: resolveRegistration(settings.registration, names !== undefined, 'broker.registration'),
    registerMillis: settings.registerMillis ?? REGISTER_MILLIS,
    name: settings.name ?? 'nestmq',
    cluster: settings.cluster ?? 'DefaultCluster',
    topics: resolveTopics(settings.topics ?? [], kept),
    autoCreateTopics: settings.autoCreateTopics ?? true,
    defaultQueues: settings.defaultQueues ?? 4,
    sqlFilters: settings.sqlFilters ?? true,
    retention: settings.retention,
    transactions,
    dedupMemoryBytes: settings.dedup?.memoryBytes,
    index: settings.index ?? true,
  };
  return concealing(resolved, ['acl', 'tls', 'registration']);
}
