import {
  type AlikeBatch,
  type BatchMessages,
  hex16,
  joinedProperties,
  type PropertyParts,
  RequestCode,
} from '../../protocol/index.js';
import type { SendResult } from './messages.js';
import { Stored } from './stored.js';

/**
 * What one request carries, checked and in wire form: one message, or several that share topic and queue. One flat object
 * per message: it lives until the broker has answered.
 *
 * A class, as all of which there is one per send in flight: literals that were seen to live for a while are made in the old
 * part of the heap from then on, where they keep all that they point to until the whole heap is collected (measured: a
 * third of the processor time of a send). What is not given to the constructor is set where a unit is made, nowhere else.
 */
export class SendUnit implements PropertyParts {
  requestCode: number = RequestCode.SEND_MESSAGE_V2;
  /** The ids of all messages of a batch; undefined for a single message. */
  batch: readonly string[] | undefined = undefined;
  /** Those messages. */
  messages: BatchMessages | undefined = undefined;
  shardingKey: string | undefined = undefined;
  dedupId: string | undefined = undefined;
  delayed = false;
  /** To be delivered then, in milliseconds since 1970; undefined without a delay, and for one by its level. */
  deliverAt: number | undefined = undefined;
  compressible = false;
  /** The producer group of a transactional message. */
  transactionGroup: string | undefined = undefined;
  idBegin = '';
  idEnd = 0;
  rest: string | undefined = undefined;

  constructor(
    readonly topic: string,
    /** Belongs to the client; empty for a batch. */
    readonly body: Buffer,
    /** Wire form of all properties; empty where they are in parts, and for a batch, whose messages have their own. */
    private readonly text: string,
    /** Of the message, or the first one of the batch. */
    readonly messageId: string,
    /** When the call came, on the monotonic clock, in whole milliseconds. */
    readonly begunAt: number,
    /** On the monotonic clock. */
    readonly deadline: number,
    /** Attempts after the first. */
    readonly retries: number,
  ) {}

  /** Wire form of all properties. */
  get properties(): string {
    return this.rest === undefined ? this.text : joinedProperties(this.idBegin, this.idEnd, this.rest);
  }

  /** The same with other properties. */
  withProperties(text: string): SendUnit {
    const { topic, body, messageId, begunAt, deadline, retries } = this;
    const unit = new SendUnit(topic, body, text, messageId, begunAt, deadline, retries);
    return Object.assign(unit, this, { text, rest: undefined });
  }
}

export function countOf(unit: SendUnit): number {
  return unit.batch === undefined ? 1 : unit.batch.length;
}

const NO_BODY = Buffer.alloc(0);

export function batchUnit(units: readonly SendUnit[], deadline: number, retries: number): SendUnit {
  const { topic, shardingKey, messageId, begunAt } = units[0]!;
  const batch = new SendUnit(topic, NO_BODY, '', messageId, begunAt, deadline, retries);
  batch.requestCode = RequestCode.SEND_BATCH_MESSAGE;
  batch.batch = units.map((unit) => unit.messageId);
  batch.messages = units;
  batch.shardingKey = shardingKey;
  return batch;
}

export function alikeUnit(
  topic: string,
  messages: AlikeBatch,
  begunAt: number,
  deadline: number,
  retries: number,
): SendUnit {
  const ids = idsOf(messages);
  const unit = new SendUnit(topic, NO_BODY, '', ids[0]!, begunAt, deadline, retries);
  unit.requestCode = RequestCode.SEND_BATCH_MESSAGE;
  unit.batch = ids;
  unit.messages = messages;
  return unit;
}

function idsOf(messages: AlikeBatch): string[] {
  const ids: string[] = [];
  for (let place = 0; place < messages.length; place++) ids.push(messages.idBegin + hex16(messages.idEnd(place)));
  return ids;
}

/** The results of the messages that travelled in one batch, in their order. */
export function resultsWithin(batch: SendResult, messageIds: readonly string[]): SendResult[] {
  const offsetMessageIds = batch.offsetMessageId.split(',');
  const { status, topic, brokerName, queueId, queueOffset } = batch;
  return messageIds.map((messageId, index) => {
    const offsetMessageId = offsetMessageIds[index] ?? batch.offsetMessageId;
    const place = queueOffset + index;
    return new Stored(status, messageId, offsetMessageId, topic, brokerName, queueId, place, undefined, undefined);
  });
}
