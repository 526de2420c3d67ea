import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { freePort } from '../../support/free-port.js';
import { OwnServer } from './own-server.js';
import { Scratch } from './scratch.js';
import {
  MissingServiceError,
  type Service,
  type ServiceOptions,
  findCommand,
  inside,
  notOurs,
  read,
} from './service.js';

const MARK = 'nestmq:tests';

/**
 * The server of NESTMQ_REDIS_URL, or redis-server from the path. Without `durable` a restart finds it empty; with it every
 * write is on the disk before it is answered.
 */
export async function startRedis({ durable = false, own = false }: ServiceOptions = {}): Promise<Service> {
  const named = process.env.NESTMQ_REDIS_URL;
  if (named !== undefined && !own) return useNamed(new URL(named));
  const command = findCommand('redis-server');
  if (command === undefined) throw new MissingServiceError('redis-server');

  const scratch = await Scratch.create('redis');
  const [port, password] = [await freePort(), randomBytes(12).toString('hex')];
  const server = new OwnServer(scratch, {
    command,
    args: [
      ['--bind', '127.0.0.1', '--port', String(port), '--requirepass', password, '--dir', scratch.folder],
      ['--save', '', '--appendonly', durable ? 'yes' : 'no', '--appendfsync', 'always', '--daemonize', 'no'],
    ].flat(),
    ready: /Ready to accept connections/,
    crash: 'SIGKILL',
    close: 'SIGTERM',
  });
  await server.start();
  return {
    ...read(new URL(`redis://:${password}@127.0.0.1:${port}/0`), 6379),
    own: true,
    folder: scratch.folder,
    kill: () => server.kill(),
    restart: () => server.restart(),
    stop: () => server.stop(),
  };
}

/** The last empty one of its numbered databases; a mark keeps a second run out of it. */
async function useNamed(url: URL): Promise<Service> {
  for (let database = 15; database > 0; database--) {
    const place = inside(url, String(database));
    const redis = new Redis(place.href, { lazyConnect: true, retryStrategy: () => null });
    await redis.connect();
    const taken = (await redis.dbsize()) > 0 || (await redis.setnx(MARK, process.pid)) === 0;
    if (taken) {
      redis.disconnect();
      continue;
    }
    return {
      ...read(place, 6379),
      own: false,
      kill: notOurs,
      restart: notOurs,
      stop: async () => {
        await redis.flushdb();
        redis.disconnect();
      },
    };
  }
  throw new Error(`the Redis of NESTMQ_REDIS_URL has no empty database between 1 and 15`);
}
