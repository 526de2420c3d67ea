import type { Attributes } from '@opentelemetry/api';
import {
  ConsumeMode,
  type InterceptedCall,
  type InterceptedSend,
  type OutgoingMessage,
  type ReceivedMessage,
} from '../../client/index.js';
import { PropertyName } from '../../protocol/index.js';
import type { ResolvedConnectionOptions } from '../options/messaging-options.js';

/**
 * OpenTelemetry's semantic conventions for messaging, with those for RocketMQ:
 * https://opentelemetry.io/docs/specs/semconv/messaging/rocketmq/
 */
export function connectionAttributes(connection: ResolvedConnectionOptions): Attributes {
  const attributes: Attributes = { 'messaging.system': 'rocketmq', 'nestmq.connection': connection.connection };
  const { nameServers, namespace } = connection;
  if (namespace !== undefined) attributes['messaging.rocketmq.namespace'] = namespace;
  const [address] = nameServers ?? [];
  if (address !== undefined) {
    const colon = address.lastIndexOf(':');
    attributes['server.address'] = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
    attributes['server.port'] = Number(address.slice(colon + 1));
  }
  return attributes;
}

export function sendAttributes({ clientId, messages }: InterceptedSend): Attributes {
  const [first] = messages;
  const attributes: Attributes = {
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': first!.topic,
    'messaging.client.id': clientId,
    'messaging.rocketmq.message.type': typeOf(first!),
  };
  if (messages.length > 1) attributes['messaging.batch.message_count'] = messages.length;
  else {
    attributes['messaging.message.body.size'] = first!.body.length;
    if (first!.tag !== undefined) attributes['messaging.rocketmq.message.tag'] = first!.tag;
    if (first!.keys !== undefined) attributes['messaging.rocketmq.message.keys'] = [...first!.keys];
  }
  if (first!.shardingKey !== undefined) attributes['messaging.rocketmq.message.group'] = first!.shardingKey;
  const { delay } = first!;
  if (delay !== undefined && 'level' in delay) attributes['messaging.rocketmq.message.delay_time_level'] = delay.level;
  if (delay !== undefined && 'deliverAt' in delay) {
    attributes['messaging.rocketmq.message.delivery_timestamp'] = delay.deliverAt;
  }
  return attributes;
}

function typeOf({ delay, shardingKey }: OutgoingMessage): string {
  if (delay !== undefined) return 'delay';
  return shardingKey === undefined ? 'normal' : 'fifo';
}

export function callAttributes({ clientId, group, mode, listener, messages }: InterceptedCall): Attributes {
  const [first] = messages;
  const attributes: Attributes = {
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': first!.topic,
    'messaging.consumer.group.name': group,
    'messaging.client.id': clientId,
    'messaging.rocketmq.consumption_model': mode === ConsumeMode.BROADCAST ? 'broadcasting' : 'clustering',
    'nestmq.listener': listener,
  };
  if (messages.length > 1) attributes['messaging.batch.message_count'] = messages.length;
  else Object.assign(attributes, messageAttributes(first!));
  return attributes;
}

export function messageAttributes(message: ReceivedMessage): Attributes {
  const attributes: Attributes = {
    'messaging.message.id': message.messageId,
    'messaging.message.body.size': message.bodySize,
    'nestmq.attempt': message.attempt,
  };
  if (message.tag !== undefined) attributes['messaging.rocketmq.message.tag'] = message.tag;
  if (message.keys.length > 0) attributes['messaging.rocketmq.message.keys'] = [...message.keys];
  const conversation = message.systemProperty(PropertyName.CORRELATION_ID);
  if (conversation !== undefined) attributes['messaging.message.conversation_id'] = conversation;
  return attributes;
}
