export { BatchHandler } from './batch-handler.js';
export type { HandlerSettings } from './handler-settings.js';
export { ListenerHandler } from './listener-handler.js';
export { MessageBatchContext } from './message-batch-context.js';
export { MessageContext } from './message-context.js';
export { type MqContextType, isMqContext } from './mq-context.js';
