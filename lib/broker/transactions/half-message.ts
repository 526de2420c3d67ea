import {
  appendProperty,
  encodeRecord,
  ExtensionProperty,
  getProperty,
  type MessageRecord,
  PropertyName,
  recordSizeOf,
  removeProperties,
  setProperty,
  SysFlag,
  TRANSACTION_DEAD_LETTER_TOPIC,
  TRANSACTION_HALF_TOPIC,
  TRANSACTION_OP_TOPIC,
  withTransactionType,
} from '../../protocol/index.js';
import { markOf, messageOf, type StoreMessage } from '../../store/index.js';

const { REAL_TOPIC, REAL_QUEUE_ID, TRANSACTION_PREPARED, PRODUCER_GROUP } = PropertyName;
const { TRANSACTION_SOURCE, TRANSACTION_CHECKED } = ExtensionProperty;
/** Where it waits, and what only described the half record itself. */
const WAITING: readonly string[] = [
  REAL_TOPIC,
  REAL_QUEUE_ID,
  ExtensionProperty.COPIED_FROM,
  ExtensionProperty.FIRST_STORED_AT,
  ExtensionProperty.TRANSACTION_HALF,
];
const HALF_ONLY: readonly string[] = [...WAITING, TRANSACTION_PREPARED];

/** What only describes the dead letter of a half message. */
const LETTER_ONLY: readonly string[] = [
  ExtensionProperty.DLQ_ERROR_CLASS,
  ExtensionProperty.DLQ_ERROR_MESSAGE,
  ExtensionProperty.DLQ_ATTEMPTS,
  ExtensionProperty.DLQ_LAST_FAILED_AT,
  ExtensionProperty.DLQ_TOPIC,
  ExtensionProperty.DLQ_QUEUE_ID,
  ExtensionProperty.COPIED_FROM,
  ExtensionProperty.FIRST_STORED_AT,
  TRANSACTION_SOURCE,
];

export function producerGroupOf(half: MessageRecord): string {
  return getProperty(half.properties, PRODUCER_GROUP) ?? '';
}

/** Puts the message where no consumer looks; it remembers where it belongs. */
export function hideAsHalf(message: StoreMessage, producerGroup: string): void {
  message.properties = setProperty(message.properties, PRODUCER_GROUP, producerGroup);
  message.properties = appendProperty(message.properties, REAL_TOPIC, message.topic);
  message.properties = appendProperty(message.properties, REAL_QUEUE_ID, String(message.queueId));
  message.topic = TRANSACTION_HALF_TOPIC;
  message.queueId = 0;
}

/** The message that consumers see. Storing it ends the transaction: there is no moment between the two. */
export function committed(half: MessageRecord, queueId: number): StoreMessage {
  const { topic } = destinationOf(half);
  return {
    ...settling(half, topic, queueId, removeProperties(half.properties, HALF_ONLY)),
    sysFlag: withTransactionType(half.sysFlag, SysFlag.TRANSACTION_COMMIT),
    preparedTransactionOffset: half.physicalOffset,
  };
}

/** What cannot be given to consumers and must not be lost either: nobody said what became of it, or its topic has gone. */
export function transactionDeadLetter(
  half: MessageRecord,
  errorClass: 'TransactionUnresolved' | 'TopicDeleted',
  why: string,
  checks: number,
  now: number,
): StoreMessage {
  const { topic, queueId } = destinationOf(half);
  let properties = removeProperties(half.properties, HALF_ONLY);
  for (const [name, value] of [
    [ExtensionProperty.DLQ_ERROR_CLASS, errorClass],
    [ExtensionProperty.DLQ_ERROR_MESSAGE, why],
    [ExtensionProperty.DLQ_ATTEMPTS, String(checks)],
    [ExtensionProperty.DLQ_LAST_FAILED_AT, String(now)],
    [ExtensionProperty.DLQ_TOPIC, topic],
    [ExtensionProperty.DLQ_QUEUE_ID, String(queueId)],
  ] as const)
    properties = setProperty(properties, name, value);
  return settling(half, TRANSACTION_DEAD_LETTER_TOPIC, 0, properties);
}

/** Of a dead letter: the half message that it was, for its producers to be asked about anew; undefined when it was none. */
export function resumedHalf(letter: MessageRecord): StoreMessage | undefined {
  const topic = getProperty(letter.properties, ExtensionProperty.DLQ_TOPIC);
  if (topic === undefined) return undefined;
  const queueId = Number(getProperty(letter.properties, ExtensionProperty.DLQ_QUEUE_ID) ?? 0);
  const properties = setProperty(removeProperties(letter.properties, LETTER_ONLY), TRANSACTION_PREPARED, 'true');
  const message = { ...messageOf(letter, topic, queueId, properties), preparedTransactionOffset: 0 };
  hideAsHalf(message, producerGroupOf(letter));
  return message;
}

/** The mark of a rollback, by the log offset of the half message. */
export function rolledBack(offset: number, now: number): StoreMessage {
  return markOf(TRANSACTION_OP_TOPIC, appendProperty('', TRANSACTION_SOURCE, String(offset)), now);
}

/** The mark of a check of all these half messages. */
export function checkedMark(offsets: readonly number[], now: number): StoreMessage {
  return markOf(TRANSACTION_OP_TOPIC, appendProperty('', TRANSACTION_CHECKED, offsets.join(',')), now);
}

/** The half message as its producer is asked about it: a record with its real topic and queue. */
export function asRealRecord(half: MessageRecord): Buffer {
  const { topic, queueId } = destinationOf(half);
  const fields = {
    ...half,
    topic,
    queueId,
    properties: removeProperties(half.properties, WAITING),
  };
  const bytes = Buffer.alloc(recordSizeOf(fields));
  encodeRecord(bytes, 0, fields);
  return bytes;
}

/** Where its sender wanted it. */
export function destinationOf(half: MessageRecord): { topic: string; queueId: number } {
  return {
    topic: getProperty(half.properties, REAL_TOPIC) ?? '',
    queueId: Number(getProperty(half.properties, REAL_QUEUE_ID) ?? 0),
  };
}

function settling(half: MessageRecord, topic: string, queueId: number, properties: string): StoreMessage {
  const source = appendProperty(properties, TRANSACTION_SOURCE, String(half.physicalOffset));
  return { ...messageOf(half, topic, queueId, source), preparedTransactionOffset: 0 };
}
