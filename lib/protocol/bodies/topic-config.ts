import { MessagingError } from '../errors.js';
import { ExtensionBodyField } from '../extensions.js';
import { flagOf, numberOf, optionalNumberOf, readObject, textOf, writeJson } from './json-fields.js';
import type { JsonObject } from './json-reader.js';

/** Bits of a topic's and a queue's permission. */
export const Permission = {
  INHERIT: 1,
  WRITE: 2,
  READ: 4,
} as const;

export interface TopicConfig {
  topicName: string;
  readQueueNums: number;
  writeQueueNums: number;
  /** Bits of `Permission`. */
  perm: number;
  topicFilterType: string;
  topicSysFlag: number;
  order: boolean;
  /** See `ExtensionBodyField.ORDERED_QUEUES`. */
  orderedQueues?: number;
  /** See `ExtensionBodyField.KEYS_SPREAD`. */
  keysSpread?: boolean;
}

export function encodeTopicConfig(config: TopicConfig): Buffer {
  return writeJson(topicConfigToJson(config));
}

export function decodeTopicConfig(body: Buffer): TopicConfig {
  return topicConfigFrom(readObject(body, 'topic'));
}

export function topicConfigToJson({ orderedQueues, keysSpread, ...config }: TopicConfig): object {
  return {
    ...config,
    [ExtensionBodyField.ORDERED_QUEUES]: orderedQueues,
    [ExtensionBodyField.KEYS_SPREAD]: keysSpread,
  };
}

export function topicConfigFrom(object: JsonObject): TopicConfig {
  return {
    topicName: textOf(object, 'topicName'),
    readQueueNums: numberOf(object, 'readQueueNums', 16),
    writeQueueNums: numberOf(object, 'writeQueueNums', 16),
    perm: numberOf(object, 'perm', Permission.READ | Permission.WRITE),
    topicFilterType: textOf(object, 'topicFilterType', 'SINGLE_TAG'),
    topicSysFlag: numberOf(object, 'topicSysFlag', 0),
    order: flagOf(object, 'order', false),
    orderedQueues: optionalNumberOf(object, ExtensionBodyField.ORDERED_QUEUES),
    keysSpread: flagOf(object, ExtensionBodyField.KEYS_SPREAD, false) || undefined,
  };
}

/** `name read write perm SINGLE_TAG`, the form that RocketMQ has for compressed registrations. */
export function topicConfigLine(config: TopicConfig): string {
  const { topicName, readQueueNums, writeQueueNums, perm, topicFilterType } = config;
  return `${topicName} ${readQueueNums} ${writeQueueNums} ${perm} ${topicFilterType}`;
}

/** Attributes, which version 5 writes behind it, are not read. */
export function topicConfigFromLine(line: string): TopicConfig {
  const [topicName = '', ...rest] = line.split(' ');
  const [readQueueNums, writeQueueNums, perm] = rest.slice(0, 3).map(Number);
  if (topicName === '' || ![readQueueNums, writeQueueNums, perm].every(Number.isInteger)) {
    throw new MessagingError('BAD_ARGUMENT', `${JSON.stringify(line.slice(0, 80))} is no topic of a registration.`);
  }
  return {
    topicName,
    readQueueNums: readQueueNums!,
    writeQueueNums: writeQueueNums!,
    perm: perm!,
    topicFilterType: rest[3] ?? 'SINGLE_TAG',
    topicSysFlag: 0,
    order: false,
  };
}
