import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { RedisIdempotencyStore } from '../../../lib/idempotency/redis/index.js';
import { heldOf } from '../../idempotency/store-contract.js';
import { VERSIONS, quiet, serverPid, until } from './clients.js';
import { type RedisNode, startCluster, startSentinel } from './redis-nodes.js';

jest.setTimeout(300_000);

const MINUTE = 60_000;
const one = (key: string) => [{ key, fingerprint: undefined }];
const failed = { code: 'IDEMPOTENCY_STORE_FAILED' };

async function mark(store: RedisIdempotencyStore, key: string): Promise<void> {
  const [claimed] = await store.acquire(one(key), MINUTE);
  expect(await store.complete([{ ...heldOf(key, claimed), result: undefined }], MINUTE)).toEqual([true]);
}

describe.each(VERSIONS)('the Redis store with $version', ({ Redis, Cluster }) => {
  const nodes: RedisNode[] = [];
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.stop();
  });

  it('follows a sentinel to the new master; a mark that had not come there is lost', async () => {
    const { master, replica, sentinel } = await startSentinel();
    nodes.push(sentinel, replica, master);
    const redis = quiet(
      new Redis({
        sentinels: [{ host: '127.0.0.1', port: sentinel.port }],
        name: 'shop',
        sentinelRetryStrategy: () => 50,
        retryStrategy: () => 50,
      }),
    );
    const store = new RedisIdempotencyStore(redis, { timeout: 5_000 });
    try {
      await mark(store, 'replicated');
      await until('the replica has it', async () => (await replica.client.exists('nestmq:replicated')) === 1);
      // It no longer hears its master, and is made the master before it could again.
      await replica.client.config('SET', 'masteruser', 'nobody');
      await replica.client.config('SET', 'masterauth', 'nothing');
      await replica.client.call('client', 'kill', 'type', 'master');
      await mark(store, 'not replicated');
      await master.server.kill();
      await sentinel.client.call('sentinel', 'set', 'shop', 'down-after-milliseconds', '1000');
      await until('the replica is the master', async () =>
        (await replica.client.info('replication')).includes('role:master'),
      );
      await until('the store goes on', () =>
        store.acquire(one('probe'), MINUTE).then(
          () => true,
          () => false,
        ),
      );
      expect(await store.acquire(one('replicated'), MINUTE)).toMatchObject([{ outcome: 'completed' }]);
      expect(await store.acquire(one('not replicated'), MINUTE)).toMatchObject([{ outcome: 'acquired' }]);
    } finally {
      redis.disconnect();
    }
  });

  it('in a cluster without one of its nodes fails in time for what lives there, and serves the rest', async () => {
    nodes.push(...(await startCluster()));
    const cluster = quiet(
      new Cluster(
        nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
        { clusterRetryStrategy: () => 50 },
      ),
    );
    const store = new RedisIdempotencyStore(cluster, { timeout: 3_000 });
    try {
      const names = Array.from({ length: 60 }, (_, i) => `k${i}`);
      for (const name of names) await mark(store, name);
      const [gone, ...rest] = nodes as [RedisNode, ...RedisNode[]];
      const there = new Set((await Promise.all(rest.map(({ client }) => client.keys('*')))).flat());
      const lost = names.filter((name) => !there.has(`nestmq:${name}`));
      expect(lost.length).toBeGreaterThan(0);
      // Hangs first: then it is away for the others as well.
      const pid = await serverPid(gone.client);
      for (const { client } of rest) await client.config('SET', 'cluster-node-timeout', '1000');
      process.kill(pid, 'SIGSTOP');
      await expect(store.acquire(one(lost[0] as string), MINUTE)).rejects.toMatchObject(failed);
      await gone.server.kill();
      const before = performance.now();
      const kept = names.filter((name) => there.has(`nestmq:${name}`));
      const claimed = await store.acquire(
        kept.map((key) => ({ key, fingerprint: undefined })),
        MINUTE,
      );
      expect(new Set(claimed.map(({ outcome }) => outcome))).toEqual(new Set(['completed']));
      await expect(store.acquire([...one(kept[0] as string), ...one(lost[0] as string)], MINUTE)).rejects.toMatchObject(
        failed,
      );
      expect(performance.now() - before).toBeLessThan(15_000);
    } finally {
      cluster.disconnect();
    }
  });
});
