export {
  type ContentType,
  ConsumeMode,
  type DeadLetter,
  type GroupLag,
  type LetterOutcome,
  type LetterReport,
  MessagingAdmin,
  type DeliveryGuarantee,
  type MovedQueue,
  type Position,
  type QueueLag,
  type ReplayPlace,
  type ReplayRange,
  type ReplayReport,
  ReceivedMessage,
  RejectMessageError,
  RequestFailedError,
  RetryLaterError,
  type SendResult,
  Settle,
  type TransactionSendResult,
  TransactionState,
  type TopicStats,
  type TopicWidth,
} from './client/index.js';
export * from './nest/index.js';
export { type HeaderMatch, MessagingError, type MessagingErrorCode } from './protocol/index.js';
export type { BrokerSettings } from './server/index.js';
