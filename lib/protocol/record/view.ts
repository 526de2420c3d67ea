import { MessagingError } from '../errors.js';
import { hostText } from '../host.js';
import { readInt32, readInt64, readUint16 } from '../int64.js';
import { findStructureFault, type MessageRecord } from './decode.js';
import { endsWithCrc, recordTopic } from './fields.js';
import {
  AT_BODY_CRC,
  AT_BORN_HOST,
  AT_BORN_TIMESTAMP,
  AT_FLAG,
  AT_MAGIC,
  AT_PHYSICAL_OFFSET,
  AT_QUEUE_ID,
  AT_QUEUE_OFFSET,
  AT_SYS_FLAG,
  CRC_PROPERTY_BYTES,
  MAGIC_V1,
  bodyLengthAt,
  bornHostIsV6,
  storeHostIsV6,
  storeTimestampAt,
} from './layout.js';

/**
 * A stored message where it lies: what `decodeRecord` gives, each field read when it is asked for. Of a message on its way
 * to a handler few ever are, and the texts of the others cost more than all numbers together. Whoever keeps it keeps the
 * bytes, which must not change.
 */
export class RecordView implements MessageRecord {
  readonly size: number;
  readonly sysFlag: number;
  private readonly bodyAt: number;
  private readonly bodyEnd: number;

  /** Throws RECORD_INVALID when no record begins at `at`. */
  constructor(
    private readonly bytes: Buffer,
    private readonly at: number,
  ) {
    const fault = findStructureFault(bytes, at, bytes.length);
    if (fault !== undefined) {
      throw new MessagingError(
        'RECORD_INVALID',
        `There is no message record at byte ${at} of ${bytes.length}: ${fault}.`,
      );
    }
    this.size = readInt32(bytes, at);
    this.sysFlag = readInt32(bytes, at + AT_SYS_FLAG);
    this.bodyAt = at + bodyLengthAt(this.sysFlag) + 4;
    this.bodyEnd = this.bodyAt + readInt32(bytes, this.bodyAt - 4);
  }

  get bodyCrc(): number {
    return readInt32(this.bytes, this.at + AT_BODY_CRC);
  }

  get queueId(): number {
    return readInt32(this.bytes, this.at + AT_QUEUE_ID);
  }

  get flag(): number {
    return readInt32(this.bytes, this.at + AT_FLAG);
  }

  get queueOffset(): number {
    return readInt64(this.bytes, this.at + AT_QUEUE_OFFSET);
  }

  get physicalOffset(): number {
    return readInt64(this.bytes, this.at + AT_PHYSICAL_OFFSET);
  }

  get bornTimestamp(): number {
    return readInt64(this.bytes, this.at + AT_BORN_TIMESTAMP);
  }

  get bornHost(): string {
    return hostText(this.bytes, this.at + AT_BORN_HOST, bornHostIsV6(this.sysFlag));
  }

  get storeTimestamp(): number {
    return readInt64(this.bytes, this.at + storeTimestampAt(this.sysFlag));
  }

  get storeHost(): string {
    return hostText(this.bytes, this.at + storeTimestampAt(this.sysFlag) + 8, storeHostIsV6(this.sysFlag));
  }

  get reconsumeTimes(): number {
    return readInt32(this.bytes, this.bodyAt - 16);
  }

  get preparedTransactionOffset(): number {
    return readInt64(this.bytes, this.bodyAt - 12);
  }

  /** A view, another one each time. */
  get body(): Buffer {
    return this.bytes.subarray(this.bodyAt, this.bodyEnd);
  }

  get topic(): string {
    return recordTopic(this.bytes, this.at);
  }

  /** Without the record's own CRC. */
  get properties(): string {
    const { bytes, bodyEnd } = this;
    const isV1 = readInt32(bytes, this.at + AT_MAGIC) === MAGIC_V1;
    const start = bodyEnd + (isV1 ? 1 + bytes[bodyEnd]! : 2 + readUint16(bytes, bodyEnd)) + 2;
    const end = this.at + this.size;
    return bytes.toString('utf8', start, endsWithCrc(bytes, start, end) ? end - CRC_PROPERTY_BYTES : end);
  }
}
