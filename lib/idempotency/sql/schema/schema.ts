import { MessagingError } from '../../../protocol/index.js';
import type { SqlDialect } from '../sql-adapter.js';
import type { Migration } from './migration.js';
import { MIGRATIONS } from './migrations.js';

export const SQL_DIALECTS: readonly SqlDialect[] = ['postgres', 'mysql', 'sqlite'];

/**
 * nestmq_schema: one row for each migration that this database has.
 *
 *   version  integer  primary key
 *   name     text     what it made, for people
 */
const VERSION_TABLE: Readonly<Record<SqlDialect, string>> = {
  postgres: 'CREATE TABLE IF NOT EXISTS nestmq_schema (version integer NOT NULL PRIMARY KEY, name text NOT NULL)',
  mysql:
    'CREATE TABLE IF NOT EXISTS nestmq_schema (version INTEGER NOT NULL PRIMARY KEY, name VARCHAR(64) NOT NULL) ENGINE = InnoDB',
  sqlite: 'CREATE TABLE IF NOT EXISTS nestmq_schema (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL)',
};

/**
 * The statements that make nestmq's tables, for a migration tool of your own; each can be repeated without harm. `migrate`
 * runs the same, and finds nothing to do where they ran.
 *
 * @param since leaves out what an earlier version of the package has made: the newest version in `nestmq_schema`. Default: 0
 * @throws MessagingError BAD_ARGUMENT for a dialect that there is none of, or a version that is no whole number
 * @publicApi
 */
export function schema(dialect: SqlDialect, since = 0): readonly string[] {
  if (!SQL_DIALECTS.includes(dialect))
    throw new MessagingError('BAD_ARGUMENT', `There is no dialect "${dialect}"; there is ${SQL_DIALECTS.join(', ')}`);
  if (!Number.isSafeInteger(since) || since < 0)
    throw new MessagingError('BAD_ARGUMENT', `since is the version that the database has, 0 or more, not ${since}`);
  const steps = MIGRATIONS.filter(({ version }) => version > since).flatMap((step) => statementsOf(step, dialect));
  return since > 0 ? steps : [versionTable(dialect), ...steps];
}

export function versionTable(dialect: SqlDialect): string {
  return VERSION_TABLE[dialect];
}

/** Of one step, with the row that says that it is done. */
export function statementsOf({ version, name, statements }: Migration, dialect: SqlDialect): readonly string[] {
  const row = `nestmq_schema (version, name) VALUES (${version}, '${name}')`;
  const done = dialect === 'mysql' ? `INSERT IGNORE INTO ${row}` : `INSERT INTO ${row} ON CONFLICT DO NOTHING`;
  return [...statements[dialect], done];
}
