import type { Flag } from '../flags/flag.js';
import { oneOf, parseBytes, parseCount, parseDuration, parsePort, parseTopic } from '../flags/values.js';

/** A flag that is one of the broker's settings. */
export interface SettingFlag extends Flag {
  /** Its place in BrokerSettings: `retention.ageMillis`. */
  readonly setting: string;
}

const CLIENT_CERTIFICATE = { none: false, request: true, require: 'require' } as const;

function parseClientCertificate(text: string): boolean | 'require' {
  return CLIENT_CERTIFICATE[oneOf(...Object.keys(CLIENT_CERTIFICATE))(text) as keyof typeof CLIENT_CERTIFICATE];
}

export const SETTING_FLAGS: readonly SettingFlag[] = [
  {
    name: 'store',
    setting: 'store',
    value: 'dir',
    env: 'NESTMQ_STORE',
    help: 'folder of the messages; default ./.nestmq',
  },
  {
    name: 'memory',
    setting: 'memory',
    env: 'NESTMQ_MEMORY',
    help: 'keep everything in memory: nothing outlives the process',
  },
  {
    name: 'flush',
    setting: 'flush',
    value: 'mode',
    parse: oneOf('sync', 'async'),
    env: 'NESTMQ_FLUSH',
    help: 'sync: acknowledge what is on the disk; async: a power cut loses up to 500 ms; default sync',
  },
  {
    name: 'host',
    setting: 'listen.host',
    value: 'host',
    env: 'NESTMQ_HOST',
    help: 'address to listen on; default 127.0.0.1',
  },
  {
    name: 'port',
    setting: 'listen.port',
    value: 'port',
    parse: parsePort,
    env: 'NESTMQ_PORT',
    help: 'port to listen on, 0 for a free one; default 9876',
  },
  {
    name: 'advertised-address',
    setting: 'advertisedAddress',
    value: 'host:port',
    env: 'NESTMQ_ADVERTISED_ADDRESS',
    help: 'where clients are told to connect; default what is listened on',
  },
  {
    name: 'insecure',
    setting: 'insecure',
    env: 'NESTMQ_INSECURE',
    help: 'listen on an address that other machines reach, although nobody is asked who they are',
  },
  {
    name: 'acl',
    setting: 'acl',
    value: 'file',
    env: 'NESTMQ_ACL',
    help: 'JSON file of accounts with what they may do; default everybody everything',
  },
  {
    name: 'tls-key',
    setting: 'tls.key',
    value: 'file',
    env: 'NESTMQ_TLS_KEY',
    help: 'PEM file of the private key, for TLS on the port; with --tls-cert',
  },
  {
    name: 'tls-cert',
    setting: 'tls.cert',
    value: 'file',
    env: 'NESTMQ_TLS_CERT',
    help: 'PEM file of its certificate, with those of the authorities in between',
  },
  {
    name: 'tls-mode',
    setting: 'tls.mode',
    value: 'mode',
    parse: oneOf('permissive', 'enforcing', 'disabled'),
    env: 'NESTMQ_TLS_MODE',
    help: 'permissive: connections with and without TLS; enforcing: only with; default permissive',
  },
  {
    name: 'tls-ca',
    setting: 'tls.ca',
    value: 'file',
    env: 'NESTMQ_TLS_CA',
    help: 'PEM file of the authority of the certificates of clients',
  },
  {
    name: 'tls-client-certificate',
    setting: 'tls.requestClientCertificate',
    value: 'how',
    parse: parseClientCertificate,
    env: 'NESTMQ_TLS_CLIENT_CERTIFICATE',
    help: 'request: clients are asked for one of --tls-ca; require: only who has one is served; default none',
  },
  {
    name: 'tls-passphrase',
    setting: 'tls.passphrase',
    value: 'text',
    env: 'NESTMQ_TLS_PASSPHRASE',
    help: 'of an encrypted key; others on the machine see flags, so take the variable',
  },
  {
    name: 'name',
    setting: 'name',
    value: 'name',
    env: 'NESTMQ_NAME',
    help: 'name of the broker, distinct within a cluster; default nestmq',
  },
  {
    name: 'cluster',
    setting: 'cluster',
    value: 'name',
    env: 'NESTMQ_CLUSTER',
    help: 'name of its cluster; default DefaultCluster',
  },
  {
    name: 'topic',
    setting: 'topics',
    value: 'name[:queues]',
    parse: parseTopic,
    many: true,
    env: 'NESTMQ_TOPICS',
    help: 'a topic that is there from the start; may be repeated',
  },
  {
    name: 'auto-create-topics',
    setting: 'autoCreateTopics',
    on: true,
    env: 'NESTMQ_AUTO_CREATE_TOPICS',
    help: 'refuse sends to topics that are not there, instead of making them',
  },
  {
    name: 'default-queues',
    setting: 'defaultQueues',
    value: 'n',
    parse: parseCount,
    env: 'NESTMQ_DEFAULT_QUEUES',
    help: 'queues of a topic that a send makes; default 4',
  },
  {
    name: 'segment-bytes',
    setting: 'segmentBytes',
    value: 'size',
    parse: parseBytes,
    env: 'NESTMQ_SEGMENT_BYTES',
    help: 'size of a log file, fixed when the store is made; default 1g, in memory 16m',
  },
  {
    name: 'sql-filters',
    setting: 'sqlFilters',
    on: true,
    help: 'refuse consumers that filter by SQL92',
  },
  {
    name: 'index',
    setting: 'index',
    on: true,
    help: 'do without finding messages by id and key; saves 16 bytes each',
  },
  {
    name: 'retention',
    setting: 'retention.ageMillis',
    value: 'time',
    parse: parseDuration,
    env: 'NESTMQ_RETENTION',
    help: 'a log file that is older goes, unless a group still needs it; default 72h',
  },
  {
    name: 'retention-dead-letters',
    setting: 'retention.deadLetterAgeMillis',
    value: 'time',
    parse: parseDuration,
    help: 'how long dead letters are kept; default 14d',
  },
  {
    name: 'retention-inactive-groups',
    setting: 'retention.inactiveGroupMillis',
    value: 'time',
    parse: parseDuration,
    help: 'a group unseen for so long holds no data back; default 7d',
  },
  {
    name: 'retention-strict',
    setting: 'retention.strict',
    help: 'RocketMQ’s rule: age alone decides, whatever groups have read',
  },
  {
    name: 'retention-check',
    setting: 'retention.checkMillis',
    value: 'time',
    parse: parseDuration,
    help: 'how often old files are looked for; default 60s',
  },
  {
    name: 'transaction-timeout',
    setting: 'transactions.timeoutMillis',
    value: 'time',
    parse: parseDuration,
    help: 'how long a transaction may take before its producers are asked; default 6s',
  },
  {
    name: 'transaction-check-interval',
    setting: 'transactions.checkIntervalMillis',
    value: 'time',
    parse: parseDuration,
    help: 'time between two such questions; default 30s',
  },
  {
    name: 'transaction-check-max',
    setting: 'transactions.checkMax',
    value: 'n',
    parse: parseCount,
    help: 'questions after which it becomes a dead letter; default 15',
  },
  {
    name: 'dedup-memory',
    setting: 'dedup.memoryBytes',
    value: 'size',
    parse: parseBytes,
    help: 'memory for the ids of all topics that de-duplicate; default 64m',
  },
];
