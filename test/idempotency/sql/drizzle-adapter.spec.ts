import { describe, expect, it } from '@jest/globals';
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2';
import { drizzle as drizzlePostgres } from 'drizzle-orm/node-postgres';
import { EventEmitter } from 'node:events';
import type { Connection, Pool as MysqlPool } from 'mysql2/promise';
import type { Client, Pool } from 'pg';
import { drizzleAdapter } from '../../../lib/idempotency/sql/drizzle/index.js';

type Asked = [text: string, values: unknown];

/** Real Drizzle over a client that remembers what it is asked and answers with `answer`. */
function over<Answer>(answer: (text: string) => Answer) {
  const asked: Asked[] = [];
  const query = async (config: { text?: string; sql?: string }, values: unknown) => {
    const text = (config.text ?? config.sql)!;
    asked.push([text, values]);
    return answer(text);
  };
  return { asked, client: { query } };
}

interface FakeClient {
  query(config: { text?: string; sql?: string }, values: unknown): Promise<unknown>;
}

/** Drizzle knows a pool by the name of its class. */
class FakePool extends EventEmitter {
  readonly totalCount = 1;
  readonly taken: EventEmitter[] = [];

  constructor(private readonly client: FakeClient) {
    super();
  }

  query(...given: Parameters<FakeClient['query']>): Promise<unknown> {
    return this.client.query(...given);
  }

  connect(): Promise<EventEmitter> {
    const client = Object.assign(new EventEmitter(), { query: this.client.query, release: () => {} });
    this.taken.push(client);
    this.emit('acquire', client);
    return Promise.resolve(client);
  }
}

const postgres = (answer: (text: string) => object) => {
  const { asked, client } = over(answer);
  return { asked, db: drizzlePostgres({ client: new FakePool(client) as unknown as Pool }) };
};
const mysql = (answer: (text: string) => unknown[]) => {
  const { asked, client } = over(answer);
  const pool = { ...client, getConnection: async () => ({ ...client, release: () => {} }) };
  return { asked, db: drizzleMysql({ client: pool as unknown as MysqlPool }) };
};

describe('the Drizzle adapter', () => {
  const values = ['a', 1, 5n, Buffer.from('b'), null];
  const text = 'INSERT INTO t VALUES ($1, $2, $3, $4, $5)';

  it('hands texts, numbers, bytes and null to the driver as they are', async () => {
    const pg = postgres(() => ({ rows: [], rowCount: 1 }));
    expect(await drizzleAdapter(pg.db).query(text, values)).toEqual({ rows: [], affected: 1 });
    expect(pg.asked).toEqual([[text, values]]);
    const my = mysql(() => [{ affectedRows: 1, insertId: 0 }]);
    expect(await drizzleAdapter(my.db).query(text, values)).toEqual({ rows: [], affected: 1 });
    expect(my.asked).toEqual([['INSERT INTO t VALUES (?, ?, ?, ?, ?)', values]]);
  });

  it("reads both drivers' rows", async () => {
    const rows = [{ a: 1 }, { a: 2 }];
    const pg = postgres(() => ({ rows, rowCount: 2 }));
    expect(await drizzleAdapter(pg.db).query('SELECT a FROM t', [])).toEqual({ rows, affected: 0 });
    expect(await drizzleAdapter(pg.db).query('DELETE FROM t RETURNING a', [])).toEqual({ rows, affected: 2 });
    const my = mysql(() => [rows, []]);
    expect(await drizzleAdapter(my.db).query('SELECT a FROM t', [])).toEqual({ rows, affected: 0 });
  });

  it('commits what resolves, at the isolation level that was asked for', async () => {
    const pg = postgres(() => ({ rows: [], rowCount: 0 }));
    const adapter = drizzleAdapter(pg.db, { isolation: 'SERIALIZABLE' });
    expect(await adapter.transaction(async (tx) => (await adapter.within(tx)('DELETE FROM t', [])).affected)).toBe(0);
    expect(pg.asked.map(([statement]) => statement)).toEqual([
      'begin isolation level serializable',
      'DELETE FROM t',
      'commit',
    ]);
  });

  it('has MySQL lock no gaps between rows', async () => {
    const my = mysql(() => [{ affectedRows: 0 }]);
    await drizzleAdapter(my.db).transaction(async () => 1);
    expect(my.asked.map(([statement]) => statement.trim())).toEqual([
      'set transaction isolation level read committed',
      'begin',
      'commit',
    ]);
  });

  it("rejects with the handler's error also when the connection cannot even roll back", async () => {
    const pg = postgres((statement) => {
      if (statement === 'rollback') throw new Error('connection terminated');
      return { rows: [], rowCount: 0 };
    });
    const work = drizzleAdapter(pg.db).transaction(async () => {
      throw new Error('the account is closed');
    });
    await expect(work).rejects.toThrow('the account is closed');
  });

  it('rejects when the commit fails', async () => {
    const my = mysql((statement) => {
      if (statement === 'commit') throw new Error('cut');
      return [{ affectedRows: 0 }];
    });
    await expect(drizzleAdapter(my.db).transaction(async () => 1)).rejects.toMatchObject({
      cause: { message: 'cut' },
    });
  });

  it('refuses the database itself where a transaction is due', () => {
    const { db } = postgres(() => ({}));
    const adapter = drizzleAdapter(db);
    expect(() => adapter.within(db as never)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
  });

  it('outlives a connection of pg that ends between two statements', async () => {
    const { db } = postgres(() => ({ rows: [], rowCount: 0 }));
    drizzleAdapter(db);
    const adapter = drizzleAdapter(db);
    const pool = db.$client as unknown as FakePool;
    // Without a listener this throws, and ends the process.
    await adapter.transaction(async () => pool.taken[0]!.emit('error', new Error('cut')));
    expect([pool.listenerCount('acquire'), pool.taken[0]!.listenerCount('error')]).toEqual([1, 1]);
  });

  it('refuses a single connection, which has one transaction for all', () => {
    const { client } = over(() => ({}));
    expect(() => drizzleAdapter(drizzleMysql({ client: client as unknown as Connection }))).toThrow(
      expect.objectContaining({ message: expect.stringContaining('createPool') }),
    );
    expect(() => drizzleAdapter(drizzlePostgres({ client: client as unknown as Client }))).toThrow(
      expect.objectContaining({ message: expect.stringContaining('Pool of pg') }),
    );
  });

  it("refuses what is not Drizzle's, and drivers that answer otherwise", async () => {
    const refused = expect.objectContaining({ code: 'CONFIGURATION' });
    expect(() => drizzleAdapter({})).toThrow(refused);
    await expect(drizzleAdapter(postgres(() => []).db).query('SELECT 1', [])).rejects.toEqual(refused);
    await expect(drizzleAdapter(mysql(() => [{}]).db).query('SELECT 1', [])).rejects.toEqual(refused);
  });
});
