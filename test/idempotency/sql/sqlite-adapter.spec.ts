import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../../../lib/platform/index.js';
import { type SqliteDatabase, sqliteAdapter } from '../../../lib/idempotency/sql/sqlite/index.js';
import { SqliteFiles } from './sqlite-file.js';

describe('the SQLite adapter', () => {
  let files: SqliteFiles;
  beforeEach(() => {
    files = new SqliteFiles();
  });
  afterEach(() => files.close());

  function table() {
    const database = files.open();
    database.exec('CREATE TABLE IF NOT EXISTS letters (id INTEGER PRIMARY KEY, body BLOB, note TEXT)');
    return { database, adapter: sqliteAdapter(database) };
  }

  it('gives back what went in, and counts what it changed', async () => {
    const { adapter } = table();
    const insert = 'INSERT INTO letters (id, body, note) VALUES ($1, $2, $3), ($4, $5, $6)';
    const bytes = Buffer.from([0, 255, 39]);
    expect(await adapter.query(insert, [1, bytes, "it's", 2, null, null])).toEqual({ rows: [], affected: 2 });
    const { rows, affected } = await adapter.query('SELECT id, body, note FROM letters ORDER BY id', []);
    expect(rows.map((row) => ({ ...row }))).toEqual([
      { id: 1, body: new Uint8Array(bytes), note: "it's" },
      { id: 2, body: null, note: null },
    ]);
    expect(affected).toBe(0);
    expect(await adapter.query('UPDATE letters SET note = $1 WHERE id > $2 RETURNING id', ['x', 1])).toMatchObject({
      rows: [{ id: 2 }],
      affected: 1,
    });
    expect((await adapter.query('DELETE FROM letters', [])).affected).toBe(2);
  });

  it('commits when the work resolves, and undoes it when it rejects, with its error', async () => {
    const { adapter } = table();
    const insert = 'INSERT INTO letters (id) VALUES ($1)';
    const value = await adapter.transaction(async (transaction) => {
      await adapter.within(transaction)(insert, [1]);
      return 'kept';
    });
    const error = new Error('no');
    const failing = adapter.transaction(async (transaction) => {
      await adapter.within(transaction)(insert, [2]);
      throw error;
    });
    await expect(failing).rejects.toBe(error);
    expect(value).toBe('kept');
    expect((await adapter.query('SELECT id FROM letters', [])).rows).toEqual([{ id: 1 }]);
  });

  it('gives one transaction after the other, and a statement outside of them its turn', async () => {
    const { adapter, database } = table();
    const other = sqliteAdapter(database);
    const order: string[] = [];
    const work = (name: string) => async (): Promise<void> => {
      order.push(`${name} begins`);
      await new Promise(setImmediate);
      order.push(`${name} ends`);
    };
    const outside = adapter
      .transaction(work('first'))
      .then(() => other.query('SELECT 1', []))
      .then(() => order.push('outside'));
    await Promise.all([outside, other.transaction(work('second')), adapter.transaction(work('third'))]);
    expect(order.filter((step) => step !== 'outside')).toEqual([
      'first begins',
      'first ends',
      'second begins',
      'second ends',
      'third begins',
      'third ends',
    ]);
  });

  it('refuses to wait for the transaction that it was called in', async () => {
    const { adapter } = table();
    const nested = adapter.transaction(() => adapter.transaction(() => Promise.resolve()));
    await expect(nested).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    const outside = adapter.transaction(() => adapter.query('SELECT 1', []));
    await expect(outside).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    // What the work has started and not awaited is another matter, once the transaction has ended.
    let later: Promise<unknown> | undefined;
    let begin: () => void = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    await adapter.transaction(async () => {
      later = begun.then(() => adapter.query('SELECT 1 AS one', []));
    });
    begin();
    expect(await later).toMatchObject({ rows: [{ one: 1 }] });
  });

  it('waits for another process that is writing, without holding up the loop', async () => {
    const { adapter } = table();
    const other = files.open();
    other.exec('BEGIN IMMEDIATE');
    const waiting = adapter.query('INSERT INTO letters (id) VALUES ($1)', [1]);
    await new Promise(setImmediate);
    other.exec('COMMIT');
    expect((await waiting).affected).toBe(1);
  });

  it('gives up in the end', async () => {
    table();
    const clock = new VirtualClock();
    const adapter = sqliteAdapter(files.open(), { busyTimeout: 1000 }, clock);
    const other = files.open();
    other.exec('BEGIN IMMEDIATE');
    const refused = expect(adapter.transaction(() => Promise.resolve())).rejects.toThrow('database is locked');
    await clock.advance(1100);
    await refused;
    other.exec('ROLLBACK');
  });

  it.each([
    ['what is no database', () => sqliteAdapter({} as SqliteDatabase), 'BAD_ARGUMENT'],
    ['an unknown option', () => sqliteAdapter(table().database, { timeout: 1 } as object), 'CONFIGURATION'],
    ['a senseless time', () => sqliteAdapter(table().database, { busyTimeout: -1 }), 'CONFIGURATION'],
  ])('refuses %s', (_, make, code) => {
    expect(make).toThrow(expect.objectContaining({ code }));
  });
});
