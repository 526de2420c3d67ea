export { BROKER_TRANSPORT, BrokerServer, type BrokerServerEvents, type BrokerServerStatus } from './broker.server.js';
export { MESSAGING_TRANSPORT } from './messaging-transport.js';
export { MessagingContext } from './messaging.context.js';
export { MessagingServer, type MessagingServerEvents, type MessagingServerStatus } from './messaging.server.js';
export type { MessagingPattern, PatternObject, PatternOptions } from './pattern.js';
export { EventPattern, MessagePattern } from './patterns.decorator.js';
export type { MessagingServerOptions } from './server-options.js';
