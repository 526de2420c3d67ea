import {
  createRequest,
  decodeOffsetMessageId,
  decodeRecord,
  decodeRecords,
  encodeOffsetMessageId,
  isHiddenTopic,
  type MessageRecord,
  MessagingError,
  type QueryMessageRequestHeader,
  RequestCode,
  ResponseCode,
} from '../../protocol/index.js';
import { compareText } from '../connection/topic-route.js';
import { ReceivedMessage } from '../consumer/received-message.js';
import { decompress, needsDecompression } from '../compression/body-codec.js';
import type { AdminCalls, Master } from './admin-calls.js';
import { checkOptions, option } from './check-options.js';
import { QueueHead } from './queue-head.js';
import { QueueReader } from './queue-reader.js';

/** What brokers answer at the most. */
const MOST_BY_KEY = 64;
const DEFAULT_BY_KEY = 32;
const MOST_BY_TIME = 1_000;
const DEFAULT_BY_TIME = 100;
const INDEX_PRECISION_MILLIS = 1000;
const END_OF_TIME = Number.MAX_SAFE_INTEGER;
const TIMES = { from: option.date, to: option.date } as const;

/** @publicApi */
export interface FindOptions {
  /** Stored then or later. Default: everything that is kept. */
  from?: Date;
  /** Stored then or earlier. Default: now. */
  to?: Date;
  /** Default: 32 by key (64 at the most), 100 by time (1,000 at the most). */
  max?: number;
}

/** Finds messages that are stored, whoever has handled them. Delayed ones are found once they are delivered. @publicApi */
export class MessageAdmin {
  constructor(private readonly calls: AdminCalls) {}

  /**
   * The message with this `messageId`; undefined when none is kept. Of one that a lost answer has made to be stored twice
   * the first.
   * @throws MessagingError TOPIC_NOT_FOUND; NOT_SUPPORTED where `broker.index` is off.
   */
  async findByMessageId(topic: string, messageId: string): Promise<ReceivedMessage | undefined> {
    checkText(messageId, 'messageId');
    const found = await this.query({ topic, key: messageId, maxNum: MOST_BY_KEY, ...range({}), unique: true });
    return found.at(-1);
  }

  /**
   * The messages that have this among their `keys`, the youngest first. For more than 64 go on with the time of the last
   * one as `to`.
   * @throws MessagingError TOPIC_NOT_FOUND; BAD_ARGUMENT; NOT_SUPPORTED where `broker.index` is off.
   */
  async findByKey(topic: string, key: string, options: FindOptions = {}): Promise<ReceivedMessage[]> {
    checkText(key, 'key');
    checkOptions('messages.findByKey', options, { ...TIMES, max: option.whole(1, MOST_BY_KEY) });
    const max = options.max ?? DEFAULT_BY_KEY;
    const found = await this.query({ topic, key, maxNum: max, ...range(options), unique: false });
    return found.slice(0, max);
  }

  /**
   * The message with this `offsetMessageId`: where a broker has stored it. Undefined when it is not kept any more, or was
   * stored there to wait for its time or for its transaction.
   */
  async findByOffset(offsetMessageId: string): Promise<ReceivedMessage | undefined> {
    checkText(offsetMessageId, 'offsetMessageId');
    const { host, physicalOffset } = decodeOffsetMessageId(offsetMessageId);
    const masters = await this.calls.allMasters();
    // A broker inside has no address that it could be found by: then the record says whether it is the one.
    for (const master of masters.toSorted((a, b) => Number(b.address === host) - Number(a.address === host))) {
      const record = await this.view(master, physicalOffset);
      if (record === undefined) continue;
      if (encodeOffsetMessageId(record.storeHost, record.physicalOffset) !== offsetMessageId.toUpperCase()) continue;
      if (isHiddenTopic(record.topic)) return undefined;
      return messageOf(record, master.brokerName);
    }
    return undefined;
  }

  /**
   * The messages that a topic's queues have from that time on, the oldest first. Works without an index.
   * @throws MessagingError TOPIC_NOT_FOUND; BAD_ARGUMENT.
   */
  async findByTime(topic: string, options: FindOptions = {}): Promise<ReceivedMessage[]> {
    checkOptions('messages.findByTime', options, { ...TIMES, max: option.whole(1, MOST_BY_TIME) });
    const { beginTimestamp, endTimestamp } = range(options);
    const route = await this.calls.route(topic);
    const heads: QueueHead[] = [];
    for (const queue of route.readQueues) {
      const reader = new QueueReader(this.calls, queue, this.calls.master(route, queue.brokerName));
      const head = new QueueHead(reader, await reader.offsetAt(beginTimestamp));
      await head.fill();
      heads.push(head);
    }
    const found: ReceivedMessage[] = [];
    while (found.length < (options.max ?? DEFAULT_BY_TIME)) {
      const oldest = heads.reduce<QueueHead | undefined>(
        (best, head) => (head.isOlderThan(best) ? head : best),
        undefined,
      );
      const record = oldest?.record;
      if (record === undefined || record.storeTimestamp > endTimestamp) break;
      // Apache's search is exact to the second only.
      if (record.storeTimestamp >= beginTimestamp) found.push(await messageOf(record, oldest!.brokerName));
      await oldest!.next();
    }
    return found;
  }

  /** Of all brokers that have the topic, the youngest first. */
  private async query(header: QueryMessageRequestHeader): Promise<ReceivedMessage[]> {
    const route = await this.calls.route(header.topic);
    const { core } = await this.calls.parts();
    const found: { record: MessageRecord; brokerName: string }[] = [];
    for (const { brokerName, address } of this.calls.masters(route)) {
      const { kind } = await core.capabilities.of(address);
      const asked = kind === 'ours' ? header : wholeSeconds(header);
      const request = createRequest<QueryMessageRequestHeader>(RequestCode.QUERY_MESSAGE, asked);
      const response = await core.brokers.call(address, request);
      if (response.code === ResponseCode.QUERY_NOT_FOUND) continue;
      if (response.code !== ResponseCode.SUCCESS) throw core.brokers.failure(response, request, address);
      for (const record of decodeRecords(response.body ?? Buffer.alloc(0)))
        if (header.unique === true || isBetween(record, header)) found.push({ record, brokerName });
    }
    found.sort(
      (a, b) =>
        b.record.storeTimestamp - a.record.storeTimestamp ||
        compareText(a.brokerName, b.brokerName) ||
        b.record.physicalOffset - a.record.physicalOffset,
    );
    return Promise.all(found.map(({ record, brokerName }) => messageOf(record, brokerName)));
  }

  private async view({ address }: Master, offset: number): Promise<MessageRecord | undefined> {
    const { core } = await this.calls.parts();
    const request = createRequest(RequestCode.VIEW_MESSAGE_BY_ID, { offset });
    const response = await core.brokers.call(address, request);
    if (response.code === ResponseCode.SUCCESS)
      return response.body === undefined || response.body.length === 0 ? undefined : decodeRecord(response.body);
    const error = core.brokers.failure(response, request, address);
    // Apache answers SYSTEM_ERROR for an offset at which nothing is, or no longer is.
    const gone = ['OFFSET_OUT_OF_RANGE', 'RECORD_INVALID'].includes(error.code);
    if (gone || response.code === ResponseCode.SYSTEM_ERROR) return undefined;
    throw error;
  }
}

/** Apache compares times by the second. */
function isBetween({ storeTimestamp }: MessageRecord, header: QueryMessageRequestHeader): boolean {
  return storeTimestamp >= header.beginTimestamp && storeTimestamp <= header.endTimestamp;
}

/** One that cannot be decompressed is shown as it lies there. */
async function messageOf(record: MessageRecord, brokerName: string): Promise<ReceivedMessage> {
  const { topic, properties, queueOffset, reconsumeTimes } = record;
  const body = needsDecompression(record.sysFlag)
    ? await decompress(record.body, record.sysFlag).catch(() => record.body)
    : record.body;
  return new ReceivedMessage(record, { topic, brokerName, attempt: reconsumeTimes + 1, body, queueOffset, properties });
}

/** Apache's index knows seconds only, and may be one off. */
function wholeSeconds(header: QueryMessageRequestHeader): QueryMessageRequestHeader {
  const { beginTimestamp, endTimestamp } = header;
  return {
    ...header,
    beginTimestamp: Math.max(0, beginTimestamp - INDEX_PRECISION_MILLIS),
    endTimestamp: Math.min(END_OF_TIME, endTimestamp + INDEX_PRECISION_MILLIS),
  };
}

function range({ from, to }: FindOptions): { beginTimestamp: number; endTimestamp: number } {
  const beginTimestamp = Math.max(0, from?.getTime() ?? 0);
  const endTimestamp = to?.getTime() ?? END_OF_TIME;
  if (beginTimestamp <= endTimestamp) return { beginTimestamp, endTimestamp };
  throw new MessagingError('BAD_ARGUMENT', `The time "from" lies behind "to"`);
}

function checkText(value: unknown, what: string): void {
  if (typeof value === 'string' && value !== '' && !/\s/.test(value)) return;
  throw new MessagingError(
    'BAD_ARGUMENT',
    `The ${what} must be a text without white space, not ${JSON.stringify(value)}`,
  );
}
