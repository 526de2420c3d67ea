// Redis Streams, the append-only file synced before each answer.
import { ClientProcess } from '../support/client-process.js';
import { describeVersions, missingOf, missingPackages } from '../support/facts.js';
import { QueuePeer } from '../support/queue-peer.js';
import { missingRedis, openRedis } from '../support/redis-server.js';

const STREAMS = ['bench-0', 'bench-1', 'bench-2', 'bench-3'];

export const peer = {
  name: 'Redis Streams, synced',
  missing: () => missingOf(missingRedis(), missingPackages('ioredis')),

  async open(directory) {
    const redis = await openRedis(directory, 'always');
    const client = new ClientProcess(new URL('client.js', import.meta.url));
    const programs = [redis.server, client];
    try {
      await client.ask('connect', { port: redis.port, names: STREAMS });
    } catch (error) {
      for (const program of programs.toReversed()) await program.stop();
      throw error;
    }
    return new QueuePeer({
      client,
      programs,
      pids: () => redis.server.pids(),
      durability: 'sync',
      facts: {
        server: redis.version,
        client: describeVersions('ioredis'),
        configuration: redis.configuration,
        queues: `${STREAMS.length} streams`,
        sending: 'XADD, the commands of one turn of the loop sent together (enableAutoPipelining)',
        receiving: 'XREADGROUP of 256 a stream, one XACK for what it brings of a stream',
      },
    });
  },
};
