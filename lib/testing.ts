/** `nestmq/testing`: applications in tests, on a broker in memory and in virtual time. Needs `@nestjs/testing`. */
export * from './nest/testing/index.js';
