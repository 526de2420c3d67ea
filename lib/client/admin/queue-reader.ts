import {
  createRequest,
  decodeRecords,
  type MessageQueue,
  type MessageRecord,
  type PullMessageRequestHeader,
  type PullMessageResponseHeader,
  PullSysFlag,
  RequestCode,
  ResponseCode,
} from '../../protocol/index.js';
import { decompress, needsDecompression } from '../compression/body-codec.js';
import type { AdminCalls } from './admin-calls.js';

/** RocketMQ's group for tools: every broker knows it, and nothing it reads moves a position. */
const TOOLS_GROUP = 'TOOLS_CONSUMER';

/** Messages of one read. A broker answers with 256 KiB, or one message if that is larger: so much is in memory. */
export const PAGE = 32;

export interface QueuePage {
  readonly records: MessageRecord[];
  /** Where the next read begins; beyond the one asked for, unless the queue ends there. */
  readonly nextOffset: number;
}

const NOTHING_THERE: ReadonlySet<number> = new Set([
  ResponseCode.PULL_NOT_FOUND,
  ResponseCode.PULL_RETRY_IMMEDIATELY,
  ResponseCode.PULL_OFFSET_MOVED,
]);

/** Reads a queue from outside of any group: positions stay where they are. */
export class QueueReader {
  constructor(
    private readonly calls: AdminCalls,
    readonly queue: MessageQueue,
    readonly address: string,
  ) {}

  minOffset(): Promise<number> {
    return this.calls.offset(this.address, RequestCode.GET_MIN_OFFSET, this.queue);
  }

  maxOffset(): Promise<number> {
    return this.calls.offset(this.address, RequestCode.GET_MAX_OFFSET, this.queue);
  }

  /** Of the first message stored at this time (ms since 1970) or later. */
  async offsetAt(timestamp: number): Promise<number> {
    const { core } = await this.calls.parts();
    const { topic, queueId } = this.queue;
    const request = createRequest(RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, { topic, queueId, timestamp });
    return ((await core.brokers.ask(this.address, request)).header as { offset: number }).offset;
  }

  async read(offset: number, most: number = PAGE): Promise<QueuePage> {
    const { core } = await this.calls.parts();
    const request = createRequest<PullMessageRequestHeader>(RequestCode.PULL_MESSAGE, {
      consumerGroup: TOOLS_GROUP,
      topic: this.queue.topic,
      queueId: this.queue.queueId,
      queueOffset: offset,
      maxMsgNums: most,
      sysFlag: PullSysFlag.SUBSCRIPTION,
      commitOffset: 0,
      suspendTimeoutMillis: 0,
      subVersion: 0,
      subscription: '*',
      expressionType: 'TAG',
      maxMsgBytes: undefined,
    });
    const response = await core.brokers.call(this.address, request);
    if (response.code !== ResponseCode.SUCCESS && !NOTHING_THERE.has(response.code)) {
      throw core.brokers.failure(response, request, this.address);
    }
    const { nextBeginOffset } = response.header as PullMessageResponseHeader;
    const records = response.body === undefined ? [] : decodeRecords(response.body);
    return { records, nextOffset: nextBeginOffset };
  }

  /** One message; undefined when it is not there any more, or not yet. */
  async readOne(offset: number): Promise<MessageRecord | undefined> {
    const { records } = await this.read(offset, 1);
    return records.find(({ queueOffset }) => queueOffset === offset);
  }
}

/** One that cannot be read is shown, and resent, as it lies there: its bytes are all that anybody has. */
export async function bodyOf(record: MessageRecord): Promise<Buffer> {
  if (!needsDecompression(record.sysFlag)) return record.body;
  return decompress(record.body, record.sysFlag).catch(() => record.body);
}
