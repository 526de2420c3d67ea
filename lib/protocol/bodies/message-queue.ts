import { numberOf, readObject, textOf } from './json-fields.js';
import type { JsonObject } from './json-reader.js';

/** One queue of a topic on one broker. */
export interface MessageQueue {
  topic: string;
  brokerName: string;
  queueId: number;
}

export function messageQueueFrom(object: JsonObject): MessageQueue {
  return {
    topic: textOf(object, 'topic'),
    brokerName: textOf(object, 'brokerName'),
    queueId: numberOf(object, 'queueId'),
  };
}

/** One spelling per queue: equal queues have equal keys, so tables can be keyed by it. */
export function messageQueueKey(queue: MessageQueue): string {
  return `${queue.topic}@${queue.brokerName}@${queue.queueId}`;
}

/** By topic, then broker name, then queue id: the order that all members of a group divide queues by. */
export function compareMessageQueues(a: MessageQueue, b: MessageQueue): number {
  return compareText(a.topic, b.topic) || compareText(a.brokerName, b.brokerName) || a.queueId - b.queueId;
}

/** By UTF-16 units, as Java compares; never by locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The key of a table that is keyed by queues, in either of its forms: an object as key, or its text as a string. */
export function messageQueueFromKey(key: string): MessageQueue {
  return messageQueueFrom(readObject(key, 'the key of a table of queues'));
}
