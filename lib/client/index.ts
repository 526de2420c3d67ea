export { MessagingAdmin } from './admin/messaging-admin.js';
export type { AdminAccess, AdminParts } from './admin/admin-calls.js';
export { type BrokerSummary, ClusterAdmin } from './admin/cluster-admin.js';
export { type TopicAccess, TopicAdmin, type QueueStats, type TopicStats } from './admin/topic-admin.js';
export type { TopicWidth, WidenOptions } from './admin/topic-widener.js';
export {
  type MessageTrace,
  TraceAdmin,
  type TracedDelivery,
  type TracedSend,
  type TracedTransaction,
  type TraceOptions,
} from './admin/trace-admin.js';
export type { TraceSettings } from './trace/trace-settings.js';
export { type FindOptions, MessageAdmin } from './admin/message-admin.js';
export { GroupAdmin, type GroupLag, type GroupSummary, type LagOptions, type QueueLag } from './admin/group-admin.js';
export { BacklogAdmin, type MovedQueue, type Position, type ResetOptions } from './admin/backlog-admin.js';
export type { ReplayPlace, ReplayRange } from './admin/replay-range.js';
export type { ReplayOptions, ReplayReport, ReplayTarget } from './admin/replayer.js';
export {
  DeadLetterAdmin,
  type DeadLetterPage,
  type DeadLetterQuery,
  type DeadLetterSummary,
  type LetterReport,
  type ProgressOptions,
  type ResendOptions,
} from './admin/dead-letter-admin.js';
export { DeadLetter, type DeadLetterState } from './admin/dead-letter.js';
export type { DeadLetterFilter } from './admin/letter-filter.js';
export type { LetterOutcome } from './admin/letter-resender.js';
export { type AllocationContext, REBALANCE_STRATEGIES, type RebalanceStrategy } from './consumer/allocate.js';
export { ConsumeMode } from './consume-mode.js';
export {
  isAcknowledgement,
  isPostponement,
  isRejection,
  isRetryLater,
  PostponeError,
  RejectMessageError,
  RetryLaterError,
  Settle,
  type Acknowledgement,
} from './settle/control-errors.js';
export type { DeliveryGuarantee } from './delivery-guarantee.js';
export type { ClientCounters } from './counters.js';
export type { OutcomeCounts, SendCounts } from './counts.js';
export type { TopicLag } from './consumer/lag.js';
export type { ContentType, OutgoingMessage, SendOptions, SendResult, SendStatus } from './producer/messages.js';
export {
  combineInterceptors,
  type ClientInterceptor,
  type InterceptedCall,
  type InterceptedSend,
  type InterceptedTransaction,
} from './interceptor.js';
export { outcomeOf } from './intercept-listener.js';
export { conflictOf, type ListenerTraits } from './listener-conflicts.js';
export type { RateLimit } from './dispatch/rate-limiter.js';
export { CAPABILITIES, type CapabilityName, type CapabilityRow } from './connection/capability-table.js';
export { MessagingClient } from './messaging-client.js';
export type { ClientOptions, ConsumerOptions, KeyOrderOption, ListenerBinding } from './options.js';
export { NamespacedConnector } from './namespace/namespaced-connector.js';
export { Producer } from './producer/producer.js';
export { type PollOptions, PullConsumer, type PullConsumerOptions } from './consumer/pull-consumer.js';
export type { AssignedQueue, ConsumerState } from './consumer/consumer-state.js';
export { PushConsumer } from './consumer/push-consumer.js';
export { ReceivedMessage } from './consumer/received-message.js';
export { RequestFailedError } from './requests/reply-error.js';
export type { ReceivedReply } from './requests/reply.js';
export { Requests } from './requests/requests.js';
export { TransactionState } from './transactions/transaction-state.js';
export { Transactions, type TransactionBinding, type TransactionSendResult } from './transactions/transactions.js';
export { MessageExpiredError } from './settle/expiry.js';
export type { SuspensionInfo } from './dispatch/suspension.js';
export { decide, type Postponement, reasonText, type Settlement, type Stage } from './settle/settle.js';
