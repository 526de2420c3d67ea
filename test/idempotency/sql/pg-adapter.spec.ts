import { describe, expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import type { Pool, PoolClient } from 'pg';
import type { SqlAdapter } from '../../../lib/idempotency/index.js';
import { pgAdapter } from '../../../lib/idempotency/sql/pg/index.js';

type Answer = { rows?: unknown[]; rowCount?: number; command?: string } | Error;

/** A pool of one client, which answers as it is told and notes what it was asked. */
class FakePool {
  readonly totalCount = 1;
  readonly asked: string[] = [];
  readonly client = new EventEmitter();
  released: unknown = 'not';

  constructor(private readonly answer: (text: string) => Answer = () => ({})) {
    Object.assign(this.client, {
      query: (text: string) => this.query(text),
      release: (error: unknown) => (this.released = error),
    });
  }

  connect(): Promise<unknown> {
    return Promise.resolve(this.client);
  }

  query(text: string): Promise<unknown> {
    this.asked.push(text);
    const answer = this.answer(text);
    if (answer instanceof Error) return Promise.reject(answer);
    return Promise.resolve({ rows: [], rowCount: null, command: text.split(' ')[0], ...answer });
  }

  adapter(options = {}): SqlAdapter<PoolClient> {
    return pgAdapter(this as unknown as Pool, options);
  }
}

const said =
  (text: string, answer: Answer) =>
  (asked: string): Answer =>
    asked === text ? answer : {};

describe('the adapter for pg', () => {
  it('counts what was changed, and nothing for what was read', async () => {
    const pool = new FakePool((text) => ({ rows: [{ one: 1 }], rowCount: 1, command: text.split(' ')[0]! }));
    const { query } = pool.adapter();
    expect(await query('SELECT 1', [])).toEqual({ rows: [{ one: 1 }], affected: 0 });
    expect((await query('DELETE FROM t', [])).affected).toBe(1);
  });

  it('commits, and gives the connection back as it was', async () => {
    const pool = new FakePool();
    const { transaction } = pool.adapter({ isolation: 'SERIALIZABLE' });
    expect(await transaction((client) => Promise.resolve(client === (pool.client as unknown)))).toBe(true);
    expect(pool.asked).toEqual(['BEGIN ISOLATION LEVEL SERIALIZABLE', 'COMMIT']);
    expect(pool.released).toBeUndefined();
    expect(pool.client.listenerCount('error')).toBe(0);
  });

  it('rolls back with the error of the work', async () => {
    const pool = new FakePool();
    const error = new Error('no');
    await expect(pool.adapter().transaction(() => Promise.reject(error))).rejects.toBe(error);
    expect(pool.asked).toEqual(['BEGIN ISOLATION LEVEL READ COMMITTED', 'ROLLBACK']);
    expect(pool.released).toBeUndefined();
  });

  it('does not take a commit that PostgreSQL has turned into a rollback for one', async () => {
    const pool = new FakePool(said('COMMIT', { command: 'ROLLBACK' }));
    await expect(pool.adapter().transaction(() => Promise.resolve())).rejects.toMatchObject({
      code: 'DATABASE_ERROR',
      message: expect.stringContaining('savepoint'),
    });
  });

  it('closes a connection that cannot roll back, and one that could not begin', async () => {
    const broken = new Error('Connection terminated');
    const unable = new FakePool(said('ROLLBACK', broken));
    const error = new Error('no');
    await expect(unable.adapter().transaction(() => Promise.reject(error))).rejects.toBe(error);
    expect(unable.released).toBe(broken);
    const dead = new FakePool(() => broken);
    await expect(dead.adapter().transaction(() => Promise.resolve())).rejects.toBe(broken);
    expect(dead.released).toBe(broken);
  });

  it('outlives a connection that ends between two statements, and does not give it back to others', async () => {
    const pool = new FakePool();
    const lost = new Error('terminating connection due to administrator command');
    const error = new Error('no');
    const work = (): Promise<never> => {
      // Without anybody listening this would be an uncaught exception.
      pool.client.emit('error', lost);
      return Promise.reject(error);
    };
    await expect(pool.adapter().transaction(work)).rejects.toBe(error);
    expect(pool.released).toBe(lost);
    expect(pool.asked).not.toContain('ROLLBACK');
  });

  it('listens on a connection of its own, until it is told not to', async () => {
    const pool = new FakePool();
    const heard: string[] = [];
    const stop = new AbortController();
    await pool.adapter().listen!(
      'nestmq_outbox',
      () => heard.push('!'),
      () => heard.push('lost'),
      stop.signal,
    );
    pool.client.emit('notification', { channel: 'nestmq_outbox' });
    pool.client.emit('notification', { channel: 'other' });
    expect(heard).toEqual(['!']);
    stop.abort();
    expect(pool.released).toBe(true);
    pool.client.emit('end');
    expect(heard).toEqual(['!']);
    expect(pool.client.eventNames()).toEqual([]);
  });

  it('tells once that it no longer hears', async () => {
    const pool = new FakePool();
    const heard: unknown[] = [];
    const { signal } = new AbortController();
    await pool.adapter().listen!(
      'nestmq_outbox',
      () => {},
      (error) => heard.push(error),
      signal,
    );
    const lost = new Error('gone');
    pool.client.emit('error', lost);
    pool.client.emit('end');
    expect(heard).toEqual([lost]);
    expect(pool.released).toBe(lost);
  });

  it('rejects, and keeps no connection, when it cannot listen', async () => {
    const refused = new Error('permission denied');
    const pool = new FakePool(() => refused);
    const { listen } = pool.adapter();
    const { signal } = new AbortController();
    await expect(
      listen!(
        'nestmq_outbox',
        () => {},
        () => {},
        signal,
      ),
    ).rejects.toBe(refused);
    expect(pool.released).toBe(true);
    await expect(
      listen!(
        'a; DROP TABLE t',
        () => {},
        () => {},
        signal,
      ),
    ).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await expect(
      listen!(
        'nestmq_outbox',
        () => {},
        () => {},
        AbortSignal.abort(),
      ),
    ).rejects.toThrow();
  });

  it.each([
    ['what is no pool', () => pgAdapter({} as Pool), 'BAD_ARGUMENT'],
    ['an unknown option', () => new FakePool().adapter({ isolationLevel: 'x' }), 'CONFIGURATION'],
    ['an unknown isolation', () => new FakePool().adapter({ isolation: 'READ UNCOMMITTED' }), 'CONFIGURATION'],
  ])('refuses %s', (_, make, code) => {
    expect(make).toThrow(expect.objectContaining({ code }));
  });
});
