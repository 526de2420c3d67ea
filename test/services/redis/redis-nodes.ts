import { Redis } from 'ioredis';
import { freePort } from '../../support/free-port.js';
import { OwnServer } from '../support/own-server.js';
import { Scratch } from '../support/scratch.js';
import { findCommand } from '../support/service.js';
import { quiet, until } from './clients.js';

/** One process of several; memory only. */
export class RedisNode {
  private constructor(
    readonly port: number,
    readonly server: OwnServer,
    /** To ask this very process. */
    readonly client: Redis,
  ) {}

  static start(role: string, ...args: string[]): Promise<RedisNode> {
    return RedisNode.run(role, async ({ folder }, port) => [
      ...['--bind', '127.0.0.1', '--port', String(port), '--dir', folder],
      ...['--save', '', '--appendonly', 'no', '--daemonize', 'no', ...args],
    ]);
  }

  /** Watches the master at `masterPort` under the name `shop`, and decides alone. */
  static startSentinel(masterPort: number): Promise<RedisNode> {
    return RedisNode.run('redis-sentinel', async (scratch, port) => {
      const lines = [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${scratch.folder}`,
        `sentinel monitor shop 127.0.0.1 ${masterPort} 1`,
        // Until the test shortens it: a moment in which the machine stands still is no death.
        'sentinel down-after-milliseconds shop 120000',
        'sentinel failover-timeout shop 5000',
      ];
      return [await scratch.write('sentinel.conf', `${lines.join('\n')}\n`), '--sentinel'];
    });
  }

  private static async run(
    role: string,
    args: (scratch: Scratch, port: number) => Promise<string[]>,
  ): Promise<RedisNode> {
    const [scratch, port] = [await Scratch.create(role), await freePort()];
    const server = new OwnServer(scratch, {
      command: findCommand('redis-server') as string,
      args: await args(scratch, port),
      ready: /Ready to accept connections|\+monitor master/,
      crash: 'SIGKILL',
      close: 'SIGTERM',
    });
    await server.start();
    return new RedisNode(port, server, quiet(new Redis(port, '127.0.0.1', { retryStrategy: () => 50 })));
  }

  async stop(): Promise<void> {
    this.client.disconnect();
    await this.server.stop();
  }
}

/**
 * Three masters without replicas on loopback, which take each other for away after two minutes unless told otherwise; a node that
 * goes takes its slots with it and leaves the others serving.
 */
export async function startCluster(): Promise<RedisNode[]> {
  const nodes = await Promise.all(
    [0, 1, 2].map(async () =>
      RedisNode.start(
        'redis-node',
        ...['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())],
        ...['--cluster-node-timeout', '120000', '--cluster-require-full-coverage', 'no'],
      ),
    ),
  );
  const bounds = [0, 5_461, 10_923, 16_384];
  for (const [i, { client }] of nodes.entries()) {
    await client.call('cluster', 'addslotsrange', bounds[i] as number, (bounds[i + 1] as number) - 1);
    await client.call('config', 'set', 'cluster-announce-ip', '127.0.0.1');
  }
  const bus = async ({ client }: RedisNode): Promise<string> =>
    ((await client.config('GET', 'cluster-port')) as string[])[1] as string;
  const [first] = nodes as [RedisNode, RedisNode, RedisNode];
  for (const other of nodes.slice(1))
    await first.client.call('cluster', 'meet', '127.0.0.1', other.port, await bus(other));
  await until('every node knows all slots', async () => {
    const infos = await Promise.all(nodes.map(({ client }) => client.cluster('INFO') as Promise<string>));
    return infos.every((info) => info.includes('cluster_state:ok') && info.includes('cluster_slots_ok:16384'));
  });
  return nodes;
}

/** A master, its replica, and a sentinel that makes the replica the master when it is told to take the master's silence for its end. */
export async function startSentinel(): Promise<{ master: RedisNode; replica: RedisNode; sentinel: RedisNode }> {
  const master = await RedisNode.start('redis-master');
  const replica = await RedisNode.start('redis-replica', '--replicaof', '127.0.0.1', String(master.port));
  await until('the replica is up', async () => (await replica.client.info('replication')).includes('link_status:up'));
  const sentinel = await RedisNode.startSentinel(master.port);
  await until('the sentinel knows the replica', async () => /slaves=1,/.test(await sentinel.client.info('sentinel')));
  return { master, replica, sentinel };
}
