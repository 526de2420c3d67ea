import { encodeRecord, type RecordFields, recordSysFlag } from '../../protocol/index.js';
import type { ConsumeQueue } from '../queue/consume-queue.js';
import { queueTagsCode } from '../queue/queue-tags-code.js';
import type { StoreMessage } from '../types.js';
import { emptyFields } from './record-fields.js';
import { type Likeness, Stencils } from './stencils.js';
import type { TailChunk } from './tail.js';

/** Puts messages as records into the memory that goes to disk; what it says of the last one costs no object. */
export class RecordWriter {
  /** Of the last record: what it has in common with others, where it was written by that. */
  likeness: Likeness | undefined;
  sysFlag = 0;
  tagsCode = 0;
  private readonly fields: RecordFields;
  private readonly stencils: Stencils;

  constructor(storeHost: string) {
    this.fields = emptyFields(storeHost);
    this.stencils = new Stencils(storeHost);
  }

  /** By whose stencil the message can be written, which is ready for it; undefined when it goes field by field. */
  likenessOf(message: StoreMessage, queue: ConsumeQueue, storeTimestamp: number): Likeness | undefined {
    const { topic, topicBytes } = queue;
    const likeness = this.stencils.of(topic, topicBytes, message);
    const { bornTimestamp, bornHost } = message;
    return likeness?.stencil.begin(topic, message.idBegin!, bornTimestamp, bornHost, storeTimestamp) === true
      ? likeness
      : undefined;
  }

  /** Writes behind what the chunk has, in which there is room, and returns the record's size. Throws as `encodeRecord` does. */
  write(
    chunk: TailChunk,
    message: StoreMessage,
    queue: ConsumeQueue,
    physicalOffset: number,
    storeTimestamp: number,
  ): number {
    const at = chunk.length;
    const { body, bornTimestamp, bornHost } = message;
    const likeness = this.likenessOf(message, queue, storeTimestamp);
    if (likeness !== undefined) {
      this.likeness = likeness;
      this.sysFlag = 0;
      this.tagsCode = likeness.tagsCode;
      const { bytes, view } = chunk;
      const { queueId, nextOffset } = queue;
      return likeness.stencil.write(bytes, view, at, body, queueId, nextOffset, physicalOffset, message.idEnd!);
    }
    const fields = this.fields;
    fields.queueId = queue.queueId;
    fields.flag = message.flag;
    fields.queueOffset = queue.nextOffset;
    fields.physicalOffset = physicalOffset;
    fields.sysFlag = message.sysFlag;
    fields.bornTimestamp = bornTimestamp;
    fields.bornHost = bornHost;
    fields.storeTimestamp = storeTimestamp;
    fields.reconsumeTimes = message.reconsumeTimes;
    fields.preparedTransactionOffset = message.preparedTransactionOffset;
    fields.body = body;
    fields.topic = queue.topic;
    fields.properties = message.properties;
    const size = encodeRecord(chunk.bytes, at, fields);
    this.likeness = undefined;
    this.sysFlag = recordSysFlag(chunk.bytes, at);
    this.tagsCode = queueTagsCode(queue.topic, fields.properties, storeTimestamp);
    return size;
  }
}
