import {
  decodeBatchBody,
  ExtensionProperty,
  getProperty,
  MessagingError,
  PropertyName,
  RecordView,
  SysFlag,
  type MessageRecord,
} from '../../protocol/index.js';
import { decompress, needsDecompression } from '../compression/body-codec.js';
import type { ClientCounters } from '../counters.js';
import type { Listener, ListenerTable } from './listener-table.js';
import { Delivery, type ProcessQueue } from './process-queue.js';
import { asMessagingError } from '../connection/response-error.js';

/** What a pull brought. */
export interface Pulled {
  readonly deliveries: Delivery[];
  /** Where the next pull begins. */
  readonly nextOffset: number;
}

/** Turns the body of a pull's answer into deliveries, in one pass. */
export class PulledBodyDecoder {
  constructor(
    private readonly listeners: ListenerTable,
    /** The group's retry topic: its messages are shown, and routed, with the topic that they were sent to. */
    private readonly retryTopic: string,
    private readonly counters: ClientCounters,
  ) {}

  /**
   * Those that a listener wants; a promise only when something is compressed. Throws RECORD_INVALID when the body begins
   * with no record; when one further on is none, what stands before it is taken and the next pull begins there.
   */
  decode(queue: ProcessQueue, body: Buffer, nextBeginOffset: number): Pulled | Promise<Pulled> {
    const records: RecordView[] = [];
    let compressed = false;
    let nextOffset = nextBeginOffset;
    for (let at = 0; at < body.length;) {
      let record: RecordView;
      try {
        record = new RecordView(body, at);
      } catch (error) {
        const last = records.at(-1);
        if (last === undefined) throw error;
        nextOffset = last.queueOffset + 1;
        break;
      }
      at += record.size;
      compressed ||= needsDecompression(record.sysFlag);
      records.push(record);
    }
    if (compressed) return this.decompressAll(queue, records, nextOffset);
    const deliveries: Delivery[] = [];
    for (const record of records) this.add(deliveries, queue, record, record.body, undefined);
    return { deliveries, nextOffset };
  }

  private async decompressAll(
    queue: ProcessQueue,
    records: readonly MessageRecord[],
    nextOffset: number,
  ): Promise<Pulled> {
    const deliveries: Delivery[] = [];
    for (const record of records) {
      try {
        const body = needsDecompression(record.sysFlag) ? await decompress(record.body, record.sysFlag) : record.body;
        this.add(deliveries, queue, record, body, undefined);
      } catch (error) {
        this.add(deliveries, queue, record, record.body, asMessagingError(error, 'Decompressing a message'));
      }
    }
    return { deliveries, nextOffset };
  }

  private add(
    deliveries: Delivery[],
    queue: ProcessQueue,
    record: MessageRecord,
    body: Buffer,
    fault: MessagingError | undefined,
  ): void {
    const batch = SysFlag.INNER_BATCH | SysFlag.NEED_UNWRAP;
    if (fault === undefined && (record.sysFlag & batch) === batch) this.addInner(deliveries, queue, record, body);
    else this.addOne(deliveries, queue, record, body, record.properties, record.queueOffset, fault);
  }

  // A RocketMQ 5 topic of type BatchCQ keeps a batch as one record; its messages have consecutive offsets.
  private addInner(deliveries: Delivery[], queue: ProcessQueue, record: MessageRecord, body: Buffer): void {
    try {
      decodeBatchBody(body).forEach((inner, index) => {
        const offset = record.queueOffset + index;
        this.addOne(deliveries, queue, record, inner.body, inner.properties, offset, undefined);
      });
    } catch (error) {
      const fault = new MessagingError(
        'UNDECODABLE',
        `The batch record cannot be taken apart: ${(error as Error).message}`,
        { cause: error },
      );
      this.addOne(deliveries, queue, record, body, record.properties, record.queueOffset, fault);
    }
  }

  private addOne(
    deliveries: Delivery[],
    queue: ProcessQueue,
    record: MessageRecord,
    body: Buffer,
    properties: string,
    queueOffset: number,
    fault: MessagingError | undefined,
  ): void {
    // The inner messages of a batch that was begun already.
    if (queueOffset < queue.nextOffset) return;
    let topic = queue.topic;
    const isRetry = topic === this.retryTopic;
    if (isRetry) topic = getProperty(properties, PropertyName.RETRY_TOPIC) ?? topic;
    // A replay sends what was never asked whether the group wants it.
    const isWanted =
      isRetry && (record.reconsumeTimes > 0 || getProperty(properties, ExtensionProperty.REPLAYED) === undefined);
    const listener: Listener | undefined = isWanted
      ? this.listeners.findAgain(topic, properties)
      : this.listeners.find(topic, properties);
    if (listener === undefined) {
      if (!isWanted) {
        this.counters.filtered++;
        return;
      }
      // It was wanted once, so dropping it would lose it: the listener is gone, and the dead letter says so.
      fault ??= new MessagingError('UNDECODABLE', `No listener of the group is left for this message of ${topic}`);
    }
    deliveries.push(new Delivery(queue, record, topic, properties, body, queueOffset, listener, fault));
  }
}
