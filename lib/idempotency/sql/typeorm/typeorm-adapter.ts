import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { MessagingError } from '../../../protocol/index.js';
import { type Isolation, readIsolation } from '../isolation.js';
import type { SqlAdapter, SqlDialect, SqlQuery, SqlResult } from '../sql-adapter.js';
import { onlyReads, placeholders } from '../sql-values.js';

/** @publicApi */
export interface TypeormAdapterOptions {
  /**
   * Of the transactions that the adapter begins. Default: the data source's `isolationLevel`; without one `READ COMMITTED`
   * on MySQL and MariaDB, whose own would lock the gaps between rows, and on PostgreSQL the database's.
   */
  readonly isolation?: Isolation;
}

const DIALECTS: Readonly<Record<string, SqlDialect>> = { postgres: 'postgres', mysql: 'mysql', mariadb: 'mysql' };

/**
 * For `SqlInbox` and `SqlOutbox`: a handler gets the transaction's EntityManager as `context.transaction`, and its
 * repositories by `context.transaction.getRepository(…)`. PostgreSQL, MySQL and MariaDB; the data source may be initialized
 * later, as `@nestjs/typeorm` does.
 *
 * @throws MessagingError CONFIGURATION for an unknown option, and for other databases. With SQLite TypeORM has one connection for the whole
 * application: what others write meanwhile would be committed or rolled back with the handler.
 * @publicApi
 */
export function typeormAdapter(dataSource: DataSource, options: TypeormAdapterOptions = {}): SqlAdapter<EntityManager> {
  const { type } = dataSource.options;
  const dialect = Object.hasOwn(DIALECTS, type) ? DIALECTS[type] : undefined;
  if (dialect === undefined)
    throw new MessagingError(
      'CONFIGURATION',
      `typeormAdapter: TypeORM's "${type}" cannot keep a handler's transaction apart from the rest of the application ` +
        `(it can with ${Object.keys(DIALECTS).join(', ')}); for SQLite use nestmq/idempotency/sqlite`,
    );
  const chosen = readIsolation('typeormAdapter', options);
  const asked = options.isolation !== undefined;
  const isolation = asked || (dialect === 'mysql' && !('isolationLevel' in dataSource.options)) ? chosen : undefined;
  return {
    dialect,
    async query(text, values) {
      // A runner of its own: DataSource.query gives the rows only, and of a replicated database it may ask a replica.
      const runner = dataSource.createQueryRunner('master');
      try {
        return await ask(runner, dialect, text, values);
      } finally {
        await runner.release();
      }
    },
    transaction: (work) =>
      isolation === undefined ? dataSource.transaction(work) : dataSource.transaction(isolation, work),
    within(transaction) {
      const { queryRunner: runner } = transaction;
      if (!runner?.isTransactionActive)
        throw new MessagingError(
          'BAD_ARGUMENT',
          'typeormAdapter: this EntityManager has no transaction open, so nothing would be written together; give the one ' +
            'that DataSource.transaction() hands to its callback, or context.transaction',
        );
      return (text, values) => ask(runner, dialect, text, values);
    },
  };
}

async function ask(
  runner: QueryRunner,
  dialect: SqlDialect,
  ...[text, values]: Parameters<SqlQuery>
): Promise<SqlResult> {
  // The structured result: without it the drivers answer with rows, a header, or a pair of both, by kind of statement.
  const { records, affected } = await runner.query(
    dialect === 'postgres' ? text : placeholders(text),
    [...values],
    true,
  );
  // MySQL's driver has no records for a statement without rows, and no count for one with rows.
  const rows = (records as Record<string, unknown>[] | undefined) ?? [];
  return { rows, affected: onlyReads(text) ? 0 : (affected ?? rows.length) };
}
