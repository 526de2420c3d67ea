import {
  BLANK_BYTES,
  CRC_PROPERTY_BYTES,
  LIMITS,
  MessagingError,
  propertiesLength,
  type RecordFields,
} from '../../protocol/index.js';
import type { StoreMessage } from '../types.js';

/** All of a record but body, topic and properties, at the most: two IPv6 hosts, an open properties string, the CRC. */
const MOST_OVERHEAD = 84 + 2 * 12 + 4 + 2 + 2 + 1 + CRC_PROPERTY_BYTES;

/**
 * An upper bound for the record's size. Three bytes a character is UTF-8's worst; counting exactly would cost as much
 * as the rest of the bookkeeping.
 */
export function mostRecordBytes(message: StoreMessage, topicBytes: number): number {
  return MOST_OVERHEAD + message.body.length + topicBytes + propertiesLength(message) * 3;
}

/** @throws MessagingError MESSAGE_TOO_LARGE, PROPERTIES_INVALID for a message that no log of such segments can take. */
export function checkMessage(message: StoreMessage, mostBytes: number, segmentBytes: number): void {
  if (message.body.length > LIMITS.bodyBytes)
    throw new MessagingError(
      'MESSAGE_TOO_LARGE',
      `The body of a message for ${message.topic} has ${message.body.length} bytes; ${LIMITS.bodyBytes} are allowed.`,
    );
  const properties = LIMITS.propertiesBytes - CRC_PROPERTY_BYTES;
  if (propertiesLength(message) > properties)
    throw new MessagingError(
      'PROPERTIES_INVALID',
      `The properties of a message for ${message.topic} have ${propertiesLength(message)} characters; ${properties} bytes are allowed. Move data into the body.`,
    );
  if (mostBytes + BLANK_BYTES > segmentBytes)
    throw new MessagingError(
      'MESSAGE_TOO_LARGE',
      `A message for ${message.topic} takes up to ${mostBytes} bytes and the store's segments have ${segmentBytes}. Send less, or create the store with larger segments.`,
    );
}

/** One object that every record is encoded from: hot objects keep one shape and cost no allocation. */
export function emptyFields(storeHost: string): RecordFields {
  return {
    queueId: 0,
    flag: 0,
    queueOffset: 0,
    physicalOffset: 0,
    sysFlag: 0,
    bornTimestamp: 0,
    bornHost: storeHost,
    storeTimestamp: 0,
    storeHost,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    body: Buffer.alloc(0),
    topic: '',
    properties: '',
  };
}
