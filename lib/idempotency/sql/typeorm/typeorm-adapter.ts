import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { MessagingError } from '../../../protocol/index.js';
import { questionMarks } from '../question-marks.js';
import type { SqlAdapter, SqlDialect, SqlQuery, SqlResult } from '../sql-adapter.js';

/** What TypeORM calls the isolation levels of PostgreSQL, MySQL and MariaDB. @publicApi */
export type TypeormIsolation = 'READ UNCOMMITTED' | 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';

/** @publicApi */
export interface TypeormAdapterOptions {
  /** Of the transactions that handlers run in. Default: the data source's, otherwise the database's. */
  isolationLevel?: TypeormIsolation;
}

const DIALECTS: Readonly<Record<string, SqlDialect>> = { postgres: 'postgres', mysql: 'mysql', mariadb: 'mysql' };

/**
 * For `SqlInbox` and `SqlOutbox`: a handler gets the transaction's EntityManager as `context.transaction`, and its
 * repositories by `context.transaction.getRepository(…)`. PostgreSQL, MySQL and MariaDB; the data source may be initialized
 * later, as `@nestjs/typeorm` does.
 *
 * @throws MessagingError CONFIGURATION for other databases. With SQLite TypeORM has one connection for the whole
 * application: what others write meanwhile would be committed or rolled back with the handler.
 * @publicApi
 */
export function typeormAdapter(
  dataSource: DataSource,
  { isolationLevel }: TypeormAdapterOptions = {},
): SqlAdapter<EntityManager> {
  const { type } = dataSource.options;
  const dialect = Object.hasOwn(DIALECTS, type) ? DIALECTS[type] : undefined;
  if (dialect === undefined)
    throw new MessagingError(
      'CONFIGURATION',
      `typeormAdapter: TypeORM's "${type}" cannot keep a handler's transaction apart from the rest of the application ` +
        `(it can with ${Object.keys(DIALECTS).join(', ')}); for SQLite use nestmq/idempotency/sqlite`,
    );
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
      isolationLevel === undefined ? dataSource.transaction(work) : dataSource.transaction(isolationLevel, work),
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
    dialect === 'postgres' ? text : questionMarks(text),
    [...values],
    true,
  );
  // MySQL's driver has no records for a statement without rows, and no count for one with rows.
  const rows = (records as Record<string, unknown>[] | undefined) ?? [];
  return { rows, affected: affected ?? rows.length };
}
