import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { Redis as RedisClient } from 'ioredis';
import { type RedisIdempotencyOptions, RedisIdempotencyStore } from '../../../lib/idempotency/redis/index.js';
import { heldOf } from '../../idempotency/store-contract.js';
import { type Service, say, startRedis } from '../support/index.js';
import { VERSIONS, quiet, serverPid, until } from './clients.js';
import { ReplyCutter } from './reply-cutter.js';

jest.setTimeout(300_000);

const MINUTE = 60_000;
const one = (key: string) => [{ key, fingerprint: undefined }];
const done = (key: string, token: string) => [{ key, token, result: undefined }];
const failed = { code: 'IDEMPOTENCY_STORE_FAILED' };

describe.each(VERSIONS)('the Redis store with $version', ({ Redis }) => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function server(durable = false): Promise<Service> {
    const service = await startRedis({ own: true, durable });
    closing.push(() => service.stop());
    return service;
  }
  function client(service: Service): RedisClient {
    const redis = quiet(new Redis(service.url, { retryStrategy: () => 50 }));
    closing.push(() => redis.disconnect());
    return redis;
  }
  const open = (service: Service, options?: RedisIdempotencyOptions): RedisIdempotencyStore =>
    new RedisIdempotencyStore(client(service), options);

  it('does not notice that the scripts are flushed in the middle', async () => {
    const service = await server();
    const [store, admin] = [open(service), client(service)];
    const flushing = new AbortController();
    const flusher = (async () => {
      while (!flushing.signal.aborted) await admin.script('FLUSH');
    })();
    for (let round = 0; round < 100; round++) {
      const claims = Array.from({ length: 10 }, (_, i) => ({ key: `${round}-${i}`, fingerprint: undefined }));
      const claimed = await store.acquire(claims, MINUTE);
      const held = claimed.map((each, i) => ({ ...heldOf(`${round}-${i}`, each), result: undefined }));
      expect(await store.complete(held, MINUTE)).toEqual(held.map(() => true));
    }
    flushing.abort();
    await flusher;
    expect(await admin.dbsize()).toBe(1_000);
  });

  it('fails at once while the server is away, and finds its marks again when it kept them', async () => {
    const service = await server(true);
    const redis = client(service);
    // At once: not when this is over.
    const store = new RedisIdempotencyStore(redis, { timeout: 2 * MINUTE });
    const [first] = await store.acquire(one('done'), MINUTE);
    await store.complete(done('done', heldOf('done', first).token), MINUTE);
    const [working] = await store.acquire(one('at work'), MINUTE);
    await service.kill();
    await until('the client knows', () => redis.status !== 'ready');
    const before = performance.now();
    await expect(store.acquire(one('new'), MINUTE)).rejects.toMatchObject(failed);
    await expect(store.complete(done('at work', 'x'), MINUTE)).rejects.toMatchObject(failed);
    expect(performance.now() - before).toBeLessThan(MINUTE);
    await service.restart();
    await until('the client is back', () => redis.status === 'ready');
    expect(await store.acquire(one('done'), MINUTE)).toMatchObject([{ outcome: 'completed' }]);
    expect(await store.acquire(one('at work'), MINUTE)).toMatchObject([{ outcome: 'busy' }]);
    expect(await store.complete(done('at work', heldOf('at work', working).token), MINUTE)).toEqual([true]);
    expect(await store.acquire(one('new'), MINUTE)).toMatchObject([{ outcome: 'acquired' }]);
  });

  it('has forgotten its marks when the server keeps nothing: the table in the README says so', async () => {
    const service = await server();
    const redis = client(service);
    const store = new RedisIdempotencyStore(redis);
    const [first] = await store.acquire(one('done'), MINUTE);
    await store.complete(done('done', heldOf('done', first).token), MINUTE);
    const [working] = await store.acquire(one('at work'), MINUTE);
    await service.restart();
    await until('the client is back', async () => redis.status === 'ready' && (await redis.dbsize()) === 0);
    expect(await store.acquire(one('done'), MINUTE)).toMatchObject([{ outcome: 'acquired' }]);
    // What was at work is marked all the same, so that at least this one is not handled again.
    expect(await store.complete(done('at work', heldOf('at work', working).token), MINUTE)).toEqual([true]);
    expect(await store.acquire(one('at work'), MINUTE)).toMatchObject([{ outcome: 'completed' }]);
  });

  it('waits for a server that hangs no longer than it may, and is then not busy with itself', async () => {
    const service = await server();
    const [store, other, admin] = [open(service, { timeout: 2_000 }), open(service), client(service)];
    const pid = await serverPid(admin);
    await store.acquire(one('warm'), MINUTE);
    process.kill(pid, 'SIGSTOP');
    let asked: Promise<unknown>;
    try {
      const before = performance.now();
      await expect(store.acquire(one('k'), MINUTE)).rejects.toMatchObject({ ...failed, retryable: true });
      const took = performance.now() - before;
      expect(took).toBeGreaterThan(1_950);
      expect(took).toBeLessThan(20_000);
      asked = store.acquire([...one('k'), ...one('l')], MINUTE).catch(() => 'late');
      await asked;
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await until('what hung was done', async () => (await admin.exists('nestmq:k', 'nestmq:l')) === 2);
    expect(await other.acquire(one('k'), MINUTE)).toMatchObject([{ outcome: 'busy' }]);
    const mine = await store.acquire([...one('k'), ...one('l')], MINUTE);
    expect(mine).toMatchObject([{ outcome: 'acquired' }, { outcome: 'acquired' }]);
    // Once only: the second token of `k` was not given out.
    expect(await store.acquire(one('k'), MINUTE)).toMatchObject([{ outcome: 'busy' }]);
    expect(await store.acquire(one('k'), MINUTE)).toMatchObject([{ outcome: 'busy' }]);
  });

  it('answers what ioredis asks again after a cut connection as it did the first time', async () => {
    const service = await server();
    const cutter = await ReplyCutter.start(service);
    closing.push(() => cutter.stop());
    const url = new URL(service.url);
    url.port = String(cutter.port);
    const store = open({ ...service, url: url.href }, { timeout: MINUTE });
    await store.acquire(one('warm'), MINUTE);
    for (let i = 0; i < 8; i++) {
      const key = `k${i}`;
      cutter.cutNextReply();
      const [claimed] = await store.acquire(one(key), MINUTE);
      const { token } = heldOf(key, claimed);
      cutter.cutNextReply();
      expect(await store.extend([{ key, token }], MINUTE)).toEqual([true]);
      cutter.cutNextReply();
      expect(await store.complete(done(key, token), MINUTE)).toEqual([true]);
    }
    expect(cutter.cuts).toBe(24);
  });

  it('takes what it was not told it had when the client does not ask again', async () => {
    const service = await server();
    const cutter = await ReplyCutter.start(service);
    closing.push(() => cutter.stop());
    const redis = quiet(
      new Redis(cutter.port, '127.0.0.1', {
        password: service.password,
        retryStrategy: () => 10,
        maxRetriesPerRequest: 0,
      }),
    );
    closing.push(() => redis.disconnect());
    const store = new RedisIdempotencyStore(redis);
    await store.acquire(one('warm'), MINUTE);
    cutter.cutNextReply();
    await expect(store.acquire(one('k'), MINUTE)).rejects.toMatchObject({ ...failed, retryable: true });
    await until('the client is back', () => redis.status === 'ready');
    expect(await open(service).acquire(one('k'), MINUTE)).toMatchObject([{ outcome: 'busy' }]);
    expect(await store.acquire(one('k'), MINUTE)).toMatchObject([{ outcome: 'acquired' }]);
  });

  it('says that the memory is full, lets go what it holds, and goes on when there is room', async () => {
    const service = await server();
    const [store, admin] = [open(service), client(service)];
    const [a, b] = [await store.acquire(one('a'), MINUTE), await store.acquire(one('b'), MINUTE)];
    const [heldA, heldB] = [heldOf('a', a[0]), heldOf('b', b[0])];
    await admin.config('SET', 'maxmemory', '1');
    const full = { ...failed, retryable: true, message: expect.stringContaining('maxmemory') as unknown };
    await expect(store.acquire(one('c'), MINUTE)).rejects.toMatchObject(full);
    await expect(store.complete([{ ...heldA, result: undefined }], MINUTE)).rejects.toMatchObject(full);
    expect(await store.extend([heldA], MINUTE)).toEqual([true]);
    expect(await store.release([heldB])).toEqual([true]);
    await admin.config('SET', 'maxmemory', '0');
    expect(await store.complete([{ ...heldA, result: undefined }], MINUTE)).toEqual([true]);
    expect(await store.acquire(one('c'), MINUTE)).toMatchObject([{ outcome: 'acquired' }]);
  });

  it('says that it talks to a replica', async () => {
    const service = await server();
    const [store, admin] = [open(service), client(service)];
    await admin.replicaof('127.0.0.1', 1);
    const replica = { ...failed, retryable: true, message: expect.stringContaining('replica') as unknown };
    await expect(store.acquire(one('k'), MINUTE)).rejects.toMatchObject(replica);
    await admin.replicaof('NO', 'ONE');
    expect(await store.acquire(one('k'), MINUTE)).toMatchObject([{ outcome: 'acquired' }]);
  });

  it('says that a password is wrong, which time does not mend', async () => {
    const service = await server();
    const wrong = new URL(service.url);
    wrong.password = 'wrong';
    const store = open({ ...service, url: wrong.href }, { timeout: 1_000 });
    await expect(store.acquire(one('k'), MINUTE)).rejects.toMatchObject(failed);
  });

  it.each(['SET', 'RPUSH'] as const)('touches no key that is not its own (%s)', async (command) => {
    const service = await server();
    const [store, admin] = [open(service), client(service)];
    await admin.call(command, 'nestmq:k', 'theirs');
    const foreign = { ...failed, retryable: false, message: expect.stringContaining('prefix') as unknown };
    await expect(store.acquire(one('k'), MINUTE)).rejects.toMatchObject(foreign);
    await expect(store.release([{ key: 'k', token: 't' }])).rejects.toMatchObject(foreign);
    await expect(store.complete(done('k', 't'), MINUTE)).rejects.toMatchObject(foreign);
    expect(await admin.exists('nestmq:k')).toBe(1);
  });

  it('keeps what its layout says, with an end for every key', async () => {
    const service = await server();
    const [store, admin] = [open(service), client(service)];
    const [claimed] = await store.acquire([{ key: 'k', fingerprint: 'ä|1' }], MINUTE);
    const held = heldOf('k', claimed);
    expect(await admin.get('nestmq:k')).toBe(`P${held.token}|4:ä|1`);
    expect(await admin.pttl('nestmq:k')).toBeLessThanOrEqual(MINUTE);
    expect(await admin.pttl('nestmq:k')).toBeGreaterThan(MINUTE / 2);
    await store.complete([{ ...held, result: Buffer.from('|r') }], 3 * MINUTE);
    expect(await admin.get('nestmq:k')).toBe(`R${held.token}|4:ä|1|r`);
    expect(await admin.pttl('nestmq:k')).toBeGreaterThan(2 * MINUTE);
  });

  it('gives a lease its end back when somebody took it away', async () => {
    const service = await server();
    const [store, admin] = [open(service), client(service)];
    await store.acquire(one('k'), MINUTE);
    await admin.persist('nestmq:k');
    expect(await store.acquire(one('k'), MINUTE)).toEqual([{ outcome: 'busy', retryAfterMillis: MINUTE }]);
    expect(await admin.pttl('nestmq:k')).toBeGreaterThan(0);
  });

  it('takes about as much memory for a mark as the README says', async () => {
    const service = await server();
    const [store, admin] = [open(service), client(service)];
    const keys = Array.from({ length: 10_000 }, (_, n) => `shop|orders|${String(n).padStart(32, '0')}`);
    const used = async () => Number(/^used_memory:(\d+)/m.exec(await admin.info('memory'))![1]);
    await store.acquire(one('first'), MINUTE);
    const before = await used();
    const claims = keys.map((key) => ({ key, fingerprint: undefined }));
    const claimed = await store.acquire(claims, MINUTE);
    await store.complete(
      keys.map((key, n) => ({ ...heldOf(key, claimed[n]), result: undefined })),
      MINUTE,
    );
    const beside = ((await used()) - before) / keys.length - `nestmq:${keys[0]}`.length;
    say(`a mark in Redis: ${Math.round(beside)} bytes beside its key`);
    expect(beside).toBeGreaterThan(120);
    expect(beside).toBeLessThan(260);
  });
});
