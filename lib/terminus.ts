/** `nestmq/terminus`: a health indicator for `@nestjs/terminus`, which it needs. */
export * from './nest/terminus/index.js';
