/** `nestmq/opentelemetry`: traces of messages, by `@opentelemetry/api`, which it needs. */
export * from './nest/opentelemetry/index.js';
