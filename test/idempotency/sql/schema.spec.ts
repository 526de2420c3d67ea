import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { migrate } from '../../../lib/idempotency/sql/schema/migrate.js';
import { MIGRATIONS } from '../../../lib/idempotency/sql/schema/migrations.js';
import { schema, SQL_DIALECTS } from '../../../lib/idempotency/sql/schema/schema.js';
import type { SqlDialect } from '../../../lib/idempotency/sql/sql-adapter.js';
import { sqliteAdapter } from '../../../lib/idempotency/sql/sqlite/index.js';
import { SqliteFiles } from './sqlite-file.js';

const newest = MIGRATIONS.length;

describe('the migrations', () => {
  let files: SqliteFiles;
  beforeEach(() => {
    files = new SqliteFiles();
  });
  afterEach(() => files.close());

  it('are numbered without a gap, and have statements for every dialect that can be repeated', () => {
    expect(MIGRATIONS.map(({ version }) => version)).toEqual(MIGRATIONS.map((_, at) => at + 1));
    for (const { statements } of MIGRATIONS)
      for (const dialect of SQL_DIALECTS) {
        expect(statements[dialect].length).toBeGreaterThan(0);
        for (const statement of statements[dialect]) expect(statement).toMatch(/IF NOT EXISTS|ON CONFLICT|IGNORE/);
      }
  });

  it('bring an empty database up to date, and find nothing to do the next time', async () => {
    const adapter = sqliteAdapter(files.open());
    expect(await migrate(adapter)).toBe(newest);
    expect(
      await migrate({
        ...adapter,
        transaction: async () => {
          throw new Error('nothing is to be done');
        },
      }),
    ).toBe(newest);
    const { rows } = await adapter.query('SELECT version, name FROM nestmq_schema ORDER BY version', []);
    expect(rows).toEqual(MIGRATIONS.map(({ version, name }) => ({ version, name })));
  });

  it('go on where an earlier version of the package ended', async () => {
    const adapter = sqliteAdapter(files.open());
    await migrate(adapter);
    await adapter.query('DELETE FROM nestmq_schema WHERE version = $1', [newest]);
    expect(await migrate(adapter)).toBe(newest);
  });

  it('leave the tables of a later version as they are', async () => {
    const adapter = sqliteAdapter(files.open());
    await migrate(adapter);
    await adapter.query('INSERT INTO nestmq_schema (version, name) VALUES ($1, $2)', [newest + 1, 'later']);
    expect(await migrate(adapter)).toBe(newest + 1);
  });

  it('wait for each other when two connections migrate at once', async () => {
    const [one, other] = [sqliteAdapter(files.open()), sqliteAdapter(files.open())];
    expect(await Promise.all([migrate(one), migrate(other)])).toEqual([newest, newest]);
  });

  it('leave nothing behind when a statement fails', async () => {
    const adapter = sqliteAdapter(files.open());
    const failing = {
      ...adapter,
      within: (database: Parameters<typeof adapter.within>[0]): typeof adapter.query => {
        const query = adapter.within(database);
        return (text, values) =>
          text.startsWith('INSERT INTO nestmq_schema') ? Promise.reject(new Error('no')) : query(text, values);
      },
    };
    await expect(migrate(failing)).rejects.toMatchObject({
      code: 'DATABASE_ERROR',
      message: expect.stringContaining('make nestmq'),
    });
    expect((await adapter.query("SELECT name FROM sqlite_master WHERE name LIKE 'nestmq%'", [])).rows).toEqual([]);
  });
});

describe('the schema as statements', () => {
  it('makes the same as the migrations, also twice', async () => {
    const files = new SqliteFiles();
    try {
      const byHand = sqliteAdapter(files.open('by-hand.db'));
      for (const statement of [...schema('sqlite'), ...schema('sqlite')]) await byHand.query(statement, []);
      expect(
        await migrate({
          ...byHand,
          transaction: async () => {
            throw new Error('nothing to do');
          },
        }),
      ).toBe(newest);
      const migrated = sqliteAdapter(files.open('migrated.db'));
      await migrate(migrated);
      const tables = 'SELECT name, sql FROM sqlite_master ORDER BY name';
      expect((await byHand.query(tables, [])).rows).toEqual((await migrated.query(tables, [])).rows);
    } finally {
      files.close();
    }
  });

  it('can leave out what a database has', () => {
    expect(schema('postgres', newest)).toEqual([]);
    expect(schema('postgres', newest - 1).at(-1)).toContain(`VALUES (${newest}, '${MIGRATIONS.at(-1)!.name}')`);
  });

  it.each([
    ['oracle', 0],
    ['postgres', -1],
    ['postgres', 0.5],
  ])('refuses %s since %d', (dialect, since) => {
    expect(() => schema(dialect as SqlDialect, since)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
  });
});
