// BullMQ over a Redis of its own.
import { ClientProcess } from '../support/client-process.js';
import { describeVersions, missingOf, missingPackages } from '../support/facts.js';
import { QueuePeer } from '../support/queue-peer.js';
import { missingRedis, openRedis } from '../support/redis-server.js';

const QUEUES = ['bench-0', 'bench-1', 'bench-2', 'bench-3'];
/** What a first backlog is made for; it is measured afterwards. */
const EXPECTED_PER_SECOND = 25_000;

/** @param appendfsync of the Redis: `everysec` is what it ships with, `always` syncs before it answers */
export function bullmq(name, appendfsync) {
  return {
    name,
    missing: () => missingOf(missingRedis(), missingPackages('bullmq', 'ioredis')),
    async open(directory) {
      const redis = await openRedis(directory, appendfsync);
      const client = new ClientProcess(new URL('client.js', import.meta.url));
      const programs = [redis.server, client];
      try {
        await client.ask('connect', { port: redis.port, names: QUEUES });
      } catch (error) {
        for (const program of programs.toReversed()) await program.stop();
        throw error;
      }
      return new QueuePeer({
        client,
        programs,
        pids: () => redis.server.pids(),
        durability: appendfsync === 'always' ? 'sync' : 'async',
        expectedPerSecond: EXPECTED_PER_SECOND,
        facts: {
          server: redis.version,
          client: describeVersions('bullmq', 'ioredis'),
          configuration: redis.configuration,
          queues: `${QUEUES.length} queues; jobs removed on completion`,
          sending: 'add, one job each; the body as a string in the data of the job',
          receiving: 'one worker a queue, 64 jobs at once in all',
        },
      });
    },
  };
}
