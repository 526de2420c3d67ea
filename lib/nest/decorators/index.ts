export { InjectAdmin, getAdminToken } from './inject-admin.decorator.js';
export { DEFAULT_CONNECTION, InjectTemplate, getTemplateToken } from './inject-template.decorator.js';
export { MessageListener, type MessageListenerOptions, listenersOf } from './message-listener.decorator.js';
export { Ctx, Payload } from './parameters.decorator.js';
