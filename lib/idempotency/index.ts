export { idempotencyKey, type KeyScope } from './idempotency-key.js';
export { IdempotencyConflictError, IdempotencyKeyError } from './idempotency-errors.js';
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
export type { SqlAdapter, SqlDialect, SqlQuery, SqlResult, SqlValue } from './sql/sql-adapter.js';
