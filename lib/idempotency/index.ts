export {
  type BatchDelivery,
  DELIVERY,
  type DeliveringListener,
  deliveryOf,
  type IdempotentDelivery,
} from './delivery.js';
export { idempotencyKey, type KeyScope } from './idempotency-key.js';
export { DuplicateRequestError, IdempotencyConflictError, IdempotencyKeyError } from './idempotency-errors.js';
export { IdempotencyInterceptor, isIdempotencyInterceptor } from './idempotency.interceptor.js';
export { Idempotent, idempotentOf } from './idempotent.decorator.js';
export { MemoryIdempotencyStore, type MemoryIdempotencyStoreOptions } from './memory-store.js';
export {
  type AnyIdempotencyStore,
  checkIdempotencyDefaults,
  checkIdempotent,
  type IdempotencyDefaults,
  type IdempotencyKey,
  type IdempotentOptions,
  isTransactional,
  resolveIdempotency,
  type ResolvedIdempotency,
} from './options.js';
export {
  type IdempotencyCounts,
  type IdempotencyObserver,
  type IdempotencyOutcome,
  IdempotencyOutcomes,
  type IdempotencyReport,
  type IdempotentListenerName,
  type ListenerOutcomes,
} from './outcomes.js';
export {
  type Claim,
  type Claimed,
  type ClaimedInTransaction,
  type Completed,
  type Held,
  type IdempotencyStore,
  MAX_KEY_BYTES,
  type TransactedWork,
  type TransactionalIdempotencyStore,
} from './store.js';
export { NOW_MILLIS } from './sql/database-clock.js';
export { databaseError } from './sql/database-error.js';
export { SqlIdempotencyStore } from './sql/inbox/sql-idempotency-store.js';
export { SqlInbox } from './sql/inbox/sql-inbox.js';
export type { Isolation } from './sql/isolation.js';
export { type SqlInboxOptions } from './sql/inbox/inbox-options.js';
export type { PurgeOptions } from './sql/purge/purge-options.js';
export type { PurgeCounts } from './sql/purge/purge.js';
export { migrate } from './sql/schema/migrate.js';
export type { Migration } from './sql/schema/migration.js';
export { MIGRATIONS } from './sql/schema/migrations.js';
export { schema } from './sql/schema/schema.js';
export type { SqlAdapter, SqlDialect, SqlQuery, SqlResult, SqlValue } from './sql/sql-adapter.js';
export { type FailedOutboxRow, type OutboxStatus, SqlOutbox, type SqlOutboxOptions } from './outbox/sql-outbox.js';
export { OutboxRelay, type OutboxRelayParts } from './outbox/outbox-relay.js';
export { type OutboxRelayCounters, type OutboxRelayOptions, RELAY_DEFAULTS } from './outbox/relay-options.js';
export { isRunningStore, type RunningStore, type StoreHost } from './store-life.js';
