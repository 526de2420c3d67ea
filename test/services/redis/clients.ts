import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster6, Redis as Redis6 } from 'ioredis6';

/** Both versions have what these tests use; the types of one stand for both. */
export const VERSIONS = [
  { version: 'ioredis 5', Redis, Cluster },
  { version: 'ioredis 6', Redis: Redis6 as unknown as typeof Redis, Cluster: Cluster6 as unknown as typeof Cluster },
] as const;

/** ioredis prints errors that nobody listens to. */
export function quiet<T extends { on(event: 'error', heard: () => void): unknown }>(client: T): T {
  client.on('error', () => {});
  return client;
}

/** Polls: what it waits for happens in a server. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  /** How it stands, said when it was in vain. */
  state: () => string = () => '',
): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await condition().valueOf())) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what} ${state()}`);
    await sleep(20);
  }
}

/** The process behind a connection; only for servers of our own. */
export async function serverPid(client: Redis): Promise<number> {
  return Number(/process_id:(\d+)/.exec(await client.info('server'))?.[1]);
}
