import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Database } from 'node-sqlite3-wasm';
import {
  type Claim,
  migrate,
  type SqlAdapter,
  SqlIdempotencyStore,
  SqlInbox,
  type SqlQuery,
} from '../../../lib/idempotency/index.js';
import { sqliteAdapter } from '../../../lib/idempotency/sql/sqlite/index.js';
import { SqliteFiles } from './sqlite-file.js';

const TTL = 600_000;
const claim = (key: string): Claim => ({ key, fingerprint: undefined });
const deadlock = (): Error => Object.assign(new Error('deadlock detected'), { code: '40P01' });

describe('the SQL stores', () => {
  let files: SqliteFiles;
  let adapter: SqlAdapter<Database>;
  beforeEach(async () => {
    files = new SqliteFiles();
    adapter = sqliteAdapter(files.open());
    await migrate(adapter);
  });
  afterEach(() => files.close());

  /** Rejects the first statements that begin so, `times` times. */
  function failing(start: string, times: number, error: () => unknown, after = false): SqlAdapter<Database> {
    let left = times;
    const broken =
      (query: SqlQuery): SqlQuery =>
      async (text, values) => {
        if (!text.startsWith(start) || left-- <= 0) return await query(text, values);
        if (after) await query(text, values);
        throw error();
      };
    return { ...adapter, query: broken(adapter.query), within: (database) => broken(adapter.within(database)) };
  }

  const handle = (through: SqlAdapter<Database>, key: string, work = async (): Promise<void> => {}): Promise<string> =>
    new SqlInbox(through).transact([claim(key)], TTL, async ([claimed]) => {
      if (claimed!.outcome === 'acquired') await work();
      return { value: claimed!.outcome };
    });

  it('try a claim again that was sacrificed to another one, before the handler has begun', async () => {
    expect(await handle(failing('INSERT', 2, deadlock), 'k')).toBe('acquired');
    const [claimed] = await new SqlIdempotencyStore(failing('INSERT', 2, deadlock)).acquire([claim('l')], TTL);
    expect(claimed!.outcome).toBe('acquired');
  });

  it('give up in the end, retryably, with what the database has said', async () => {
    const refused = { code: 'IDEMPOTENCY_STORE_FAILED', retryable: true, cause: { code: 'DATABASE_BUSY' } };
    await expect(handle(failing('INSERT', 100, deadlock), 'k')).rejects.toMatchObject(refused);
    const store = new SqlIdempotencyStore(failing('INSERT', 100, deadlock));
    await expect(store.acquire([claim('k')], TTL)).rejects.toMatchObject(refused);
    expect(await handle(adapter, 'k')).toBe('acquired');
  });

  it('never run a handler twice in one attempt, and pass its own error on as it is', async () => {
    let calls = 0;
    const error = deadlock();
    const work = (): Promise<void> => {
      calls++;
      return Promise.reject(error);
    };
    await expect(handle(adapter, 'k', work)).rejects.toBe(error);
    expect(calls).toBe(1);
    expect(await handle(adapter, 'k')).toBe('acquired');
  });

  it('say what is missing when there is no table', async () => {
    await adapter.query('DROP TABLE nestmq_inbox', []);
    await expect(handle(adapter, 'k')).rejects.toMatchObject({
      code: 'IDEMPOTENCY_STORE_FAILED',
      retryable: false,
      message: expect.stringContaining('migrate(adapter)'),
    });
  });

  it('notice that the database has rolled back on its own, where the adapter does not', async () => {
    const { noticesRollback: _, ...silent } = adapter;
    const through: SqlAdapter<Database> = {
      ...silent,
      // MySQL commits nothing, and says OK.
      transaction: (work) => adapter.transaction(work),
    };
    const database = files.open();
    const one = { ...through, ...sqliteAdapter(database), noticesRollback: false };
    const handling = handle(one, 'k', () => {
      database.exec('ROLLBACK; BEGIN IMMEDIATE');
      return Promise.resolve();
    });
    await expect(handling).rejects.toMatchObject({ message: expect.stringContaining('rolled the transaction back') });
    expect(await handle(one, 'k')).toBe('acquired');
    expect(await handle(one, 'k')).toBe('completed');
  });

  it('do not take a message that another instance handles under a lease', async () => {
    const store = new SqlIdempotencyStore(adapter);
    const [held] = await store.acquire([claim('k')], TTL);
    await expect(handle(adapter, 'k')).rejects.toMatchObject({
      code: 'IDEMPOTENCY_STORE_FAILED',
      retryable: true,
      message: expect.stringContaining('under a lease'),
    });
    if (held!.outcome !== 'acquired') throw new Error(held!.outcome);
    await store.complete([{ key: 'k', token: held!.token, result: undefined }], TTL);
    expect(await handle(adapter, 'k')).toBe('completed');
  });

  it('find a claim whose answer was lost again, and not in the way of itself', async () => {
    const store = new SqlIdempotencyStore(failing('INSERT', 1, () => new Error('Connection terminated'), true));
    await expect(store.acquire([claim('k'), claim('l')], TTL)).rejects.toMatchObject({ retryable: true });
    const claimed = await store.acquire([claim('l'), claim('k')], TTL);
    expect(claimed.map(({ outcome }) => outcome)).toEqual(['acquired', 'acquired']);
    const [busy] = await new SqlIdempotencyStore(adapter).acquire([claim('k')], TTL);
    expect(busy!.outcome).toBe('busy');
  });

  it('find such a claim with the whole of its lease', async () => {
    const store = new SqlIdempotencyStore(failing('INSERT', 1, () => new Error('Connection terminated'), true));
    await expect(store.acquire([claim('k')], 2_000)).rejects.toMatchObject({ retryable: true });
    expect((await store.acquire([claim('k')], TTL))[0]!.outcome).toBe('acquired');
    const [busy] = await new SqlIdempotencyStore(adapter).acquire([claim('k')], TTL);
    expect(busy).toMatchObject({ outcome: 'busy' });
    expect((busy as { retryAfterMillis: number }).retryAfterMillis).toBeGreaterThan(TTL / 2);
  });

  it('mark once more when the answer to the first mark was lost', async () => {
    const store = new SqlIdempotencyStore(failing('UPDATE', 1, () => new Error('Connection terminated'), true));
    const [held] = await store.acquire([claim('k')], TTL);
    if (held!.outcome !== 'acquired') throw new Error(held!.outcome);
    const completed = [{ key: 'k', token: held!.token, result: Buffer.from('r') }];
    await expect(store.complete(completed, TTL)).rejects.toMatchObject({ code: 'IDEMPOTENCY_STORE_FAILED' });
    expect(await store.complete(completed, TTL)).toEqual([true]);
    expect(await store.acquire([claim('k')], TTL)).toEqual([{ outcome: 'completed', result: Buffer.from('r') }]);
  });

  it('answer more claims than one statement takes', async () => {
    const claims = Array.from({ length: 1_500 }, (_, at) => claim(`k${at}`));
    const outcomes = await new SqlInbox(adapter).transact(claims, TTL, (claimed) =>
      Promise.resolve({ value: claimed.filter(({ outcome }) => outcome === 'acquired').length }),
    );
    expect(outcomes).toBe(1_500);
    const again = await new SqlIdempotencyStore(adapter).acquire(claims, TTL);
    expect(again.filter(({ outcome }) => outcome === 'completed')).toHaveLength(1_500);
  });

  it('keep what they keep for seven days unless told otherwise', () => {
    for (const store of [new SqlInbox(adapter), new SqlIdempotencyStore(adapter)])
      expect(store).toMatchObject({ defaultTtlMillis: 7 * 24 * 3_600_000, shared: true });
  });

  it.each([
    ['a key that is too long', () => handle(adapter, 'k'.repeat(513))],
    ['a time that is none', () => new SqlIdempotencyStore(adapter).acquire([claim('k')], Number.NaN)],
  ])('refuse %s', async (_, call) => {
    await expect(call()).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });

  it('refuse what is no adapter', () => {
    const refusal = expect.objectContaining({ code: 'BAD_ARGUMENT' });
    expect(() => new SqlInbox({} as SqlAdapter)).toThrow(refusal);
    expect(() => new SqlIdempotencyStore(undefined as unknown as SqlAdapter)).toThrow(refusal);
  });
});
