export {
  Ctx,
  InjectAdmin,
  InjectTemplate,
  MessageListener,
  type MessageListenerOptions,
  Payload,
  getAdminToken,
  getTemplateToken,
} from './decorators/index.js';
export { MessageBatchContext, MessageContext, type MqContextType, isMqContext } from './handler/index.js';
export { type MessageListenerInfo, MessageListenerRegistry } from './listeners/index.js';
export { MessagingModule, type MessagingModuleAsyncOptions } from './messaging.module.js';
export type {
  MessagingConnectionOptions,
  MessagingModuleOptions,
  MessagingOptionsFactory,
  ProducerSettings,
  TlsOptions,
  CredentialOptions,
  TraceSetting,
} from './options/index.js';
export { DefaultMessageConverter, type Duration, type EncodedPayload, type MessageConverter } from './payload/index.js';
export type { OutboxRelaySettings, OutboxSettings } from './outbox/index.js';
export { MessagePuller, type PulledMessage, type PullOptions } from './pulling/index.js';
export {
  type BatchOptions,
  type DeliveryTime,
  type MessageOptions,
  type RequestOptions,
  MessagingTemplate,
  type OutboxBatchOptions,
  type OutboxCallbacks,
  type OutboxOptions,
  type OutboxReceipt,
  OutboxTemplate,
  type SendCallbacks,
  type SendOptions,
  type TransactionOptions,
} from './template/index.js';
export {
  type LocalTransaction,
  TransactionListener,
  type TransactionListenerOptions,
  TransactionMessage,
} from './transactions/index.js';
