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
