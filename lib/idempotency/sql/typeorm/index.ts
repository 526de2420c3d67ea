/** `nestmq/idempotency/typeorm`: the inbox and the outbox in the transactions of TypeORM. Takes the DataSource that you have. */
export { type TypeormAdapterOptions, typeormAdapter } from './typeorm-adapter.js';
