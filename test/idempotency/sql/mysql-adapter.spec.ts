import { describe, expect, it } from '@jest/globals';
import type { Pool, PoolConnection } from 'mysql2/promise';
import type { SqlAdapter } from '../../../lib/idempotency/index.js';
import { mysqlAdapter } from '../../../lib/idempotency/sql/mysql2/index.js';

interface Asked {
  sql: string;
  values?: unknown[];
  rowsAsArray?: boolean;
}

/** A pool of one connection, which answers as it is told and notes what it was asked. */
class FakePool {
  readonly asked: Asked[] = [];
  readonly prepared: Asked[] = [];
  ended: 'released' | 'destroyed' | undefined;

  constructor(private readonly answer: (sql: string) => unknown = () => ({ affectedRows: 0 })) {}

  getConnection(): Promise<unknown> {
    return Promise.resolve(this);
  }

  release(): void {
    this.ended = 'released';
  }

  destroy(): void {
    this.ended = 'destroyed';
  }

  async query(asked: Asked | string): Promise<unknown> {
    const one = typeof asked === 'string' ? { sql: asked } : asked;
    this.asked.push(one);
    const answer = this.answer(one.sql);
    if (answer instanceof Error) throw answer;
    return [answer];
  }

  execute(asked: Asked): Promise<unknown> {
    this.prepared.push(asked);
    return this.query(asked);
  }

  adapter(options = {}): SqlAdapter<PoolConnection> {
    return mysqlAdapter(this as unknown as Pool, options);
  }

  get said(): string[] {
    return this.asked.map(({ sql }) => sql);
  }
}

describe('the adapter for mysql2', () => {
  it('prepares what has values, and leaves the rest to the text protocol', async () => {
    const pool = new FakePool((sql) => (sql.startsWith('SELECT') ? [{ one: 1 }] : { affectedRows: 2 }));
    const { query } = pool.adapter();
    expect(await query('SELECT 1 AS one', [])).toEqual({ rows: [{ one: 1 }], affected: 0 });
    expect(pool.prepared).toEqual([]);
    expect(await query('UPDATE t SET a = $1 WHERE b = $2', ['x', 1])).toEqual({ rows: [], affected: 2 });
    expect(pool.prepared).toMatchObject([
      { sql: 'UPDATE t SET a = ? WHERE b = ?', values: ['x', 1], rowsAsArray: false },
    ]);
  });

  it('begins at the isolation that it was told, commits, and gives the connection back', async () => {
    const pool = new FakePool();
    expect(await pool.adapter().transaction(() => Promise.resolve('done'))).toBe('done');
    expect(pool.said).toEqual(['SET TRANSACTION ISOLATION LEVEL READ COMMITTED', 'START TRANSACTION', 'COMMIT']);
    expect(pool.ended).toBe('released');
  });

  it('rolls back with the error of the work', async () => {
    const pool = new FakePool();
    const error = new Error('no');
    await expect(pool.adapter().transaction(() => Promise.reject(error))).rejects.toBe(error);
    expect(pool.said.at(-1)).toBe('ROLLBACK');
    expect(pool.ended).toBe('released');
  });

  it('closes a connection that cannot roll back', async () => {
    const lost = new Error('Connection lost');
    const pool = new FakePool((sql) => (/COMMIT$|ROLLBACK/.test(sql) ? lost : {}));
    await expect(pool.adapter().transaction(() => Promise.resolve())).rejects.toBe(lost);
    expect(pool.ended).toBe('destroyed');
  });

  it.each([
    ['what is no pool', () => mysqlAdapter({} as Pool), 'BAD_ARGUMENT'],
    [
      'a pool of callbacks',
      () => mysqlAdapter(Object.assign(new FakePool(), { promise: () => {} }) as unknown as Pool),
      'BAD_ARGUMENT',
    ],
    ['an unknown option', () => new FakePool().adapter({ level: 1 }), 'CONFIGURATION'],
  ])('refuses %s', (_, make, code) => {
    expect(make).toThrow(expect.objectContaining({ code }));
  });
});
