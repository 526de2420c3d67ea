import { encodeBatchBody, RequestCode } from '../../protocol/index.js';
import type { SendResult } from './messages.js';

/**
 * What one request carries, checked and in wire form: one message, or several that share topic and queue. One flat object
 * per message: it lives until the broker has answered.
 */
export interface SendUnit {
  readonly requestCode: number;
  readonly topic: string;
  /** Belongs to the client. */
  readonly body: Buffer;
  /** Wire form of all properties; empty for a batch, whose messages have their own. */
  readonly properties: string;
  /** Of the message, or the first one of the batch. */
  readonly messageId: string;
  /** The ids of all messages of a batch; undefined for a single message. */
  readonly batch: readonly string[] | undefined;
  readonly shardingKey: string | undefined;
  readonly dedupId: string | undefined;
  readonly delayed: boolean;
  /** To be delivered then, in milliseconds since 1970; undefined without a delay, and for one by its level. */
  readonly deliverAt: number | undefined;
  readonly compressible: boolean;
  /** The producer group of a transactional message. */
  readonly transactionGroup: string | undefined;
  /** On the monotonic clock. */
  readonly deadline: number;
  /** Attempts after the first. */
  readonly retries: number;
}

export function countOf(unit: SendUnit): number {
  return unit.batch === undefined ? 1 : unit.batch.length;
}

export function batchUnit(units: readonly SendUnit[], deadline: number, retries: number): SendUnit {
  const items = units.map(({ body, properties }) => ({ flag: 0, body, properties }));
  const { topic, shardingKey, messageId } = units[0]!;
  return {
    requestCode: RequestCode.SEND_BATCH_MESSAGE,
    topic,
    body: encodeBatchBody(items),
    properties: '',
    messageId,
    batch: units.map((unit) => unit.messageId),
    shardingKey,
    dedupId: undefined,
    delayed: false,
    deliverAt: undefined,
    compressible: false,
    transactionGroup: undefined,
    deadline,
    retries,
  };
}

/** The results of the messages that travelled in one batch, in their order. */
export function resultsWithin(batch: SendResult, messageIds: readonly string[]): SendResult[] {
  const offsetMessageIds = batch.offsetMessageId.split(',');
  return messageIds.map((messageId, index) => ({
    status: batch.status,
    messageId,
    offsetMessageId: offsetMessageIds[index] ?? batch.offsetMessageId,
    topic: batch.topic,
    brokerName: batch.brokerName,
    queueId: batch.queueId,
    queueOffset: batch.queueOffset + index,
    messageIds: undefined,
    duplicate: undefined,
  }));
}
