export { ConsumeMode } from './consume-mode.js';
export {
  isAcknowledgement,
  RejectMessageError,
  RetryLaterError,
  Settle,
  type Acknowledgement,
} from './control-errors.js';
export type { ClientCounters } from './counters.js';
export type { ContentType, OutgoingMessage, SendOptions, SendResult, SendStatus } from './messages.js';
export { MessagingClient } from './messaging-client.js';
export type { ClientOptions, ConsumerOptions, ListenerBinding } from './options.js';
export { Producer } from './producer.js';
export { PushConsumer, type AssignedQueue, type ConsumerState } from './push-consumer.js';
export { ReceivedMessage } from './received-message.js';
export { decide, reasonText, type Settlement, type Stage } from './settle.js';
