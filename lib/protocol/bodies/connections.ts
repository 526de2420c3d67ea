import type { SubscriptionData } from './heartbeat.js';
import { writeJson } from './json-fields.js';

/** One client of a group. */
export interface Connection {
  clientId: string;
  /** `ip:port` */
  clientAddr: string;
  /** Java's name of it: `JAVA`, `GO`, … */
  language: string;
  /** MQVersion ordinal. */
  version: number;
}

/** Body of the answer to GET_CONSUMER_CONNECTION_LIST. */
export interface ConsumerConnection {
  connectionSet: Connection[];
  /** By topic. */
  subscriptionTable: Map<string, SubscriptionData>;
  consumeType: string;
  messageModel: string;
  consumeFromWhere: string;
}

/** One client of the answer to GET_ALL_PRODUCER_INFO. */
export interface ProducerInfo {
  clientId: string;
  remoteIP: string;
  language: string;
  version: number;
  /** Of its last heartbeat, milliseconds since 1970. */
  lastUpdateTimestamp: number;
}

export function encodeConsumerConnection(connection: ConsumerConnection): Buffer {
  return writeJson({ ...connection, subscriptionTable: Object.fromEntries(connection.subscriptionTable) });
}

/** Body of the answer to GET_PRODUCER_CONNECTION_LIST. */
export function encodeProducerConnection(connectionSet: readonly Connection[]): Buffer {
  return writeJson({ connectionSet });
}

/** Body of the answer to GET_ALL_PRODUCER_INFO: clients by group. */
export function encodeProducerTable(groups: ReadonlyMap<string, readonly ProducerInfo[]>): Buffer {
  return writeJson({ data: Object.fromEntries(groups) });
}

/** Body of the answer to QUERY_SUBSCRIPTION_BY_CONSUMER; without a subscription when no member has one. */
export function encodeGroupSubscription(group: string, topic: string, data: SubscriptionData | undefined): Buffer {
  return writeJson({ group, topic, subscriptionData: data ?? null });
}

/** Body of the answer to UPDATE_AND_GET_GROUP_FORBIDDEN. */
export function encodeGroupForbidden(group: string, topic: string, readable: boolean): Buffer {
  return writeJson({ group, topic, readable });
}
