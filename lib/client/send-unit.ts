import { encodeBatchBody, RequestCode } from '../protocol/index.js';
import type { SendResult } from './messages.js';
import type { PreparedMessage } from './outgoing.js';

/** What one request carries: one message, or several that share topic and queue. */
export interface SendUnit {
  readonly requestCode: number;
  readonly topic: string;
  readonly body: Buffer;
  readonly properties: string;
  readonly messageIds: readonly string[];
  readonly shardingKey: string | undefined;
  /** On the monotonic clock. */
  readonly deadline: number;
  /** Attempts after the first. */
  readonly retries: number;
  readonly compressible: boolean;
  /** What the message is when it travels with others; undefined for those that must go alone. */
  readonly single: PreparedMessage | undefined;
}

export function singleUnit(
  message: PreparedMessage,
  deadline: number,
  retries: number,
  compressOverBytes: number,
): SendUnit {
  return {
    requestCode: RequestCode.SEND_MESSAGE_V2,
    topic: message.topic,
    body: message.body,
    properties: message.properties,
    messageIds: [message.messageId],
    shardingKey: message.shardingKey,
    deadline,
    retries,
    compressible: message.body.length >= compressOverBytes,
    single: message,
  };
}

export function batchUnit(messages: readonly PreparedMessage[], deadline: number, retries: number): SendUnit {
  const items = messages.map(({ body, properties }) => ({ flag: 0, body, properties }));
  const { topic, shardingKey } = messages[0]!;
  return {
    requestCode: RequestCode.SEND_BATCH_MESSAGE,
    topic,
    body: encodeBatchBody(items),
    // Every item has its own; what stands here would count for the batch as a whole.
    properties: '',
    messageIds: messages.map((message) => message.messageId),
    shardingKey,
    deadline,
    retries,
    compressible: false,
    single: undefined,
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
  }));
}
