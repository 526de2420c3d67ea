export { ListenerExplorer } from './listener.explorer.js';
export { type MessageListenerInfo, MessageListenerRegistry } from './message-listener.registry.js';
export { MessagingOrchestrator } from './messaging.orchestrator.js';
