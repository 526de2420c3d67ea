import { NOW_MILLIS } from '../database-clock.js';
import type { SqlAdapter } from '../sql-adapter.js';
import { readBytes, readNumber } from '../sql-values.js';

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
    // Joined, and not IN: in a small table MySQL would look at all rows for that, and wait for those that are in use.
    const doomed = rows.map((row) => `SELECT ${literal(row[key])} AS doomed`).join(' UNION ALL ');
    const byKey = `DELETE ${name} FROM (${doomed}) d STRAIGHT_JOIN ${name} FORCE INDEX (PRIMARY) ON ${name}.${key} = d.doomed`;
    return (await query(byKey, [])).affected;
  });
}

/** Bytes or a whole number, as MySQL reads them in a text: of their column's type, which a parameter would not be. */
function literal(value: unknown): string {
  return value instanceof Uint8Array ? `X'${readBytes(value)!.toString('hex')}'` : String(readNumber(value));
}

/**
 * The oldest first. The time is a query of its own, evaluated once: PostgreSQL does not use the index for a clock that moves.
 * The limit stands in the text: MySQL's prepared statements take no number of JavaScript there.
 */
function dueRows({ name, key, moment }: PurgedTable, most: number, dialect: SqlAdapter['dialect']): string {
  const now = `(SELECT ${NOW_MILLIS[dialect]})`;
  return `SELECT ${key} FROM ${name} WHERE ${moment} <= ${now} - $1 ORDER BY ${moment} LIMIT ${most}`;
}
