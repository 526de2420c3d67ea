import { MessagingError } from '../../../protocol/index.js';
import { databaseError } from '../database-error.js';
import type { SqlAdapter, SqlDialect, SqlQuery } from '../sql-adapter.js';
import { readNumber } from '../sql-values.js';
import { MIGRATIONS } from './migrations.js';
import { statementsOf, versionTable } from './schema.js';

const HAS_VERSIONS: Readonly<Record<SqlDialect, string>> = {
  postgres: "SELECT count(to_regclass('nestmq_schema')) AS found",
  mysql:
    "SELECT count(*) AS found FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'nestmq_schema'",
  sqlite: "SELECT count(*) AS found FROM sqlite_master WHERE type = 'table' AND name = 'nestmq_schema'",
};

/**
 * One migrates, the others wait: any number that no other use of advisory locks is likely to take. As a text, because Prisma
 * cannot read a column of nothing.
 */
const POSTGRES_LOCK = 'SELECT CAST(pg_advisory_xact_lock(7235427881) AS text)';
const MYSQL_LOCK_NAME = "CONCAT('nestmq:', SHA1(COALESCE(DATABASE(), '')))";
const MYSQL_LOCK_SECONDS = 60;

/**
 * Makes nestmq's tables, or brings them up to date. Several processes may do so at once; where nothing is to be done it is
 * two reads, and no right to create tables is needed. Tables of a later version of the package are left as they are.
 *
 * PostgreSQL: in the first schema of the connection's `search_path`. MySQL: in the connection's database.
 *
 * @returns the version that the tables have, which `nestmq_schema` holds as well
 * @throws MessagingError DATABASE_BUSY, DATABASE_UNAVAILABLE, DATABASE_ERROR
 * @publicApi
 */
export async function migrate<Tx>(adapter: SqlAdapter<Tx>): Promise<number> {
  const { dialect } = adapter;
  const newest = MIGRATIONS.at(-1)!.version;
  try {
    const before = await versionOf(adapter.query, dialect);
    if (before >= newest) return before;
    return await adapter.transaction(async (transaction) => {
      const query = adapter.within(transaction);
      if (dialect === 'mysql') return await underMysqlLock(query, () => bringUp(query, dialect));
      if (dialect === 'postgres') await query(POSTGRES_LOCK, []);
      return await bringUp(query, dialect);
    });
  } catch (error) {
    throw databaseError(error, `make nestmq's tables (version ${newest}, ${dialect})`);
  }
}

async function versionOf(query: SqlQuery, dialect: SqlDialect): Promise<number> {
  const [table] = (await query(HAS_VERSIONS[dialect], [])).rows;
  if (readNumber(table?.found) === 0) return 0;
  const [row] = (await query('SELECT COALESCE(MAX(version), 0) AS version FROM nestmq_schema', [])).rows;
  return readNumber(row?.version);
}

/** Asks for the version once more: who held the lock before may have done it all. */
async function bringUp(query: SqlQuery, dialect: SqlDialect): Promise<number> {
  await query(versionTable(dialect), []);
  const before = await versionOf(query, dialect);
  for (const step of MIGRATIONS.filter(({ version }) => version > before))
    for (const statement of statementsOf(step, dialect)) await query(statement, []);
  return await versionOf(query, dialect);
}

/** Of the session: MySQL's CREATE TABLE commits, and would let go of anything that belongs to the transaction. */
async function underMysqlLock<T>(query: SqlQuery, work: () => Promise<T>): Promise<T> {
  const [row] = (await query(`SELECT GET_LOCK(${MYSQL_LOCK_NAME}, ${MYSQL_LOCK_SECONDS}) AS got`, [])).rows;
  if (row?.got === null || readNumber(row?.got) !== 1)
    throw new MessagingError(
      'DATABASE_BUSY',
      `Somebody else has been making nestmq's tables for ${MYSQL_LOCK_SECONDS} s; look for a session that holds the lock "nestmq:..."`,
    );
  try {
    return await work();
  } finally {
    await query(`SELECT RELEASE_LOCK(${MYSQL_LOCK_NAME})`, []);
  }
}
