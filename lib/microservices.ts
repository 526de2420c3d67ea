/** `nestmq/microservices`: strategies and client for `@nestjs/microservices`, which it needs. */
export * from './nest/transport/index.js';
