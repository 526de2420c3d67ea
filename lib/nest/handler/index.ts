export { ListenerHandler } from './listener-handler.js';
export { MessageContext } from './message-context.js';
export { type MqContextType, isMqContext } from './mq-context.js';
