import type { Channel } from '../remoting/index.js';
import { TRANSACTION_DEFAULTS, type TransactionSettings } from './transactions/transaction-checks.js';

/** What a broker is told. Sizes in bytes, times in milliseconds. */
export interface BrokerOptions {
  /** Default: 6 s, 30 s, 15. */
  transactions?: Partial<TransactionSettings>;
  /** The broker's name in routes. Default `nestmq`. */
  name?: string;
  /** The cluster that it belongs to. Default `DefaultCluster`. */
  cluster?: string;
  /** `ip:port` under which clients reach it; stands in message ids. */
  address: string;
  /** Whether a send to an unknown topic creates it. Default true. */
  autoCreateTopics?: boolean;
  /** Queues of a topic that is created by a send. Default 4. */
  defaultQueues?: number;
  /** Topics beyond this are not created by sends or heartbeats. Default 20 000. */
  maxTopics?: number;
  /** Whether consumers may filter by SQL92. Default true. */
  sqlFilters?: boolean;
  /** Pulls that may wait for messages at the same time. Default 100 000. */
  maxHeldPulls?: number;
  /** Whether a connection may be asked about a transaction on the topic, which shows it the message. Default: all may. */
  mayCheck?: (channel: Channel, topic: string) => boolean;
  /** Whether the clients of this process have outlived the broker before, so that its end was no death of theirs. Default false. */
  clientsLive?: boolean;
}

export type ResolvedBrokerOptions = Readonly<
  Omit<Required<BrokerOptions>, 'transactions'> & { transactions: TransactionSettings }
>;

export function resolveBrokerOptions(options: BrokerOptions): ResolvedBrokerOptions {
  return {
    transactions: { ...TRANSACTION_DEFAULTS, ...options.transactions },
    name: options.name ?? 'nestmq',
    cluster: options.cluster ?? 'DefaultCluster',
    address: options.address,
    autoCreateTopics: options.autoCreateTopics ?? true,
    defaultQueues: options.defaultQueues ?? 4,
    maxTopics: options.maxTopics ?? 20_000,
    sqlFilters: options.sqlFilters ?? true,
    maxHeldPulls: options.maxHeldPulls ?? 100_000,
    mayCheck: options.mayCheck ?? (() => true),
    clientsLive: options.clientsLive ?? false,
  };
}
