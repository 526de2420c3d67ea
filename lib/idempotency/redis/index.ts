export type { RedisClient, RedisValue } from './redis-client.js';
export { RedisIdempotencyStore, type RedisIdempotencyOptions } from './redis-idempotency-store.js';
