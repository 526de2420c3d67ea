export { AlikeBatch, BodyRow } from './alike-batch.js';
export * from './batch.js';
export * from './bodies/index.js';
export { BodyCopies } from './body-copies.js';
export * from './codes.js';
export * from './command.js';
export {
  deadLetterProperties,
  type FailureReason,
  type Origin,
  originOf,
  parseReason,
  retryProperties,
} from './dead-letters.js';
export * from './compression.js';
export * from './delay-level.js';
export { type Duration, durationMillis } from './duration.js';
export * from './errors.js';
export * from './extensions.js';
export type { FilterSpec, HeaderMatch } from './filter/filter-spec.js';
export { MessageFilter, compileFilter } from './filter/message-filter.js';
export { compileRecordFilter } from './filter/record-filter.js';
export type { RecordFilter, RecordTest } from './filter/record-filter.js';
export { SQL92, TAG, buildSubscriptionData, subscriptionOf } from './filter/subscription.js';
export { TagFilter, parseTagExpression, parseTagPatterns } from './filter/tag.js';
export * from './headers/index.js';
export { IN_PROCESS, hostBytes, hostText, isV6Host, UNIX_PREFIX } from './host.js';
export * from './ids.js';
export { readInt16, readInt32, readInt64, readUint16, writeInt16, writeInt32, writeInt64 } from './int64.js';
export { javaHashCode } from './java-hash.js';
export * from './names.js';
export { Namespace } from './namespace.js';
export { decodePackAnswer, encodePackAnswer, type PackAnswerHeader } from './pack/pack-answer.js';
export {
  decodeSendPack,
  type EncodedTexts,
  encodedTopicsOfPack,
  encodeSendPack,
  MOST_IN_PACK,
  type SendPackHeader,
  topicsOfPack,
} from './pack/send-pack.js';
export * from './signature.js';
export * from './properties.js';
export * from './property-names.js';
export { hex16, joinedProperties, propertiesLength, type PropertyParts } from './property-parts.js';
export { BLANK_BYTES, BLANK_MAGIC, CRC_PROPERTY_BYTES, LARGEST_RECORD, SMALLEST_RECORD } from './record/layout.js';
export { encodeBlank, encodeRecord, propertiesByteLength, recordSize, recordSizeOf } from './record/encode.js';
export type { RecordFields } from './record/encode.js';
export { decodeRecord, decodeRecords } from './record/decode.js';
export type { MessageRecord } from './record/decode.js';
export { renameRecords } from './record/rename.js';
export { inspectRecord, isStoredRecord } from './record/inspect.js';
export { RecordStencil } from './record/stencil.js';
export { RecordView } from './record/view.js';
export type { Inspection } from './record/inspect.js';
export {
  recordBody,
  recordBornHost,
  recordBornTimestamp,
  recordFlag,
  recordPhysicalOffset,
  recordPreparedTransactionOffset,
  recordProperties,
  recordQueueId,
  recordQueueOffset,
  recordReconsumeTimes,
  recordStoreHost,
  recordStoreTimestamp,
  recordSysFlag,
  recordTopic,
  recordTotalSize,
} from './record/fields.js';
export * from './sys-flag.js';
export { PARKING_PROPERTIES } from './timer-properties.js';
