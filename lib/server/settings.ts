import { resolve } from 'node:path';
import { checkTopic, type Duration, durationMillis, MessagingError } from '../protocol/index.js';
import { parseAddress } from '../remoting/index.js';
import type { RetentionOptions } from '../store/index.js';

/** A topic that is there before anybody sends. */
export interface TopicSetting {
  name: string;
  /** Default: `defaultQueues`. Raised later, the new queues take only messages without a key. */
  queues?: number;
  /** Sends with a `dedupId` that the topic has seen are not stored again. Default: off. */
  dedup?: DedupSetting;
}

/** How long, and how many, ids of sent messages a topic remembers. */
export interface DedupSetting {
  /** Milliseconds or a text like `10m`; no longer than messages are kept. Default: `10m`. */
  window?: Duration;
  /** Beyond this the oldest are forgotten. Default 1,000,000. */
  count?: number;
}

/** What all de-duplication has to share. */
export interface DedupLimits {
  /** For the ids of all topics, in bytes; beyond it the oldest are forgotten, and counted. Default 64 MiB. */
  memoryBytes?: number;
}

/** Where the broker listens. */
export interface ListenSetting {
  /** Default `127.0.0.1`. Any address that others can reach needs `insecure: true`. */
  host?: string;
  /** Default 9876; 0 takes a free one. */
  port?: number;
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
  /** `sync` (default): acknowledged once on the disk. `async`: acknowledged once written; a power cut loses up to 500 ms. */
  flush?: 'sync' | 'async';
  /** Size of a log file in bytes; decided when the store is created. Default 64 MiB, 16 MiB in memory. */
  segmentBytes?: number;
  /** Whether others can connect: `true` for 127.0.0.1:9876, a port of 127.0.0.1, or host and port. Default false. */
  listen?: boolean | number | ListenSetting;
  /** `host:port` that clients are told to connect to. Default: what is listened on. */
  advertisedAddress?: string;
  /** Allows to listen on an address that other machines reach: nothing keeps them from reading and deleting. Default false. */
  insecure?: boolean;
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

/** When the producers of a transaction that does not end are asked about it. */
export interface TransactionSetting {
  /** How long it may take before they are asked. Default 6,000 ms. */
  timeoutMillis?: number;
  /** Between two checks. Default 30,000 ms. */
  checkIntervalMillis?: number;
  /** Checks after which it becomes a dead letter. Default 15. */
  checkMax?: number;
}

export interface ResolvedSettings {
  /** Absolute. */
  readonly store: string;
  readonly memory: boolean;
  readonly flush: 'sync' | 'async';
  readonly segmentBytes: number | undefined;
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  readonly advertisedAddress: string | undefined;
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

export interface ResolvedTopic {
  readonly name: string;
  readonly queues: number | undefined;
  readonly dedup: { readonly windowMillis: number; readonly count: number } | undefined;
}

const DEFAULT_STORE = './.nestmq';
const DEFAULT_PORT = 9876;
const LOOPBACK = '127.0.0.1';
const MOST_QUEUES = 1024;
const SMALLEST_SEGMENT = 8 * 1024 * 1024;
const MEMORY_SEGMENT = 16 * 1024 * 1024;
const DEFAULT_RETENTION = 72 * 3_600_000;
const DEDUP_WINDOW = '10m';
const DEDUP_COUNT = 1_000_000;
const NAME = /^[a-zA-Z0-9_.-]{1,127}$/;

/** What a value must be, and how to say so. */
type Rule = readonly [test: (value: unknown) => boolean, wanted: string];

const flag: Rule = [(value) => typeof value === 'boolean', 'true or false'];
const name: Rule = [(value) => typeof value === 'string' && NAME.test(value), 'a name of letters, digits, _ - .'];
const object: Rule = [(value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'an object'];
const duration: Rule = [(value) => whole(value, 1, Number.MAX_SAFE_INTEGER), 'a number of milliseconds above 0'];

const RULES: Readonly<Record<keyof BrokerSettings, Rule>> = {
  store: [(value) => typeof value === 'string' && value !== '' && !value.includes('\0'), 'the path of a directory'],
  memory: flag,
  flush: [(value) => value === 'sync' || value === 'async', "'sync' or 'async'"],
  segmentBytes: [
    (value) => whole(value, SMALLEST_SEGMENT, 2 ** 31),
    `a number of bytes from ${SMALLEST_SEGMENT} to ${2 ** 31}`,
  ],
  listen: [
    (value) => typeof value === 'boolean' || isPort(value) || object[0](value),
    'true, false, a port, or { host, port }',
  ],
  advertisedAddress: [isAddress, 'host:port, with a port above 0'],
  insecure: flag,
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

const DEDUP_LIMIT_RULES: Readonly<Record<keyof DedupLimits, Rule>> = {
  memoryBytes: [(value) => whole(value, 1024, 2 ** 40), 'a number of bytes of at least 1024'],
};

const DEDUP_RULES: Readonly<Record<keyof DedupSetting, Rule>> = {
  window: [(value) => (durationMillis(value) ?? 0) >= 1, 'milliseconds above 0, or a text like "10m"'],
  count: [(value) => whole(value, 1, 100_000_000), 'a whole number above 0'],
};

const TRANSACTION_RULES: Readonly<Record<keyof TransactionSetting, Rule>> = {
  timeoutMillis: duration,
  checkIntervalMillis: duration,
  checkMax: [(value) => whole(value, 1, 1_000_000), 'a whole number above 0'],
};

const LISTEN_RULES: Readonly<Record<keyof ListenSetting, Rule>> = {
  host: [(value) => typeof value === 'string' && value !== '', 'an address'],
  port: [isPort, 'a port from 0 to 65535'],
};

const RETENTION_RULES: Readonly<Record<keyof RetentionOptions, Rule>> = {
  ageMillis: duration,
  deadLetterAgeMillis: duration,
  inactiveGroupMillis: duration,
  strict: flag,
  checkMillis: duration,
};

const TOPIC_RULES: Readonly<Record<keyof TopicSetting, Rule>> = {
  name: [(value) => typeof value === 'string', 'a name'],
  queues: [(value) => whole(value, 1, MOST_QUEUES), `a whole number from 1 to ${MOST_QUEUES}`],
  dedup: object,
};

/** @throws MessagingError CONFIGURATION naming the setting and what it may be. */
export function resolveSettings(settings: BrokerSettings = {}): ResolvedSettings {
  check('broker', settings, RULES);
  if (settings.memory === true && settings.store !== undefined) {
    throw wrong(
      'broker.store has no meaning with broker.memory: a broker in memory stores nothing. Leave one of them out.',
    );
  }
  if (settings.retention !== undefined) check('broker.retention', settings.retention, RETENTION_RULES);
  if (settings.transactions !== undefined) check('broker.transactions', settings.transactions, TRANSACTION_RULES);
  if (settings.dedup !== undefined) check('broker.dedup', settings.dedup, DEDUP_LIMIT_RULES);
  const keptMillis = settings.retention?.ageMillis ?? DEFAULT_RETENTION;
  const listen = resolveListen(settings);
  if (settings.advertisedAddress !== undefined && listen === undefined) {
    throw wrong('broker.advertisedAddress has no meaning without broker.listen: nobody could connect there.');
  }
  const memory = settings.memory ?? false;
  return {
    store: resolve(settings.store ?? DEFAULT_STORE),
    memory,
    flush: settings.flush ?? 'sync',
    segmentBytes: settings.segmentBytes ?? (memory ? MEMORY_SEGMENT : undefined),
    listen,
    advertisedAddress: settings.advertisedAddress,
    name: settings.name ?? 'nestmq',
    cluster: settings.cluster ?? 'DefaultCluster',
    topics: distinct((settings.topics ?? []).map((topic, index) => resolveTopic(topic, index, keptMillis))),
    autoCreateTopics: settings.autoCreateTopics ?? true,
    defaultQueues: settings.defaultQueues ?? 4,
    sqlFilters: settings.sqlFilters ?? true,
    retention: settings.retention,
    transactions: settings.transactions && defined(settings.transactions),
    dedupMemoryBytes: settings.dedup?.memoryBytes,
    index: settings.index ?? true,
  };
}

function resolveListen(settings: BrokerSettings): ResolvedSettings['listen'] {
  const { listen } = settings;
  if (listen === undefined || listen === false) return undefined;
  if (listen === true) return { host: LOOPBACK, port: DEFAULT_PORT };
  if (typeof listen === 'number') return { host: LOOPBACK, port: listen };
  check('broker.listen', listen, LISTEN_RULES);
  const { host = LOOPBACK, port = DEFAULT_PORT } = listen;
  if (!isLoopback(host) && settings.insecure !== true) {
    throw wrong(
      `broker.listen would open ${host}:${port} to other machines, and nothing here asks who they are: whoever reaches the port can read and ` +
        'delete everything. Listen on 127.0.0.1, or set broker.insecure to true if the network itself is closed.',
    );
  }
  if (isWildcard(host) && settings.advertisedAddress === undefined) {
    throw wrong(
      `broker.listen on ${host} does not say where clients can connect to; set broker.advertisedAddress to host:port.`,
    );
  }
  return { host, port };
}

function resolveTopic(setting: TopicSetting | string, index: number, keptMillis: number): ResolvedTopic {
  const where = `broker.topics[${index}]`;
  const topic = typeof setting === 'string' ? { name: setting } : setting;
  if (!object[0](topic)) throw wrong(`${where} must be a name or { name, queues }, not ${shown(setting)}.`);
  check(where, topic, TOPIC_RULES);
  try {
    checkTopic(topic.name);
  } catch (error) {
    throw new MessagingError('CONFIGURATION', `${where}: ${(error as Error).message}`, { cause: error });
  }
  return { name: topic.name, queues: topic.queues, dedup: resolveDedup(topic.dedup, `${where}.dedup`, keptMillis) };
}

function resolveDedup(setting: DedupSetting | undefined, where: string, keptMillis: number): ResolvedTopic['dedup'] {
  if (setting === undefined) return undefined;
  check(where, setting, DEDUP_RULES);
  const windowMillis = durationMillis(setting.window ?? DEDUP_WINDOW)!;
  // The ids are derived from the log: what it no longer holds, a rebuild would not find.
  if (windowMillis > keptMillis) {
    throw wrong(
      `${where}.window of ${windowMillis} ms is longer than messages are kept (${keptMillis} ms); shorten it, or raise broker.retention.ageMillis.`,
    );
  }
  return { windowMillis, count: setting.count ?? DEDUP_COUNT };
}

// A setting given as undefined means: the default.
function defined<T extends object>(settings: T): T {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as T;
}

/** Two settings for one topic would leave open which one counts. */
function distinct(topics: readonly ResolvedTopic[]): readonly ResolvedTopic[] {
  const names = new Set<string>();
  for (const { name } of topics) {
    if (names.has(name)) throw wrong(`broker.topics names ${name} twice; keep one of the two.`);
    names.add(name);
  }
  return topics;
}

function check(where: string, settings: object, rules: Readonly<Record<string, Rule>>): void {
  if (!object[0](settings)) throw wrong(`${where} must be an object, not ${shown(settings)}.`);
  for (const [key, value] of Object.entries(settings)) {
    if (!Object.hasOwn(rules, key)) {
      throw wrong(`${where} has no setting ${JSON.stringify(key)}; there are ${Object.keys(rules).join(', ')}.`);
    }
    const [test, wanted] = rules[key]!;
    if (value !== undefined && !test(value)) throw wrong(`${where}.${key} must be ${wanted}, not ${shown(value)}.`);
  }
}

function wrong(message: string): MessagingError {
  return new MessagingError('CONFIGURATION', message);
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 80);
}

function whole(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}

function isPort(value: unknown): boolean {
  return whole(value, 0, 65_535);
}

function isAddress(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    const { host, port } = parseAddress(value);
    return host !== '' && port > 0;
  } catch {
    return false;
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
