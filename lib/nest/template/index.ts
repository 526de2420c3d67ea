export type { DeliveryTime } from './delivery-time.js';
export { MessagingTemplate, type SendCallbacks } from './messaging.template.js';
export {
  type OutboxBatchOptions,
  type OutboxCallbacks,
  type OutboxOptions,
  type OutboxReceipt,
  OutboxTemplate,
} from './outbox-template.js';
export type { BatchOptions, MessageOptions, RequestOptions, SendOptions, TransactionOptions } from './send-options.js';
