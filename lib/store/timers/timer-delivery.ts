import type { MessageRecord } from '../../protocol/index.js';
import {
  appendProperty,
  deadLetterTopic,
  ExtensionProperty,
  getProperty,
  isRetryTopic,
  PARKING_PROPERTIES,
  PropertyName,
  removeProperties,
  RETRY_PREFIX,
  SCHEDULE_TOPIC,
  TIMER_TOPIC,
} from '../../protocol/index.js';
import { markOf, messageOf } from '../record-message.js';
import type { TopicTable } from '../state/topic-table.js';
import type { StoreMessage } from '../types.js';

/** RocketMQ leaves these on a message that was delayed by a level, and takes them away after an exact timer. */
const REAL: readonly string[] = [PropertyName.REAL_TOPIC, PropertyName.REAL_QUEUE_ID];

export type Delivery =
  | { kind: 'deliver'; message: StoreMessage }
  /** The group has gone with its retry topic: what it had not handled is kept where dead letters are looked for. */
  | { kind: 'dead-letter'; message: StoreMessage; why: string }
  /** Nobody can want it any more; the message settles the timer in the log. */
  | { kind: 'drop'; message: StoreMessage; why: string };

/** What becomes of a timer whose time has come. */
export function deliveryOf(record: MessageRecord, topics: Pick<TopicTable, 'get'>, now: number): Delivery {
  const { properties, physicalOffset } = record;
  const realTopic = getProperty(properties, PropertyName.REAL_TOPIC);
  if (realTopic === undefined || realTopic === SCHEDULE_TOPIC || realTopic === TIMER_TOPIC) {
    return drop(physicalOffset, `the parked record at ${physicalOffset} names no topic to deliver it to`, now);
  }
  const topic = topics.get(realTopic);
  // A topic that is younger than the parked record is a successor of the same name: its consumers never asked for this.
  if (topic === undefined || topic.createdAt > physicalOffset) {
    const why = `the topic ${realTopic} was deleted while the message waited`;
    return isRetryTopic(realTopic)
      ? { kind: 'dead-letter', message: deadLetter(record, realTopic.slice(RETRY_PREFIX.length), why, now), why }
      : drop(
          physicalOffset,
          `${why} (message ${getProperty(properties, PropertyName.UNIQUE_KEY) ?? physicalOffset})`,
          now,
        );
  }
  let kept = removeProperties(properties, PARKING_PROPERTIES);
  if (record.topic === TIMER_TOPIC) kept = removeProperties(kept, REAL);
  const queueId = Number(getProperty(properties, PropertyName.REAL_QUEUE_ID) ?? 0);
  // The topic may have been narrowed meanwhile; a queue that nobody reads would be no delivery.
  const queue =
    Number.isInteger(queueId) && queueId >= 0 ? queueId % Math.max(topic.readQueueNums, topic.writeQueueNums) : 0;
  return { kind: 'deliver', message: settling(record, realTopic, queue, kept) };
}

/** A record that does nothing but settle the timer: it lies in the timer topic and has no time. */
export function drop(parkedOffset: number, why: string, now: number): Delivery {
  const properties = appendProperty('', ExtensionProperty.TIMER_SOURCE, String(parkedOffset));
  const message = markOf(TIMER_TOPIC, properties, now);
  return { kind: 'drop', message, why };
}

function deadLetter(record: MessageRecord, group: string, why: string, now: number): StoreMessage {
  let properties = removeProperties(record.properties, [...PARKING_PROPERTIES, ...REAL]);
  const reason: [string, string][] = [
    [ExtensionProperty.DLQ_ERROR_CLASS, 'TopicDeleted'],
    [ExtensionProperty.DLQ_ERROR_MESSAGE, why],
    [ExtensionProperty.DLQ_ATTEMPTS, String(record.reconsumeTimes)],
    [ExtensionProperty.DLQ_LAST_FAILED_AT, String(now)],
  ];
  const origin = getProperty(properties, PropertyName.RETRY_TOPIC);
  if (origin !== undefined) reason.push([ExtensionProperty.DLQ_TOPIC, origin]);
  properties = removeProperties(
    properties,
    reason.map(([name]) => name),
  );
  for (const [name, value] of reason) properties = appendProperty(properties, name, value);
  return settling(record, deadLetterTopic(group), 0, properties);
}

function settling(record: MessageRecord, topic: string, queueId: number, properties: string): StoreMessage {
  const source = String(record.physicalOffset);
  return messageOf(record, topic, queueId, appendProperty(properties, ExtensionProperty.TIMER_SOURCE, source));
}
