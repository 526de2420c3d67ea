import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Redis } from 'ioredis';
import { RedisIdempotencyStore } from '../../../lib/idempotency/redis/index.js';
import { STORE_CONTRACT, type StoreSubject, contractFailures } from '../../idempotency/store-contract.js';
import { type Service, startRedis } from '../support/index.js';
import { VERSIONS, quiet, until } from './clients.js';
import { type RedisNode, startCluster } from './redis-nodes.js';

jest.setTimeout(300_000);

/** Lets time pass for the keys below a prefix, on every node: they live so much shorter. */
async function age(admins: readonly Redis[], prefix: string, milliseconds: number): Promise<void> {
  for (const admin of admins) {
    for (const key of await admin.keys(`*${prefix}*`)) {
      const left = (await admin.pttl(key)) - milliseconds;
      await (left > 0 ? admin.pexpire(key, left) : admin.del(key));
    }
  }
}

let subjects = 0;
function subject(a: Redis | Cluster, b: Redis | Cluster, admins: readonly Redis[]): StoreSubject {
  const prefix = `contract-${++subjects}:`;
  return {
    store: new RedisIdempotencyStore(a, { prefix }),
    other: new RedisIdempotencyStore(b, { prefix }),
    advance: (milliseconds) => age(admins, prefix, milliseconds),
    shortMillis: 60_000,
  };
}

const OPTIONS = {
  'as it is': {},
  'with a prefix of its own': { keyPrefix: 'shop:' },
  'that gathers commands by itself': { enableAutoPipelining: true },
  'that connects when it is asked': { lazyConnect: true },
};

/** Every client on both kinds of server. */
const SUBJECTS = VERSIONS.flatMap(({ version, Redis, Cluster }) =>
  Object.entries(OPTIONS).flatMap(([what, options]) => [
    {
      name: `${version}, a client ${what}`,
      open: (service: Service) => new Redis(service.url, options),
    },
    {
      name: `${version}, a cluster of three, a client ${what}`,
      open: (_: Service, nodes: RedisNode[]) =>
        new Cluster(
          nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
          options,
        ),
    },
  ]),
);

describe('the Redis store keeps the contract', () => {
  let service: Service;
  let nodes: RedisNode[];
  const closing: { disconnect(): void }[] = [];
  const closes = <T extends Redis | Cluster>(client: T): T => {
    closing.push(client);
    return quiet(client);
  };
  beforeAll(async () => {
    [service, nodes] = await Promise.all([startRedis(), startCluster()]);
  });
  afterEach(() => closing.splice(0).forEach((client) => client.disconnect()));
  afterAll(() => Promise.all([service.stop(), ...nodes.map((node) => node.stop())]));

  it.each(SUBJECTS)('$name', async ({ open }) => {
    const [a, b] = [closes(open(service, nodes)), closes(open(service, nodes))];
    const admins = [...nodes.map(({ client }) => client), closes(new VERSIONS[0].Redis(service.url))];
    expect(await contractFailures(STORE_CONTRACT, async () => subject(a, b, admins))).toEqual([]);
  });

  it('in the cluster with marks on every node', async () => {
    const sizes = await Promise.all(nodes.map(({ client }) => client.dbsize()));
    expect(Math.min(...sizes)).toBeGreaterThan(0);
  });

  it('by the time of the server, which nobody else measures', async () => {
    const redis = closes(new VERSIONS[0].Redis(service.url));
    const store = new RedisIdempotencyStore(redis, { prefix: 'time:' });
    const claims = [{ key: 'k', fingerprint: undefined }];
    const before = performance.now();
    await store.acquire(claims, 500);
    await until('the lease has ended', async () => (await store.acquire(claims, 500))[0]?.outcome === 'acquired');
    expect(performance.now() - before).toBeGreaterThan(495);
  });
});

describe('the contract', () => {
  it('notices a store whose steps are several', async () => {
    const service = await startRedis();
    const redis = quiet(new VERSIONS[0].Redis(service.url));
    const store = new RedisIdempotencyStore(redis);
    // Looks first, writes then: what scripts are there against.
    const torn = Object.assign(Object.create(store) as RedisIdempotencyStore, {
      acquire: async (...[claims, lease]: Parameters<RedisIdempotencyStore['acquire']>) =>
        Promise.all(
          claims.map(async ({ key }) => {
            const there = await redis.get(`torn:${key}`);
            if (there !== null) return { outcome: 'busy' as const, retryAfterMillis: 1 };
            await redis.set(`torn:${key}`, 'P', 'PX', lease);
            return { outcome: 'acquired' as const, token: 't' };
          }),
        ),
    });
    const subject = { store: torn, advance: (milliseconds: number) => sleep(milliseconds) };
    const [first] = STORE_CONTRACT.filter(({ name }) => name.startsWith('lets one of many concurrent'));
    expect(await contractFailures([first as (typeof STORE_CONTRACT)[number]], async () => subject)).toHaveLength(1);
    redis.disconnect();
    await service.stop();
  });
});
