import type { MessageRecord } from '../../protocol/index.js';
import { appendProperty, ExtensionProperty, getProperty, removeProperties } from '../../protocol/index.js';
import { messageOf } from '../record-message.js';
import type { SegmentInfo, StoreMessage } from '../types.js';

/** What must outlive the segment that it lies in. One rule per kind of record. */
export interface CopyForwardRule {
  /** For reports. */
  readonly name: string;
  /** True when `candidates` leaves out by itself what has a copy, also after a restart. */
  readonly knowsCopies: boolean;
  /** Log offsets of the segment's records that have to live on, in log order. Asked again until there are none left. */
  candidates(segment: SegmentInfo): Promise<readonly number[]>;
  /**
   * Reserves a record, so that nothing else continues it while its copy is under way; false when it is in other hands
   * just now (the segment then stays until the next pass).
   */
  hold(physicalOffset: number): boolean;
  /** After a copy that failed: lets go what was held. */
  release(physicalOffset: number): void;
  /** The message to append in the record's place, made with `copyOf`. */
  copy(record: MessageRecord): StoreMessage;
}

const MARKS: readonly string[] = [ExtensionProperty.COPIED_FROM, ExtensionProperty.FIRST_STORED_AT];

/** The same message, unique key and all, with its origin named. The time of first storing survives further copies. */
export function copyOf(record: MessageRecord, topic = record.topic, queueId = record.queueId): StoreMessage {
  const firstStored =
    getProperty(record.properties, ExtensionProperty.FIRST_STORED_AT) ?? String(record.storeTimestamp);
  let properties = removeProperties(record.properties, MARKS);
  properties = appendProperty(properties, ExtensionProperty.COPIED_FROM, String(record.physicalOffset));
  properties = appendProperty(properties, ExtensionProperty.FIRST_STORED_AT, firstStored);
  return messageOf(record, topic, queueId, properties);
}
