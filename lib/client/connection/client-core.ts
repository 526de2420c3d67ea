import type { Platform } from '../../platform/index.js';
import type { ConsumerData } from '../../protocol/index.js';
import type { BrokerCalls } from './broker-calls.js';
import type { Capabilities } from './capabilities.js';
import type { ClientCounters } from '../counters.js';
import type { TopicSends } from '../counts.js';
import type { ClientSettings } from '../options.js';
import type { RouteTable } from './route-table.js';
import type { Suspects } from '../dispatch/suspects.js';
import type { MessageTracer } from '../trace/message-tracer.js';

/** What the parts of one client share. */
export interface ClientCore {
  readonly clientId: string;
  readonly producerGroup: string;
  readonly settings: ClientSettings;
  readonly platform: Platform;
  readonly counters: ClientCounters;
  readonly sends: TopicSends;
  readonly routes: RouteTable;
  /** Addresses with `;` between them, as they were given. */
  readonly nameServers: string;
  readonly brokers: BrokerCalls;
  /** What the brokers can do. */
  readonly capabilities: Capabilities;
  readonly heartbeats: Heartbeats;
  readonly suspects: Suspects;
  /** Undefined when nothing is traced. */
  readonly tracer: MessageTracer | undefined;
}

/** Which groups this client has; every broker is told at once when that changes, and again every 30 s. */
export interface Heartbeats {
  /** Resolves when every broker that can be reached knows the group; rejects when none can. */
  register(data: ConsumerData): Promise<void>;
  /** The same for the producer group of transactions. */
  registerTransactions(group: string): Promise<void>;
  /** Tells every broker that this client is to be asked about no transaction any more. */
  unregisterTransactions(): Promise<void>;
  /** Makes this client known as a producer, so that replies find it. */
  announceProducer(): Promise<void>;
  /** Tells every broker that this client has left the group. */
  unregister(group: string): Promise<void>;
  /** Tells one broker again: it has answered that it does not know the group. */
  repeat(address: string): Promise<void>;
}
