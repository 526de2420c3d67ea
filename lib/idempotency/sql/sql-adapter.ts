/** `mysql`: MySQL 8 and MariaDB from 10.6. @publicApi */
export type SqlDialect = 'postgres' | 'mysql' | 'sqlite';

/** What a statement came to. @publicApi */
export interface SqlResult {
  /** Values as the client gives them: whole numbers may be texts or bigints, bytes any Uint8Array (`readNumber`, `readBytes`). */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Rows inserted, changed or deleted; with `RETURNING`, also those of `rows`. */
  readonly affected: number;
}

/**
 * Runs one statement. Parameters are `$1`, `$2`, ... in PostgreSQL's order, each used once and in order, so that an adapter
 * of another dialect may put `?` for them. Values are texts, whole numbers, bytes (Buffer) and null.
 *
 * @publicApi
 */
export type SqlQuery = (text: string, values: readonly SqlValue[]) => Promise<SqlResult>;

/** @publicApi */
export type SqlValue = string | number | bigint | Buffer | null;

/**
 * All that the inbox and the outbox need of a database client. `Tx` is what the client calls a transaction: handlers get it
 * as `context.transaction`, and `template.outbox(tx)` takes it. Errors are the client's own: `databaseError` says what they
 * mean.
 *
 * @publicApi
 */
export interface SqlAdapter<Tx = unknown> {
  readonly dialect: SqlDialect;
  /**
   * True: `transaction` rejects when the database has rolled back on its own while `work` went on, because `work` kept an
   * error of a statement to itself (PostgreSQL then answers COMMIT with ROLLBACK, MySQL after a deadlock with OK). Default:
   * the inbox asks before each commit whether its rows are still there, which costs a round trip.
   */
  readonly noticesRollback?: boolean;
  /** Outside of any transaction. */
  readonly query: SqlQuery;
  /** Begins a transaction, commits it when `work` resolves and rolls it back when `work` rejects; rejects with its error. */
  transaction<T>(work: (transaction: Tx) => Promise<T>): Promise<T>;
  /** Runs statements in a transaction that `transaction` or the application has begun. */
  within(transaction: Tx): SqlQuery;
  /**
   * PostgreSQL: calls `heard` for every notification on the channel until `signal` is aborted; resolves when it listens,
   * and calls `lost` once when it no longer does. Left out where the database or its client cannot.
   */
  listen?(channel: string, heard: () => void, lost: (error: unknown) => void, signal: AbortSignal): Promise<void>;
}
