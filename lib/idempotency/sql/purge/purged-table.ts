import { NOW_MILLIS } from '../database-clock.js';
import type { SqlAdapter, SqlValue } from '../sql-adapter.js';

/** A table with rows that are no longer needed some time after a moment that stands in them. */
export interface PurgedTable {
  readonly name: string;
  /** The column that is its primary key. */
  readonly key: string;
  /** The column with that moment, in milliseconds since 1970, null where there is none yet; it has an index. */
  readonly moment: string;
  /** How long after it rows are kept. */
  readonly keepMillis: number;
}

/**
 * Deletes at most `most` rows that are due, and says how many. What somebody else is writing at the moment is passed over and
 * not waited for; locks last for this batch only.
 */
export async function deleteBatch<Tx>(adapter: SqlAdapter<Tx>, table: PurgedTable, most: number): Promise<number> {
  if (adapter.dialect === 'mysql') return await selectThenDelete(adapter, table, most);
  const { name, key } = table;
  // As an array, and as a whole: in a plain IN PostgreSQL may ask for the rows again and again, and so delete them all.
  const doomed =
    adapter.dialect === 'postgres'
      ? `= ANY(ARRAY(${dueRows(table, most, 'postgres')} FOR UPDATE SKIP LOCKED))`
      : `IN (${dueRows(table, most, 'sqlite')})`;
  const { affected } = await adapter.query(`DELETE FROM ${name} WHERE ${key} ${doomed}`, [table.keepMillis]);
  return affected;
}

/** In two steps: MySQL can neither pass over locked rows in a DELETE nor read the table in it that it deletes from. */
async function selectThenDelete<Tx>(adapter: SqlAdapter<Tx>, table: PurgedTable, most: number): Promise<number> {
  const { name, key } = table;
  return await adapter.transaction(async (transaction) => {
    const query = adapter.within(transaction);
    const { rows } = await query(`${dueRows(table, most, 'mysql')} FOR UPDATE SKIP LOCKED`, [table.keepMillis]);
    if (rows.length === 0) return 0;
    const keys = rows.map((row) => row[key] as SqlValue);
    const places = keys.map((_, index) => `$${index + 1}`).join(', ');
    return (await query(`DELETE FROM ${name} WHERE ${key} IN (${places})`, keys)).affected;
  });
}

/**
 * The oldest first. The time is a query of its own, evaluated once: PostgreSQL does not use the index for a clock that moves.
 * The limit stands in the text: MySQL's prepared statements take no number of JavaScript there.
 */
function dueRows({ name, key, moment }: PurgedTable, most: number, dialect: SqlAdapter['dialect']): string {
  const now = `(SELECT ${NOW_MILLIS[dialect]})`;
  return `SELECT ${key} FROM ${name} WHERE ${moment} <= ${now} - $1 ORDER BY ${moment} LIMIT ${most}`;
}
