import { flagOf, numberOf, readObject, textOf, writeJson } from './json-fields.js';
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
}

export function encodeTopicConfig(config: TopicConfig): Buffer {
  return writeJson(config);
}

export function decodeTopicConfig(body: Buffer): TopicConfig {
  return topicConfigFrom(readObject(body, 'topic'));
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
  };
}
