import type { Pool, PoolClient } from 'pg';
import { MessagingError } from '../../../protocol/index.js';
import type { SqlAdapter, SqlQuery, SqlResult, SqlValue } from '../sql-adapter.js';
import { type Isolation, readIsolation } from '../isolation.js';
import { listen } from './listen.js';

/** @publicApi */
export interface PgAdapterOptions {
  /**
   * Of the transactions that the adapter begins. Above READ COMMITTED a concurrent duplicate fails with a serialisation
   * error (`DATABASE_BUSY`, retried) where it would have waited. Default: `READ COMMITTED`.
   */
  isolation?: Isolation;
}

/**
 * An adapter for a pool of `pg`. A transaction is a `PoolClient` of it: `context.transaction.query(...)`. Each takes a
 * connection while a listener works, so the pool should have more connections than listeners run at once.
 *
 * @throws MessagingError BAD_ARGUMENT for what is no pool, CONFIGURATION for an unknown option
 * @publicApi
 */
export function pgAdapter(pool: Pool, options: PgAdapterOptions = {}): SqlAdapter<PoolClient> {
  if (typeof pool?.connect !== 'function' || typeof pool.query !== 'function' || !('totalCount' in pool))
    throw new MessagingError('BAD_ARGUMENT', 'pgAdapter takes a Pool of "pg": pgAdapter(new Pool({ ... }))');
  const begin = `BEGIN ISOLATION LEVEL ${readIsolation('pgAdapter', options)}`;
  return {
    dialect: 'postgres',
    noticesRollback: true,
    query: queryOf(pool),
    within: queryOf,
    transaction: (work) => transact(pool, begin, work),
    listen: (channel, heard, lost, signal) => listen(pool, channel, heard, lost, signal),
  };
}

interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[]; rowCount: number | null; command: string }>;
}

function queryOf(to: Queryable): SqlQuery {
  return async (text: string, values: readonly SqlValue[]): Promise<SqlResult> => {
    const { rows, rowCount, command } = await to.query(text, values as SqlValue[]);
    return { rows: rows as SqlResult['rows'], affected: command === 'SELECT' ? 0 : (rowCount ?? 0) };
  };
}

async function transact<T>(pool: Pool, begin: string, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let lost: Error | undefined;
  // While a client is out of the pool nobody else listens: a connection that ends between two statements would end the process.
  const onError = (error: Error): void => {
    lost ??= error;
  };
  client.on('error', onError);
  let broken: unknown;
  try {
    await client.query(begin);
    const value = await work(client);
    // PostgreSQL answers so when a statement failed and `work` kept that to itself: everything is undone, without an error.
    if ((await client.query('COMMIT')).command === 'ROLLBACK') throw undone();
    broken = lost;
    return value;
  } catch (error) {
    broken = await rollBack(client, lost);
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken === undefined ? undefined : broken instanceof Error ? broken : true);
  }
}

/** What is wrong with the connection; undefined when it can be used again. */
async function rollBack(client: PoolClient, lost: Error | undefined): Promise<unknown> {
  if (lost !== undefined) return lost;
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch (error) {
    // The error that led here is what the caller gets; a connection that cannot roll back is closed, which rolls back.
    return error;
  }
}

function undone(): MessagingError {
  return new MessagingError(
    'DATABASE_ERROR',
    'The transaction was rolled back at its commit: a statement in it had failed, and its error was not passed on. Let errors of the database reach the end of the handler, or use a savepoint',
  );
}
