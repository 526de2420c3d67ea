import type { Connection, Pool, PoolConnection } from 'mysql2/promise';
import { MessagingError } from '../../../protocol/index.js';
import { type Isolation, readIsolation } from '../isolation.js';
import type { SqlAdapter, SqlQuery, SqlResult, SqlValue } from '../sql-adapter.js';
import { placeholders } from '../sql-values.js';

/** @publicApi */
export interface MysqlAdapterOptions {
  /**
   * Of the transactions that the adapter begins. MySQL's own default, REPEATABLE READ, locks the gaps between rows as well:
   * inserts of different messages then wait for each other, and deadlock. Default: `READ COMMITTED`.
   */
  isolation?: Isolation;
}

/**
 * An adapter for a pool of `mysql2/promise`, on MySQL 8 or MariaDB from 10.6. A transaction is a `PoolConnection` of it:
 * `context.transaction.execute(...)`. Each takes a connection while a listener works, so the pool should have more
 * connections than listeners run at once.
 *
 * @throws MessagingError BAD_ARGUMENT for what is no such pool, CONFIGURATION for an unknown option
 * @publicApi
 */
export function mysqlAdapter(pool: Pool, options: MysqlAdapterOptions = {}): SqlAdapter<PoolConnection> {
  if (typeof pool?.getConnection !== 'function' || typeof pool.execute !== 'function')
    throw new MessagingError('BAD_ARGUMENT', 'mysqlAdapter takes a pool of "mysql2/promise": createPool({ ... })');
  if (typeof (pool as { promise?: unknown }).promise === 'function')
    throw new MessagingError(
      'BAD_ARGUMENT',
      'mysqlAdapter takes a pool of "mysql2/promise"; of this one, pool.promise()',
    );
  const isolate = `SET TRANSACTION ISOLATION LEVEL ${readIsolation('mysqlAdapter', options)}`;
  return {
    dialect: 'mysql',
    query: queryOf(pool),
    within: queryOf,
    transaction: (work) => transact(pool, isolate, work),
  };
}

type Queryable = Pick<Connection, 'execute' | 'query'>;

function queryOf(to: Queryable): SqlQuery {
  return async (text: string, values: readonly SqlValue[]): Promise<SqlResult> => {
    // Whatever the pool's options are, rows are objects and values are of the columns' types.
    const options = { sql: placeholders(text), rowsAsArray: false, namedPlaceholders: false, typeCast: true };
    // Prepared on the server: what is put into the text by the client depends on the session's sql_mode for its safety.
    // Without values the text protocol serves, since not every statement can be prepared.
    const [result] =
      values.length === 0 ? await to.query(options) : await to.execute({ ...options, values: values as SqlValue[] });
    if (Array.isArray(result)) return { rows: result as SqlResult['rows'], affected: 0 };
    return { rows: [], affected: (result as { affectedRows: number }).affectedRows };
  };
}

async function transact<T>(pool: Pool, isolate: string, work: (connection: PoolConnection) => Promise<T>): Promise<T> {
  const connection = await pool.getConnection();
  let value: T;
  try {
    await connection.query(isolate);
    await connection.query('START TRANSACTION');
    value = await work(connection);
    await connection.query('COMMIT');
  } catch (error) {
    await rollBack(connection);
    throw error;
  }
  connection.release();
  return value;
}

async function rollBack(connection: PoolConnection): Promise<void> {
  try {
    await connection.query('ROLLBACK');
  } catch {
    // The error that led here is what the caller gets; a connection that is closed rolls back.
    connection.destroy();
    return;
  }
  connection.release();
}
