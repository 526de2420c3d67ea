import { is, type SQL, sql } from 'drizzle-orm';
import { MySqlDatabase, MySqlTransaction } from 'drizzle-orm/mysql-core';
import { PgDatabase, PgTransaction } from 'drizzle-orm/pg-core';
import { MessagingError } from '../../../protocol/index.js';
import { type Isolation, readIsolation } from '../isolation.js';
import type { SqlAdapter, SqlDialect, SqlQuery, SqlResult, SqlValue } from '../sql-adapter.js';
import { onlyReads } from '../sql-values.js';
import { checkPool } from './pool-of.js';

/** What the callback of this database's `transaction` gets. @publicApi */
export type DrizzleTransaction<Database> = Database extends {
  transaction(work: (transaction: infer Tx) => Promise<unknown>, ...more: never[]): unknown;
}
  ? Tx
  : never;

/** @publicApi */
export interface DrizzleAdapterOptions {
  /**
   * Of the transactions that the adapter begins. Default: `READ COMMITTED` on MySQL and MariaDB, whose own would lock the
   * gaps between rows, and on PostgreSQL the database's.
   */
  readonly isolation?: Isolation;
}

/** The part of a database and of a transaction that runs a statement. */
interface Runs {
  execute(query: SQL): PromiseLike<unknown>;
}

interface Transacts<Tx> extends Runs {
  transaction<T>(work: (transaction: Tx) => Promise<T>, config?: { isolationLevel: Lowercase<Isolation> }): Promise<T>;
}

/**
 * For `SqlInbox` and `SqlOutbox`: a handler gets Drizzle's transaction as `context.transaction`. For databases over
 * `drizzle-orm/node-postgres` and `drizzle-orm/mysql2`.
 *
 * @throws MessagingError CONFIGURATION for an unknown option, for other databases, and for a single connection in place of a
 * pool: it has one transaction for all.
 * @publicApi
 */
export function drizzleAdapter<Database extends object>(
  database: Database,
  options: DrizzleAdapterOptions = {},
): SqlAdapter<DrizzleTransaction<Database>> {
  type Tx = DrizzleTransaction<Database>;
  const dialect = dialectOf(database);
  checkPool(database, dialect);
  const transacts = database as unknown as Transacts<Tx>;
  const isolationLevel = readIsolation('drizzleAdapter', options).toLowerCase() as Lowercase<Isolation>;
  const config = options.isolation !== undefined || dialect === 'mysql' ? { isolationLevel } : undefined;
  return {
    dialect,
    query: (text, values) => ask(transacts, dialect, text, values),
    async transaction(work) {
      let failure: { readonly error: unknown } | undefined;
      try {
        return await transacts.transaction(async (transaction) => {
          try {
            return await work(transaction);
          } catch (error) {
            failure = { error };
            throw error;
          }
        }, config);
      } catch (error) {
        // On a connection that was cut Drizzle rejects with the roll-back's error; what went wrong before says more.
        throw failure === undefined ? error : failure.error;
      }
    },
    within(transaction) {
      if (!is(transaction, PgTransaction) && !is(transaction, MySqlTransaction))
        throw new MessagingError(
          'BAD_ARGUMENT',
          "drizzleAdapter: this is not one of Drizzle's transactions, so nothing would be written together; give what " +
            'db.transaction() hands to its callback, or context.transaction',
        );
      return (text, values) => ask(transaction as unknown as Runs, dialect, text, values);
    },
  };
}

function dialectOf(database: object): SqlDialect {
  if (is(database, PgDatabase)) return 'postgres';
  if (is(database, MySqlDatabase)) return 'mysql';
  throw new MessagingError(
    'CONFIGURATION',
    'drizzleAdapter: takes what drizzle() of drizzle-orm/node-postgres or drizzle-orm/mysql2 returns (of withReplicas(): ' +
      'its $primary); for SQLite use nestmq/idempotency/sqlite',
  );
}

async function ask(runs: Runs, dialect: SqlDialect, ...[text, values]: Parameters<SqlQuery>): Promise<SqlResult> {
  const answer = await runs.execute(statement(text, values));
  const result = dialect === 'postgres' ? ofPostgres(answer) : ofMysql(answer);
  return onlyReads(text) ? { rows: result.rows, affected: 0 } : result;
}

/** Drizzle numbers or marks the parameters itself, as the dialect wants it. */
function statement(text: string, values: readonly SqlValue[]): SQL {
  const parts = text.split(/\$(\d+)/);
  return sql.join(
    parts.map((part, place) => (place % 2 === 0 ? sql.raw(part) : sql.param(values[Number(part) - 1] ?? null))),
  );
}

/** node-postgres: `{ rows, rowCount, … }`. */
function ofPostgres(answer: unknown): SqlResult {
  const { rows, rowCount } = answer as { rows?: SqlResult['rows']; rowCount?: number | null };
  if (!Array.isArray(rows)) throw unknownAnswer('node-postgres');
  return { rows, affected: rowCount ?? rows.length };
}

/** mysql2: `[rows, columns]`, or `[header, undefined]` when the statement has no rows. */
function ofMysql(answer: unknown): SqlResult {
  const [first] = Array.isArray(answer) ? (answer as readonly unknown[]) : [];
  if (Array.isArray(first)) return { rows: first as SqlResult['rows'], affected: first.length };
  const affected = (first as { affectedRows?: number } | undefined)?.affectedRows;
  if (affected === undefined) throw unknownAnswer('mysql2');
  return { rows: [], affected };
}

const unknownAnswer = (driver: string): MessagingError =>
  new MessagingError(
    'CONFIGURATION',
    `drizzleAdapter: the database answers otherwise than drizzle-orm/${driver}, which alone is understood`,
  );
