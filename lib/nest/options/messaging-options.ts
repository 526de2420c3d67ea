import type { RebalanceStrategy } from '../../client/index.js';
import type { IdempotencyDefaults } from '../../idempotency/index.js';
import type { ClientTls, Connector } from '../../remoting/index.js';
import type { EmbeddedBrokerSettings } from '../../server/index.js';
import type { OutboxSettings, ResolvedOutbox } from '../outbox/outbox-options.js';
import type { Duration, MessageConverter } from '../payload/index.js';

/** @publicApi */
export interface ProducerSettings {
  /** For one send with all its attempts. Default: 3 s. */
  timeout?: Duration;
  /** Further attempts after the first. Default: 2. */
  retries?: number;
  /**
   * Whether sends without a key go past brokers that failed or were slow, for 2 to 30 s: RocketMQ's `sendLatencyFaultEnable`.
   * Default: false.
   */
  latencyFaultTolerance?: boolean;
  /** Default: 4 MiB. */
  maxMessageBytes?: number;
  /** Bodies from this size on are compressed, never to an embedded broker. Default: 4,096. */
  compressOverBytes?: number;
}

/** @publicApi */
export interface TraceSetting {
  /** Share of the messages that is traced, above 0, to 1. Default: 1, all. */
  sample?: number;
  /** Where the records go. Default: RocketMQ's `RMQ_SYS_TRACE_TOPIC`. */
  topic?: string;
}

/** Certificates and keys are PEM texts or paths of PEM files. @publicApi */
export interface TlsOptions {
  /** Certificates of the authorities that are trusted. Default: those that Node.js comes with. */
  ca?: string;
  /** The application's own certificate, for brokers that ask for one; with `key`. */
  cert?: string;
  key?: string;
  /** Of an encrypted `key`. */
  passphrase?: string;
  /** The name that the broker's certificate must have. Default: the host of its address. */
  servername?: string;
  /** False takes any certificate, also that of somebody in between. Default: true. */
  rejectUnauthorized?: boolean;
}

/** What the application proves itself with where the broker has access control. @publicApi */
export interface CredentialOptions {
  /** Names the account. */
  accessKey: string;
  /** Never travels: requests are signed with it. */
  secretKey: string;
  /** Of temporary keys. Default: none. */
  securityToken?: string;
}

/** What `forRootAsync`'s factory may give; everything has a default. @publicApi */
export interface MessagingConnectionOptions {
  /**
   * What default groups, producer groups and broadcast instances are named after.
   * Default: the name in the application's package.json.
   */
  application?: string;
  /**
   * Parts topics and groups from those of other namespaces on the same broker, where they are named `namespace%name`; the
   * application sees its own names only. Default: none.
   */
  namespace?: string;
  /** `host:port`, several separated by `;`. Without it a broker runs inside the application. */
  nameServer?: string;
  /** Whether connections to NameServers and brokers use TLS, and whom they trust. Only with `nameServer`. Default: false. */
  tls?: boolean | TlsOptions;
  /** Signs every request, for brokers with access control. Only with `nameServer`. Default: none. */
  credentials?: CredentialOptions;
  /** The broker inside: where it stores (`./.nestmq`), whether it listens, topics and so on. Not with `nameServer`. */
  broker?: EmbeddedBrokerSettings;
  /** Tells instances of one application on one machine apart where they keep broadcast positions. */
  instance?: string;
  /** Whether listeners start with the application. Otherwise `MessageListenerRegistry.start()` does it. Default: true. */
  autoStart?: boolean;
  /** How long handlers may take to finish when the application closes. Default: 10 s. */
  shutdownBudget?: Duration;
  /** Default: text, bytes and JSON. */
  converter?: MessageConverter;
  producer?: ProducerSettings;
  /**
   * How the queues of a topic are divided among the instances of a group; the same everywhere. `'average'`,
   * `'average-by-circle'`, `'consistent-hash'`, or a function that gives this instance's. Default: `'average'`.
   */
  rebalance?: RebalanceStrategy;
  /** Whether what becomes of messages is written down, in RocketMQ's trace format. Default: false. */
  trace?: boolean | TraceSetting;
  /** Where `template.outbox(tx)` writes, and whether this process sends it. Default: there is none. */
  outbox?: OutboxSettings;
  /** How listeners handle each message once; `enabled: true` for all of them, otherwise for those with `@Idempotent`. */
  idempotency?: IdempotencyDefaults;
}

/** @publicApi */
export interface MessagingModuleOptions extends MessagingConnectionOptions {
  /** Names the connection; `default` is what `MessagingTemplate` is injected from. */
  connection?: string;
  /** Whether templates can be injected everywhere without importing the module again. Default: true. */
  isGlobal?: boolean;
}

/** Implemented by what `useClass` and `useExisting` name. @publicApi */
export interface MessagingOptionsFactory {
  createMessagingOptions(): MessagingConnectionOptions | Promise<MessagingConnectionOptions>;
}

/** The options of one connection, checked and with all defaults. */
export interface ResolvedConnectionOptions {
  readonly connection: string;
  readonly application: string;
  readonly namespace: string | undefined;
  readonly nameServers: readonly string[] | undefined;
  readonly tls: boolean | ClientTls;
  /** Puts itself around a connector; undefined without credentials. It keeps the secret where no log finds it. */
  readonly sign: ((connector: Connector) => Connector) | undefined;
  readonly broker: EmbeddedBrokerSettings;
  readonly instance: string | undefined;
  readonly autoStart: boolean;
  readonly shutdownBudgetMillis: number;
  readonly converter: MessageConverter;
  readonly producer: ProducerSettings;
  readonly rebalance: RebalanceStrategy | undefined;
  /** Undefined when nothing is traced. */
  readonly trace: { readonly sample: number; readonly topic: string } | undefined;
  readonly outbox: ResolvedOutbox | undefined;
  readonly idempotency: IdempotencyDefaults | undefined;
}
