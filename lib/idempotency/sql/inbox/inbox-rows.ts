import { NOW_MILLIS } from '../database-clock.js';
import type { SqlDialect, SqlQuery, SqlResult } from '../sql-adapter.js';
import { readBytes, readNumber, readText } from '../sql-values.js';
import { Statement } from './statement.js';

/** A row that is to be written for a key that nobody has. */
export interface NewRow {
  readonly key: string;
  readonly token: string;
  /** An earlier call may have written it under this token: its answer was lost. Default: false. */
  readonly again?: boolean;
  readonly fingerprint: string | undefined;
}

/** How long what is written counts. */
export interface Terms {
  /** Undefined: handled with the commit; there is no lease. */
  readonly leaseMillis: number | undefined;
  readonly ttlMillis: number;
}

/** A row that is there. */
export interface InboxRow {
  readonly key: string;
  readonly token: string;
  readonly fingerprint: string | undefined;
  readonly result: Buffer | undefined;
  /** Undefined: handled. Below 0: nobody holds it any more. */
  readonly leftMillis: number | undefined;
  /** As if the row were not there. */
  readonly expired: boolean;
}

/** Which attempt at which message a row belongs to. */
export interface RowOwner {
  readonly key: string;
  readonly token: string;
}

// The statements on nestmq_inbox; its columns are drawn in ../schema/inbox-table.ts. PostgreSQL and SQLite say with RETURNING
// which rows a statement has changed; MySQL only says how many, and is asked for the rest where not all were.

const FREE = (now: string): string => `(nestmq_inbox.expires_at <= ${now} OR nestmq_inbox.leased_until <= ${now})`;

const AT_WORK = 'nestmq_inbox.leased_until IS NOT NULL';

/**
 * Writes the rows whose keys are free: unknown, over their time, or with a lease that has ended. One that another transaction
 * is writing is waited for. Gives the tokens of those that were written, or that an earlier call has written whose answer was
 * lost. The keys must be different ones, and sorted: two calls that take the same locks in another order are a deadlock.
 */
export async function claimRows(
  query: SqlQuery,
  dialect: SqlDialect,
  rows: readonly NewRow[],
  terms: Terms,
): Promise<Set<string>> {
  const statement = new Statement(dialect);
  const columns = '(message_key, token, leased_until, expires_at, fingerprint)';
  const values = rows.map((row) => `(${valuesOf(statement, row, terms)})`).join(', ');
  if (dialect !== 'mysql') {
    const { rows: written } = await statement.run(
      query,
      `INSERT INTO nestmq_inbox ${columns} VALUES ${values} ON CONFLICT (message_key) DO UPDATE SET token = excluded.token, ` +
        'leased_until = excluded.leased_until, expires_at = excluded.expires_at, fingerprint = excluded.fingerprint, ' +
        `result = NULL WHERE ${FREE(NOW_MILLIS[dialect])} OR (nestmq_inbox.token = excluded.token AND ${AT_WORK}) RETURNING token`,
    );
    return tokensOf(written);
  }
  // IGNORE and not ON DUPLICATE KEY UPDATE, whose count of rows depends on a flag of the connection.
  const { affected } = await statement.run(query, `INSERT IGNORE INTO nestmq_inbox ${columns} VALUES ${values}`);
  if (affected === rows.length) return new Set(rows.map(({ token }) => token));
  return await takeOver(query, rows, terms);
}

function valuesOf(statement: Statement, { key, token, fingerprint }: NewRow, terms: Terms): string {
  const now = NOW_MILLIS[statement.dialect];
  const leasedUntil = terms.leaseMillis === undefined ? 'NULL' : `${now} + ${terms.leaseMillis}`;
  const expiresAt = `${now} + ${terms.ttlMillis}`;
  // Made in the order in which they stand, as their numbers must.
  return [
    statement.exact(key),
    statement.exact(token),
    leasedUntil,
    expiresAt,
    exactOrNull(statement, fingerprint),
  ].join(', ');
}

function exactOrNull(statement: Statement, text: string | undefined): string {
  return text === undefined ? statement.value(null) : statement.exact(text);
}

/** MySQL, after an insert that has met rows which are there: finds those that it has written, and takes those that are free. */
async function takeOver(query: SqlQuery, rows: readonly NewRow[], terms: Terms): Promise<Set<string>> {
  const keys = rows.map(({ key }) => key);
  const there = new Map((await readRows(query, 'mysql', keys)).map((row) => [row.key, row]));
  const taken = new Set<string>();
  for (const row of rows) {
    const found = there.get(row.key);
    const own = found?.token === row.token;
    // Just inserted. One of an earlier call has used up some of its lease.
    if (own && row.again !== true) taken.add(row.token);
    else if (found !== undefined && (own || isFree(found)) && (await takeRow(query, row, found, terms)))
      taken.add(row.token);
  }
  return taken;
}

async function takeRow(query: SqlQuery, row: NewRow, found: InboxRow, terms: Terms): Promise<boolean> {
  const now = NOW_MILLIS.mysql;
  const statement = new Statement('mysql');
  const lease = terms.leaseMillis === undefined ? 'NULL' : `${now} + ${terms.leaseMillis}`;
  const { affected } = await statement.run(
    query,
    `UPDATE nestmq_inbox SET token = ${statement.exact(row.token)}, expires_at = ${now} + ${terms.ttlMillis}, fingerprint = ` +
      `${exactOrNull(statement, row.fingerprint)}, result = NULL, ` +
      `leased_until = ${lease} WHERE message_key = ${statement.exact(row.key)} AND token = ${statement.exact(found.token)} ` +
      `AND ${found.token === row.token ? AT_WORK : FREE(now)}`,
  );
  return affected === 1;
}

export function isFree({ expired, leftMillis }: InboxRow): boolean {
  return expired || (leftMillis !== undefined && leftMillis <= 0);
}

export async function readRows(query: SqlQuery, dialect: SqlDialect, keys: readonly string[]): Promise<InboxRow[]> {
  const statement = new Statement(dialect);
  const now = NOW_MILLIS[dialect];
  const { rows } = await statement.run(
    query,
    `SELECT message_key, token, fingerprint, result, leased_until - ${now} AS left_millis, ` +
      `CASE WHEN expires_at <= ${now} THEN 1 ELSE 0 END AS expired FROM nestmq_inbox ` +
      `WHERE message_key IN ${statement.exactList(keys)}`,
  );
  return rows.map((row) => ({
    key: readText(row.message_key) ?? '',
    token: readText(row.token) ?? '',
    fingerprint: readText(row.fingerprint),
    result: readBytes(row.result),
    leftMillis: row.left_millis === null ? undefined : readNumber(row.left_millis),
    expired: readNumber(row.expired) === 1,
  }));
}

/** Gives the tokens of those whose lease has not ended, and is longer now. */
export async function extendRows(
  query: SqlQuery,
  dialect: SqlDialect,
  owners: readonly RowOwner[],
  { leaseMillis, ttlMillis }: { readonly leaseMillis: number; readonly ttlMillis: number },
): Promise<Set<string>> {
  const now = NOW_MILLIS[dialect];
  // MySQL evaluates the assignments from left to right, WHERE before them.
  const text = `UPDATE nestmq_inbox SET leased_until = ${now} + ${leaseMillis}, expires_at = ${now} + ${ttlMillis}`;
  return await change(query, new Statement(dialect), text, owners, `leased_until > ${now}`);
}

/** Gives the tokens of those that were still the attempt's; marked they are with or without a lease. */
export async function completeRows(
  query: SqlQuery,
  dialect: SqlDialect,
  owners: readonly (RowOwner & { readonly result: Buffer | undefined })[],
  ttlMillis: number,
): Promise<Set<string>> {
  const statement = new Statement(dialect);
  const result = resultsOf(statement, owners);
  const text = `UPDATE nestmq_inbox SET leased_until = NULL, result = ${result}, expires_at = ${NOW_MILLIS[dialect]} + ${ttlMillis}`;
  return await change(query, statement, text, owners, undefined);
}

/** Keeps results with rows that this transaction has written; gives how many there were. */
export async function keepResults(
  query: SqlQuery,
  dialect: SqlDialect,
  owners: readonly (RowOwner & { readonly result: Buffer | undefined })[],
): Promise<number> {
  const statement = new Statement(dialect);
  const text = `UPDATE nestmq_inbox SET result = ${resultsOf(statement, owners)} WHERE ${ownedBy(statement, owners)}`;
  return (await statement.run(query, text)).affected;
}

/** How many of the rows are there: none when the database has rolled the transaction back. */
export async function countRows(query: SqlQuery, dialect: SqlDialect, owners: readonly RowOwner[]): Promise<number> {
  const statement = new Statement(dialect);
  const text = `SELECT count(*) AS found FROM nestmq_inbox WHERE ${ownedBy(statement, owners)}`;
  return readNumber((await statement.run(query, text)).rows[0]?.found);
}

/** Gives the tokens of those that were still the attempt's, and not handled; they are gone now. */
export async function releaseRows(
  query: SqlQuery,
  dialect: SqlDialect,
  owners: readonly RowOwner[],
): Promise<Set<string>> {
  const statement = new Statement(dialect);
  const where = `FROM nestmq_inbox WHERE ${ownedBy(statement, owners)} AND ${AT_WORK}`;
  if (dialect !== 'mysql') return tokensOf((await statement.run(query, `DELETE ${where} RETURNING token`)).rows);
  // In a transaction, see `releasesInTransaction`: what is found here is locked until it is deleted.
  const found = tokensOf((await statement.run(query, `SELECT token ${where} FOR UPDATE`)).rows);
  if (found.size > 0) await statement.run(query, `DELETE ${where}`);
  return found;
}

/** MySQL cannot say which rows it has deleted, so that they are read first. */
export const releasesInTransaction = (dialect: SqlDialect): boolean => dialect === 'mysql';

/** Runs an UPDATE of what these attempts own; gives the tokens of the rows that it has changed. */
async function change(
  query: SqlQuery,
  statement: Statement,
  text: string,
  owners: readonly RowOwner[],
  only: string | undefined,
): Promise<Set<string>> {
  const { dialect } = statement;
  const where = `${ownedBy(statement, owners)}${only === undefined ? '' : ` AND ${only}`}`;
  if (dialect !== 'mysql') return tokensOf((await statement.run(query, `${text} WHERE ${where} RETURNING token`)).rows);
  const { affected } = await statement.run(query, `${text} WHERE ${where}`);
  if (affected === owners.length) return new Set(owners.map(({ token }) => token));
  // What this attempt still owns it has just changed: nobody but the attempt changes its row without taking it.
  const asking = new Statement(dialect);
  const left = `${ownedBy(asking, owners)}${only === undefined ? '' : ` AND ${only}`}`;
  return tokensOf((await asking.run(query, `SELECT token FROM nestmq_inbox WHERE ${left}`)).rows);
}

/** A token stands for one attempt at one message, so that key and token need not be compared as pairs. */
function ownedBy(statement: Statement, owners: readonly RowOwner[]): string {
  const keys = statement.exactList([...new Set(owners.map(({ key }) => key))]);
  return `message_key IN ${keys} AND token IN ${statement.exactList(owners.map(({ token }) => token))}`;
}

const BYTES: Readonly<Record<SqlDialect, string>> = { postgres: 'bytea', mysql: 'BINARY', sqlite: 'BLOB' };

function resultsOf(
  statement: Statement,
  owners: readonly (RowOwner & { readonly result: Buffer | undefined })[],
): string {
  const kept = owners.filter(({ result }) => result !== undefined);
  if (kept.length === 0) return 'NULL';
  const cases = kept.map(
    ({ token, result }) =>
      `WHEN ${statement.exact(token)} THEN CAST(${statement.value(result!)} AS ${BYTES[statement.dialect]})`,
  );
  return `CASE token ${cases.join(' ')} END`;
}

function tokensOf(rows: SqlResult['rows']): Set<string> {
  return new Set(rows.map(({ token }) => readText(token) ?? ''));
}
