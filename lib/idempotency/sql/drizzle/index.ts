/** `nestmq/idempotency/drizzle`: the inbox and the outbox in the transactions of Drizzle. Needs `drizzle-orm`. */
export { type DrizzleAdapterOptions, type DrizzleTransaction, drizzleAdapter } from './drizzle-adapter.js';
