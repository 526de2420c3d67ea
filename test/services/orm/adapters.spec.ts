import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { databaseError } from '../../../lib/idempotency/sql/database-error.js';
import { migrate } from '../../../lib/idempotency/sql/schema/migrate.js';
import { readBytes, readNumber, readText } from '../../../lib/idempotency/sql/sql-values.js';
import { type Service, startMariaDb, startPostgres } from '../support/index.js';
import { KINDS, type Opened } from './adapters.js';

// Two databases are made and started first.
jest.setTimeout(180_000);

let services: Record<'postgres' | 'mariadb', Service>;
beforeAll(async () => {
  // Their own, because connections are cut.
  const [postgres, mariadb] = await Promise.all([startPostgres({ own: true }), startMariaDb({ own: true })]);
  services = { postgres, mariadb };
});
afterAll(() => Promise.all(Object.values(services).map((service) => service.stop())));

describe.each(KINDS)('$name', ({ on, open }) => {
  const TYPES = {
    postgres: 'k varchar(40) PRIMARY KEY, whole bigint, small int, bytes bytea',
    mariadb: 'k varchar(40) PRIMARY KEY, whole bigint, small int, bytes longblob',
  };
  let db: Opened;
  beforeEach(async () => {
    db = await open(services[on]);
    await db.adapter.query('DROP TABLE IF EXISTS trial', []);
    await db.adapter.query(`CREATE TABLE trial (${TYPES[on]})`, []);
  });
  afterEach(() => db.close());

  const insert = 'INSERT INTO trial (k, whole, small, bytes) VALUES ($1, $2, $3, $4)';
  const keys = async () => (await db.adapter.query('SELECT k FROM trial ORDER BY k', [])).rows.map(({ k }) => k);

  it('takes and gives texts, whole numbers, bytes and null', async () => {
    const { query } = db.adapter;
    const text = "it's “quoted” \\ ? $1 %s 你";
    expect(await query(insert, [text, 2 ** 53 - 1, -7, Buffer.from([0, 255, 39, 92])])).toEqual({
      rows: [],
      affected: 1,
    });
    await query(insert, ['none', 5n, null, null]);
    const { rows, affected } = await query('SELECT * FROM trial ORDER BY small', []);
    const read = rows.map((row) => ({
      k: readText(row['k']),
      whole: readNumber(row['whole']),
      small: row['small'] === null ? null : readNumber(row['small']),
      bytes: readBytes(row['bytes'])?.toString('hex'),
    }));
    expect(read).toHaveLength(2);
    expect(read).toContainEqual({ k: text, whole: 2 ** 53 - 1, small: -7, bytes: '00ff275c' });
    expect(read).toContainEqual({ k: 'none', whole: 5, small: null, bytes: undefined });
    expect(affected).toBe(0);
  });

  it('counts what a statement inserted, changed and deleted', async () => {
    const { query } = db.adapter;
    const once = on === 'mariadb' ? insert.replace('INSERT', 'INSERT IGNORE') : `${insert} ON CONFLICT DO NOTHING`;
    expect((await query(once, ['a', 1, 1, null])).affected).toBe(1);
    expect((await query(once, ['a', 2, 2, null])).affected).toBe(0);
    await query(insert, ['b', 1, 1, null]);
    expect((await query('UPDATE trial SET small = $1 WHERE whole = $2', [9, 1])).affected).toBe(2);
    expect((await query('UPDATE trial SET small = $1 WHERE whole = $2', [9, 3])).affected).toBe(0);
    expect((await query('DELETE FROM trial WHERE k = $1', ['a'])).affected).toBe(1);
    const gone = await query('DELETE FROM trial RETURNING k', []);
    expect(gone.rows.map(({ k }) => k)).toEqual(['b']);
    expect(gone.affected).toBe(1);
  });

  it('makes the tables', async () => {
    const version = await migrate(db.adapter);
    expect(version).toBeGreaterThanOrEqual(3);
    expect(await migrate(db.adapter)).toBe(version);
  });

  it('commits what resolves, and rolls back what rejects, with its error', async () => {
    const { adapter } = db;
    const write = (k: string) => adapter.transaction((tx) => adapter.within(tx)(insert, [k, 1, 1, null]));
    expect((await write('kept')).affected).toBe(1);
    const error = new Error('the account is closed');
    const failed = adapter.transaction(async (tx) => {
      await adapter.within(tx)(insert, ['lost', 1, 1, null]);
      // Not seen outside: it is a transaction indeed.
      expect(await keys()).toEqual(['kept']);
      throw error;
    });
    await expect(failed).rejects.toBe(error);
    expect(await keys()).toEqual(['kept']);
  });

  it('has transactions that do not hold each other up', async () => {
    const { adapter } = db;
    let entered = 0;
    await Promise.all(
      ['a', 'b', 'c'].map((k) =>
        adapter.transaction(async (tx) => {
          await adapter.within(tx)(insert, [k, 1, 1, null]);
          entered++;
          while (entered < 3) await new Promise((resolve) => setImmediate(resolve));
        }),
      ),
    );
    expect(await keys()).toEqual(['a', 'b', 'c']);
  });

  it('says what is missing when the tables were not made', async () => {
    const error = await db.adapter.query('SELECT * FROM not_there', []).catch((reason: unknown) => reason);
    expect(databaseError(error, 'look').message).toMatch(/Run migrate/);
  });

  it('rejects when the connection is cut amid a transaction, leaves nothing behind, and goes on afterwards', async () => {
    const { adapter } = db;
    const cut = adapter.transaction(async (tx) => {
      await adapter.within(tx)(insert, ['half', 1, 1, null]);
      const id = on === 'postgres' ? 'pg_backend_pid()' : 'CONNECTION_ID()';
      const session = readNumber((await adapter.within(tx)(`SELECT ${id} AS id`, [])).rows[0]!['id']);
      await adapter.query(on === 'postgres' ? `SELECT pg_terminate_backend(${session})` : `KILL ${session}`, []);
      await adapter.within(tx)(insert, ['other half', 1, 1, null]);
    });
    const error = await cut.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    // The error itself is shown when it is not known.
    const cause = (error as Error).cause;
    expect([error, cause, databaseError(error, 'write').code]).toEqual([error, cause, 'DATABASE_UNAVAILABLE']);
    expect(await keys()).toEqual([]);
    await adapter.transaction((tx) => adapter.within(tx)(insert, ['next', 1, 1, null]));
    expect(await keys()).toEqual(['next']);
  });
});
