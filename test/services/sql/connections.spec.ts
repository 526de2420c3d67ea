import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { migrate, type SqlAdapter, SqlIdempotencyStore, SqlInbox } from '../../../lib/idempotency/index.js';
import { countEffects, makeEffects, writeEffect } from '../../idempotency/sql/sql-subjects.js';
import { CuttingProxy } from './cutting-proxy.js';
import { type Database, SERVERS } from './databases.js';

jest.setTimeout(180_000);

const TTL = 600_000;
/** Not READ COMMITTED. */
const COMMIT = /\bCOMMIT\b/;

describe.each(Object.entries(SERVERS))('connections to %s that end', (_, open) => {
  let database: Database;
  let proxy: CuttingProxy;
  let direct: SqlAdapter;
  /** By way of the proxy. */
  let adapter: SqlAdapter;
  beforeAll(async () => {
    database = await open();
    const { host, port } = database.service!;
    proxy = await CuttingProxy.before(host, port);
    direct = database.connect();
    adapter = database.connect({ port: proxy.port, connections: 2 });
    await migrate(direct);
    await makeEffects(direct);
  });
  afterAll(async () => {
    await database?.close();
    await proxy?.close();
  });

  /** As a listener would; gives what became of the message. */
  function handle(key: string, through = adapter, cut?: (transaction: unknown) => Promise<void>): Promise<string> {
    return new SqlInbox(through).transact([{ key, fingerprint: undefined }], TTL, async ([claimed], transaction) => {
      if (claimed!.outcome === 'acquired') await writeEffect(through, transaction, key);
      await cut?.(transaction);
      return { value: claimed!.outcome };
    });
  }

  const unavailable = {
    code: 'IDEMPOTENCY_STORE_FAILED',
    retryable: true,
    cause: expect.objectContaining({ code: 'DATABASE_UNAVAILABLE' }),
  };

  it('before the commit has reached the database: the message is handled when it comes again', async () => {
    const key = randomUUID();
    proxy.cutNext(COMMIT, 'before');
    await expect(handle(key)).rejects.toMatchObject(unavailable);
    expect(await handle(key)).toBe('acquired');
    expect(await countEffects(direct, key)).toBe(1);
  });

  it('after the commit, before its answer: the message is known when it comes again', async () => {
    const key = randomUUID();
    proxy.cutNext(COMMIT, 'after');
    await expect(handle(key)).rejects.toMatchObject(unavailable);
    expect(await handle(key)).toBe('completed');
    expect(await countEffects(direct, key)).toBe(1);
  });

  it('at random places around fifty commits: each message has its effect once', async () => {
    const keys = Array.from({ length: 50 }, () => randomUUID());
    const before = proxy.cuts;
    for (const [place, key] of keys.entries()) {
      if (place % 5 < 2)
        proxy.cutNext(place % 5 === 0 ? COMMIT : /INSERT INTO effects/, place % 2 ? 'after' : 'before');
      while (
        !(await handle(key).then(
          () => true,
          () => false,
        ))
      );
    }
    for (const key of keys) expect(await countEffects(direct, key)).toBe(1);
    expect(proxy.cuts).toBeGreaterThan(before);
  });

  it('by hand of an administrator while the handler works: nothing is left of it, and the pool goes on', async () => {
    const key = randomUUID();
    await expect(handle(key, direct, (transaction) => database.cut!(transaction))).rejects.toMatchObject(unavailable);
    expect(await countEffects(direct, key)).toBe(0);
    expect(await handle(key, direct)).toBe('acquired');
    expect(await countEffects(direct, key)).toBe(1);
  });

  it('by hand of an administrator once the transaction is over: the next one takes another', async () => {
    let used: unknown;
    const first = randomUUID();
    await handle(first, direct, (transaction) => {
      used = transaction;
      return Promise.resolve();
    });
    await database.cut!(used);
    const key = randomUUID();
    let outcome: string | undefined;
    for (let tries = 0; outcome === undefined && tries < 5; tries++)
      outcome = await handle(key, direct).catch((error: unknown) => {
        expect(error).toMatchObject(unavailable);
        return undefined;
      });
    expect(outcome).toBe('acquired');
    expect(await countEffects(direct, first)).toBe(1);
    expect(await countEffects(direct, key)).toBe(1);
  });

  it('with the answer to a claim under a lease: the claim is not in its own way', async () => {
    const store = new SqlIdempotencyStore(adapter);
    const claim = { key: randomUUID(), fingerprint: undefined };
    // The text travels when a statement is prepared, and MySQL prepares each once a connection.
    const fresh = new SqlIdempotencyStore(database.connect({ port: proxy.port, connections: 1 }));
    for (const one of [store, fresh]) expect(await one.acquire([], TTL)).toEqual([]);
    proxy.cutNext(/nestmq_inbox/, 'after');
    await expect(fresh.acquire([claim], 5_000)).rejects.toMatchObject(unavailable);
    const [acquired] = await fresh.acquire([claim], TTL);
    expect(acquired).toMatchObject({ outcome: 'acquired' });
    const [busy] = await store.acquire([claim], TTL);
    expect(busy).toMatchObject({ outcome: 'busy' });
    // With the whole of its lease, not with what the lost call has left of its own.
    expect((busy as { retryAfterMillis: number }).retryAfterMillis).toBeGreaterThan(TTL / 2);
  });

  it('with the answer to claims that were written: they are given out, with the whole of their lease', async () => {
    let lost = false;
    const losing: SqlAdapter = {
      ...direct,
      query: async (text, values) => {
        const result = await direct.query(text, values);
        if (lost || !text.startsWith('INSERT')) return result;
        lost = true;
        throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
      },
    };
    const store = new SqlIdempotencyStore(losing);
    const claims = Array.from({ length: 3 }, () => ({ key: randomUUID(), fingerprint: undefined }));
    await expect(store.acquire(claims, 5_000)).rejects.toMatchObject(unavailable);
    const more = [...claims, { key: randomUUID(), fingerprint: undefined }];
    expect((await store.acquire(more, TTL)).map(({ outcome }) => outcome)).toEqual(more.map(() => 'acquired'));
    for (const busy of await new SqlIdempotencyStore(direct).acquire(more, TTL)) {
      expect(busy).toMatchObject({ outcome: 'busy' });
      expect((busy as { retryAfterMillis: number }).retryAfterMillis).toBeGreaterThan(TTL / 2);
    }
  });

  it('to a database that is away: it says so, and works again when that is back', async () => {
    const key = randomUUID();
    if (!database.service!.own) return;
    await database.service!.kill();
    await expect(handle(key, direct)).rejects.toMatchObject(unavailable);
    await database.service!.restart();
    let outcome: string | undefined;
    for (let tries = 0; outcome === undefined && tries < 20; tries++)
      outcome = await handle(key, direct).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'IDEMPOTENCY_STORE_FAILED', retryable: true });
        return undefined;
      });
    expect(outcome).toBe('acquired');
  });
});
