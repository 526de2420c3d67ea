export { MessagingTracingModule } from './messaging-tracing.module.js';
export type { MessagingTracingOptions } from './tracing-options.js';
export { W3CPropagator } from './w3c-propagator.js';
