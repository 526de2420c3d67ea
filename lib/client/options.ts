import type { Credentials, HeaderMatch } from '../protocol/index.js';
import type { Connector } from '../remoting/index.js';
import type { ConsumeMode } from './consume-mode.js';
import type { RebalanceStrategy } from './consumer/allocate.js';
import type { ReceivedMessage } from './consumer/received-message.js';
import type { RateLimit } from './dispatch/rate-limiter.js';
import type { DeliveryGuarantee } from './delivery-guarantee.js';
import type { ClientInterceptor } from './interceptor.js';
import type { Settlement } from './settle/settle.js';
import type { TraceSettings } from './trace/trace-settings.js';

/** What a client is told. Times in milliseconds. */
export interface ClientOptions {
  /** Names producer groups and broadcast instances. */
  application: string;
  /** Default: `default`. */
  connection?: string;
  /**
   * Parts the topics and groups of this client from those of others on the same brokers: they are `namespace%name` there,
   * and keep their names here. Default: none.
   */
  namespace?: string;
  /** Tells instances of one application on one machine apart where they keep broadcast positions. Default: none. */
  instance?: string;
  /** `host:port`, or `in-process` when the broker is inside. */
  nameServers: readonly string[];
  connector: Connector;
  /** Signs every request with it, for brokers with access control. Default: none. */
  credentials?: Credentials;
  /** For everything but sends and pulls. Default: 3,000. */
  requestTimeoutMillis?: number;
  /** For one send with all its attempts. Default: 3,000. */
  sendTimeoutMillis?: number;
  /** Further attempts of a send after the first. Default: 2. */
  sendRetries?: number;
  /**
   * Sends without a key go past brokers that failed or were slow, for 2 to 30 s by how slow: RocketMQ's
   * `sendLatencyFaultEnable`. Those that cannot be reached are left out for 2 s anyway. Default: false.
   */
  latencyFaultTolerance?: boolean;
  /** Default: 30,000. */
  heartbeatMillis?: number;
  /** Default: 30,000. */
  routeRefreshMillis?: number;
  /** Default: 20,000. */
  rebalanceMillis?: number;
  /** How queues are divided among the members of a group, unless its consumer says otherwise. Default: `average`. */
  rebalance?: RebalanceStrategy;
  /** Default: 5,000. */
  offsetPersistMillis?: number;
  /**
   * How long a group waits for members that a broker which has just come back does not know yet, before their queues are
   * shared out. Default: 5,000.
   */
  memberReturnMillis?: number;
  /** How long a queue's old and new owner wait for handlers that still run when it moves. Default: 10,000. */
  handoverMillis?: number;
  /** Directory for the positions of broadcast groups. Without it they start anew with every start. */
  localOffsets?: string;
  /** Default: 4 MiB. */
  maxMessageBytes?: number;
  /** Bodies from this size on are compressed, never in process. Default: 4,096. */
  compressOverBytes?: number;
  /** Queues of a topic that the broker creates on first use. Default: 4. */
  defaultTopicQueues?: number;
  /** What stands around sends and handlers. Default: nothing. */
  interceptor?: ClientInterceptor;
  /** What becomes of messages is written into this topic, in RocketMQ's format. Default: nothing is. */
  trace?: TraceSettings;
}

export type ClientSettings = Required<
  Omit<ClientOptions, 'namespace' | 'instance' | 'localOffsets' | 'interceptor' | 'trace' | 'credentials'>
> &
  Pick<ClientOptions, 'namespace' | 'instance' | 'localOffsets' | 'interceptor' | 'trace'>;

const CLIENT_DEFAULTS = {
  connection: 'default',
  requestTimeoutMillis: 3000,
  sendTimeoutMillis: 3000,
  sendRetries: 2,
  latencyFaultTolerance: false,
  heartbeatMillis: 30_000,
  routeRefreshMillis: 30_000,
  rebalanceMillis: 20_000,
  rebalance: 'average',
  offsetPersistMillis: 5000,
  memberReturnMillis: 5000,
  handoverMillis: 10_000,
  maxMessageBytes: 4 * 1024 * 1024,
  compressOverBytes: 4096,
  defaultTopicQueues: 4,
} as const;

export function withClientDefaults(options: Omit<ClientOptions, 'credentials'>): ClientSettings {
  return { ...CLIENT_DEFAULTS, ...defined(options) };
}

/** What a consumer of one group is told. */
export interface ConsumerOptions {
  group: string;
  mode: ConsumeMode;
  /** Where a group begins that never registered before. Default: `latest`. */
  from?: 'latest' | 'earliest' | Date;
  /** Retries after the first attempt, then dead letter. Default: 16. */
  maxReconsumeTimes?: number;
  /** Messages per pull. Default: 32; from a broker of ours as many as fit in a pull's bytes. */
  pullBatchSize?: number;
  /** How long a queue waits after a failure in orderly mode. Default: 1,000 ms. */
  suspendMillis?: number;
  /**
   * `at-most-once`: a message is acknowledged, durably, before its handler runs; one that fails is logged and counted, never
   * tried again. Not in orderly mode. Default: `at-least-once`.
   */
  delivery?: DeliveryGuarantee;
  /** How the queues are divided among the members of the group. Default: the client's. */
  rebalance?: RebalanceStrategy;
}

export type ConsumerSettings = Required<Omit<ConsumerOptions, 'rebalance' | 'pullBatchSize'>> &
  Pick<ConsumerOptions, 'rebalance' | 'pullBatchSize'>;

const CONSUMER_DEFAULTS = {
  from: 'latest',
  maxReconsumeTimes: 16,
  suspendMillis: 1000,
  delivery: 'at-least-once',
} as const;

export function withConsumerDefaults(options: ConsumerOptions): ConsumerSettings {
  return { ...CONSUMER_DEFAULTS, ...defined(options) };
}

export const DEFAULT_CONCURRENCY = 16;

/** What stays in order: `true` is the key of an ordered send; a message without a key waits for nobody. */
export type KeyOrderOption = true | ((message: ReceivedMessage) => string | undefined);

/** How many messages a batch has at the most, and how long an incomplete one waits for more. */
export interface BatchLimit {
  readonly size: number;
  readonly timeoutMillis: number;
}

/** One listener of a group. */
export interface ListenerBinding {
  /** Unique within the group; shown in logs and used by pause and resume. */
  name: string;
  topic: string;
  /** `a || b`, with wildcards for words (`order.*.paid`, `order.#`); default `*`, everything. */
  tag?: string | undefined;
  /** SQL92 on the properties, instead of a tag. */
  selector?: string | undefined;
  /** Properties that the message must have: all of them, or any. */
  headers?: HeaderMatch | undefined;
  /** Handlers at the same time, per process; without meaning in orderly mode. Default: 16. */
  concurrency?: number;
  /** Default: the group's. */
  maxReconsumeTimes?: number;
  /** Milliseconds before the next attempt: per attempt (the last one repeats), or computed from the attempt that failed (1 = first). Default: the broker's ladder. */
  backoff?: readonly number[] | ((attempt: number) => number);
  /**
   * Messages with the same key are handled one after the other, in the order in which they are fetched. `true`: by the key of
   * their ordered send. One that fails goes to its retry like any other, and those behind it go on. Default: no order.
   */
  keyOrder?: KeyOrderOption;
  /** At most so many messages per interval and process, evenly spaced; retries count. Default: no limit. */
  rateLimit?: RateLimit;
  /**
   * Whether a request is replied to with what the handler comes to. Otherwise it is a message like any other here, and
   * somebody else replies. Default: true.
   */
  answers?: boolean;
  /** Whether a failed request is retried, instead of replied to with its error. Default: false. */
  retryRequests?: boolean;
  /**
   * How long a handler may take. Then its signal fires and its message is given back for a retry, in orderly mode with its
   * queue; what it comes to later counts for nothing, and its place stays taken until it ends. Default: for ever.
   */
  consumeTimeoutMillis?: number;
  /** Messages are given to `handleBatch`, so many at the most; an incomplete batch waits so long for more. */
  batch?: BatchLimit;
  /**
   * Handles one message. To resolve with nothing is to acknowledge it, to throw is to have it tried again.
   * @param signal Fires when the message may go to another member, or when its time or the time to stop is over.
   */
  handle?(message: ReceivedMessage, signal: AbortSignal): HandlerOutcome | Promise<HandlerOutcome>;
  /**
   * With `batch`, instead of `handle`. To resolve with nothing is to acknowledge all, to throw is to have all tried again;
   * otherwise it gives what becomes of each, in the order of the messages.
   */
  handleBatch?(messages: readonly ReceivedMessage[], signal: AbortSignal): BatchOutcome | Promise<BatchOutcome>;
}

export type HandlerOutcome = Settlement | undefined | void;
export type BatchOutcome = readonly Settlement[] | undefined | void;

/** A batch listener also handles single messages, those that may have killed a process for example. */
export type CompleteBinding = ListenerBinding & Required<Pick<ListenerBinding, 'handle'>>;

export function completeBinding(binding: ListenerBinding): CompleteBinding {
  if (binding.handle !== undefined) return binding as CompleteBinding;
  return { ...binding, handle: async (message, signal) => (await binding.handleBatch!([message], signal))?.[0] };
}

// An option given as undefined means: the default.
function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
