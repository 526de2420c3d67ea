import type { MessageRecord } from '../protocol/index.js';
import type { StoreMessage } from './types.js';

/** The message of a stored record, to be stored once more in this place with these properties. */
export function messageOf(record: MessageRecord, topic: string, queueId: number, properties: string): StoreMessage {
  return {
    topic,
    queueId,
    flag: record.flag,
    sysFlag: record.sysFlag,
    bornTimestamp: record.bornTimestamp,
    bornHost: record.bornHost,
    reconsumeTimes: record.reconsumeTimes,
    preparedTransactionOffset: record.preparedTransactionOffset,
    properties,
    body: record.body,
  };
}

/** Without a body: one whose properties alone say something to the broker itself. */
export function markOf(topic: string, properties: string, now: number): StoreMessage {
  return {
    topic,
    queueId: 0,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: now,
    bornHost: '127.0.0.1:0',
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    properties,
    body: Buffer.alloc(0),
  };
}
