import { describe, expect, it } from '@jest/globals';
import type { Cluster, Redis } from 'ioredis';
import type { Cluster as Cluster6, Redis as Redis6 } from 'ioredis6';
import { type RedisClient, RedisIdempotencyStore } from '../../../lib/idempotency/redis/index.js';
import { VirtualClock } from '../../../lib/platform/index.js';
import { FakeRedis } from './fake-redis.js';

const claim = (key: string, fingerprint?: string) => ({ key, fingerprint });

function open(options?: ConstructorParameters<typeof RedisIdempotencyStore>[1]) {
  const redis = new FakeRedis();
  const clock = new VirtualClock();
  return { redis, clock, store: new RedisIdempotencyStore(redis.client, options, clock) };
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => {
      throw new Error(`it should have failed, but: ${JSON.stringify(value)}`);
    },
    (error: unknown) => error,
  );

describe('RedisIdempotencyStore', () => {
  it('asks for each key by itself, all of a call in one pipeline', async () => {
    const { redis, store } = open({ prefix: 'p:' });
    const [a, b] = await store.acquire([claim('a'), claim('b', 'f|1')], 1_000);
    expect([a?.outcome, b?.outcome]).toEqual(['acquired', 'acquired']);
    const token = (claimed: typeof a) => (claimed?.outcome === 'acquired' ? claimed.token : '');
    expect(token(a)).not.toBe(token(b));
    expect(redis.asked).toEqual([
      { command: 'EVALSHA ACQUIRE', words: ['p:a', token(a), 1_000, `P${token(a)}|-1:`], pipeline: 1 },
      { command: 'EVALSHA ACQUIRE', words: ['p:b', token(b), 1_000, `P${token(b)}|3:f|1`, 'f|1'], pipeline: 1 },
    ]);
  });

  it('uses no pipeline in a cluster, where the keys live on several nodes', async () => {
    const { redis, store } = open();
    redis.isCluster = true;
    await store.acquire([claim('a'), claim('b')], 1_000);
    expect(redis.asked.map(({ pipeline }) => pipeline)).toEqual([0, 0]);
  });

  it('asks nothing for nothing', async () => {
    const { redis, store } = open();
    expect(await store.acquire([], 1)).toEqual([]);
    expect([await store.extend([], 1), await store.complete([], 1), await store.release([])]).toEqual([[], [], []]);
    expect(redis.asked).toEqual([]);
  });

  it('reads every answer, and a result of any bytes', async () => {
    const { redis, store } = open();
    const result = Buffer.from([0, 13, 10, 255, 124]);
    const answers = [Buffer.from('C'), Buffer.concat([Buffer.from('R'), result]), Buffer.from('F'), 250, 0];
    let next = 0;
    redis.answer = () => answers[next++];
    expect(
      await store.acquire(
        [...'abcde'].map((key) => claim(key)),
        1,
      ),
    ).toEqual([
      { outcome: 'completed', result: undefined },
      { outcome: 'completed', result },
      { outcome: 'conflict' },
      { outcome: 'busy', retryAfterMillis: 250 },
      { outcome: 'busy', retryAfterMillis: 1 },
    ]);
    redis.answer = ({ words }) => (words[0] === 'nestmq:a' ? 1 : 0);
    const held = ['a', 'b'].map((key) => ({ key, token: 't' }));
    expect(await store.extend(held, 9)).toEqual([true, false]);
    expect(await store.release(held)).toEqual([true, false]);
    expect(await store.complete([{ key: 'a', token: 't', result }], 9)).toEqual([true]);
    expect(redis.asked.at(-1)?.words).toEqual(['nestmq:a', 't', 9, 'R', result]);
  });

  it('sends the script itself for those keys whose server does not know it', async () => {
    const { redis, store } = open();
    redis.answer = ({ command, words }) =>
      command.startsWith('EVALSHA') && words[0] !== 'nestmq:b' ? new Error('NOSCRIPT No matching script.') : 1;
    const held = ['a', 'b', 'c'].map((key) => ({ key, token: 't' }));
    expect(await store.extend(held, 9)).toEqual([true, true, true]);
    expect(redis.asked.slice(3).map(({ command, words }) => [command, words[0]])).toEqual([
      ['EVAL EXTEND', 'nestmq:a'],
      ['EVAL EXTEND', 'nestmq:c'],
    ]);
  });

  it.each([
    ['OOM command not allowed', true, /maxmemory/],
    ['READONLY You can’t write against a read only replica.', true, /new master/],
    ['NOAUTH Authentication required.', false, /password/],
    ['WRONGTYPE Operation against a key', false, /prefix/],
    ['ERR something else', true, /something else/],
  ])('says what helps: %s', async (said, retryable, help) => {
    const { redis, store } = open();
    const cause = new Error(said);
    redis.answer = ({ words }) => (words[0] === 'nestmq:b' ? cause : Buffer.from('A'));
    const error = await failure(store.acquire([claim('a'), claim('b')], 1));
    expect(error).toMatchObject({ code: 'IDEMPOTENCY_STORE_FAILED', retryable, cause });
    expect((error as Error).message).toMatch(help);
  });

  it('waits for an answer no longer than the time-out, also when the late answer is an error', async () => {
    const { redis, clock, store } = open({ timeout: '2s' });
    let late: (error: Error) => void = () => {};
    redis.answer = () => new Promise((_, reject) => (late = reject));
    const asked = failure(store.release([{ key: 'a', token: 't' }]));
    await clock.advance(2_001);
    expect(await asked).toMatchObject({ code: 'IDEMPOTENCY_STORE_FAILED', retryable: true });
    late(new Error('Connection is closed.'));
    await clock.settle();
    expect(clock.pending).toEqual([]);
  });

  it('leaves no timer behind when the answer came', async () => {
    const { clock, store } = open();
    await store.acquire([claim('a')], 1);
    expect(clock.pending).toEqual([]);
  });

  it('asks with the same token again when it was not told whether it had the key', async () => {
    const { redis, store } = open();
    redis.answer = () => new Error('Connection is closed.');
    await failure(store.acquire([claim('a'), claim('b')], 1));
    redis.answer = () => Buffer.from('A');
    await store.acquire([claim('a')], 1);
    await store.acquire([claim('a')], 1);
    const [first, other, again, fresh] = redis.asked.map(({ words }) => words[1]);
    expect(again).toBe(first);
    expect(new Set([first, other, fresh]).size).toBe(3);
  });

  it('waits for the first connection, but not for one that was lost', async () => {
    const { redis, store } = open();
    redis.status = 'connecting';
    expect(await store.acquire([claim('a')], 1)).toHaveLength(1);
    redis.status = 'ready';
    await store.acquire([claim('b')], 1);
    for (const status of ['reconnecting', 'connecting', 'end']) {
      redis.status = status;
      const error = await failure(store.acquire([claim('c')], 1));
      expect(error).toMatchObject({ code: 'IDEMPOTENCY_STORE_FAILED', retryable: true });
      expect((error as Error).message).toContain(`"${status}"`);
    }
    expect(redis.asked).toHaveLength(2);
  });

  it.each([[undefined], [null], [{}], [{ get: () => 1 }], ['redis://localhost']])(
    'refuses what is no client: %j',
    (client) => {
      expect(() => new RedisIdempotencyStore(client as unknown as RedisClient)).toThrow(/client of ioredis/);
    },
  );

  it.each([[{ timeout: 0 }], [{ timeout: 'soon' }], [{ prefix: 1 }], [{ ttl: '1d' }]])(
    'refuses options: %j',
    (options) => {
      expect(() => open(options as never)).toThrow(expect.objectContaining({ code: 'CONFIGURATION' }));
    },
  );

  it('takes every client of both versions as their types have it', () => {
    const each = (a: Redis, b: Cluster, c: Redis6, d: Cluster6): RedisClient[] => [a, b, c, d];
    expect(each).toHaveLength(4);
  });
});
