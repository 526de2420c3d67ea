import type { ReadPacket } from '@nestjs/microservices';
import { MessagingError } from '../../protocol/index.js';
import { describeValue } from '../payload/index.js';
import type { DeliveryTime, SendOptions } from '../template/index.js';
import { checkRecordOptions, MessagingRecord } from './messaging.record.js';

/** What one `emit` or `send` comes to. */
export interface OutgoingPacket {
  readonly destination: string;
  readonly payload: unknown;
  readonly options: SendOptions;
  readonly orderlyKey: string | undefined;
  readonly delay: DeliveryTime | undefined;
}

/** Takes pattern, record and the metadata that a dispatch hook has added; throws BAD_ARGUMENT. */
export function outgoingPacket({ pattern, data, metadata }: ReadPacket): OutgoingPacket {
  const record = data instanceof MessagingRecord ? data : new MessagingRecord(data as unknown);
  checkRecordOptions(record.options);
  const { orderlyKey, delay, ...options } = record.options;
  const properties = metadata === undefined ? options.properties : { ...metadata, ...options.properties };
  return {
    destination: destinationOf(pattern),
    payload: record.data,
    options: properties === undefined ? options : { ...options, properties },
    orderlyKey,
    delay,
  };
}

/** What only events can have. */
export function refuseForRequests({ orderlyKey, delay, destination }: OutgoingPacket): void {
  const which = orderlyKey === undefined ? delay && 'delay' : 'orderlyKey';
  if (which === undefined) return;
  throw new MessagingError(
    'BAD_ARGUMENT',
    `send to ${destination}: ${which} is for emit; somebody waits for the answer of a request, now`,
  );
}

function destinationOf(pattern: unknown): string {
  if (typeof pattern === 'string') return pattern;
  const { topic, tag, ...more } = (pattern ?? {}) as { topic?: unknown; tag?: unknown };
  const known = typeof topic === 'string' && (tag === undefined || typeof tag === 'string');
  if (known && Object.keys(more).length === 0) return tag === undefined ? topic : `${topic}:${tag}`;
  throw new MessagingError(
    'BAD_ARGUMENT',
    `a message is sent to "topic", "topic:tag" or { topic, tag }, not to ${describeValue(pattern)}`,
  );
}
