import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { type Service, startMariaDb, startPostgres, startRedis } from './index.js';

jest.setTimeout(300_000);

interface Asked {
  write(value: string): Promise<unknown>;
  read(): Promise<string | null | undefined>;
  close(): Promise<unknown> | void;
}

const SERVICES = {
  redis: {
    start: startRedis,
    async ask({ url }: Service): Promise<Asked> {
      const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
      await redis.connect();
      return {
        write: (value) => redis.set('kept', value),
        read: () => redis.get('kept'),
        close: () => redis.disconnect(),
      };
    },
  },
  postgres: {
    start: startPostgres,
    async ask({ url }: Service): Promise<Asked> {
      const client = new pg.Client(url);
      client.on('error', () => {});
      await client.connect();
      await client.query('create table if not exists kept (value text)');
      return {
        write: (value) => client.query('insert into kept values ($1)', [value]),
        read: async () => (await client.query<{ value: string }>('select value from kept')).rows[0]?.value,
        close: () => client.end(),
      };
    },
  },
  mariadb: {
    start: startMariaDb,
    async ask({ url }: Service): Promise<Asked> {
      const client = await mysql.createConnection(url);
      client.on('error', () => {});
      await client.query('create table if not exists kept (value text)');
      return {
        write: (value) => client.query('insert into kept values (?)', [value]),
        read: async () => ((await client.query('select value from kept'))[0] as { value: string }[])[0]?.value,
        close: () => client.end().catch(() => {}),
      };
    },
  },
};

describe.each(Object.keys(SERVICES) as (keyof typeof SERVICES)[])('a %s for tests', (name) => {
  const { start, ask } = SERVICES[name];
  const variable = `NESTMQ_${name.toUpperCase()}_URL`;
  const named = process.env[variable];
  const started: Service[] = [];
  afterEach(async () => {
    if (named === undefined) delete process.env[variable];
    else process.env[variable] = named;
    for (const service of started.splice(0).reverse()) await service.stop();
  });
  async function begin(options?: Parameters<typeof start>[0]): Promise<Service> {
    const service = await start(options);
    started.push(service);
    return service;
  }

  it('keeps what was written when it is killed and started again', async () => {
    const service = await begin({ durable: true, own: true });
    const before = await ask(service);
    await before.write('this');
    await service.kill();
    await before.close();
    await expect(ask(service)).rejects.toThrow();
    await service.restart();
    const after = await ask(service);
    expect(await after.read()).toBe('this');
    await after.close();
  });

  it('is restarted on the same port while clients are connected', async () => {
    const service = await begin({ durable: true, own: true });
    const before = await ask(service);
    await before.write('that');
    await service.restart();
    await before.close();
    const after = await ask(service);
    expect(await after.read()).toBe('that');
    await after.close();
  });

  it('gives a database of its own on a server that is named, and takes it away again', async () => {
    const server = await begin({ own: true });
    process.env[variable] = server.url;
    const [one, two] = [await start(), await start()];
    const [first, second] = [await ask(one), await ask(two)];
    await first.write('one');
    expect([await first.read(), (await second.read()) ?? null]).toEqual(['one', null]);
    await first.close();
    await second.close();
    expect([one.own, one.port, one.database === two.database]).toEqual([false, server.port, false]);
    await expect(one.kill()).rejects.toThrow('not killed');
    await one.stop();
    await two.stop();
    const again = await begin();
    const client = await ask(again);
    expect((await client.read()) ?? null).toBeNull();
    await client.close();
  });

  it('leaves nothing when the process that started it is killed', async () => {
    const file = fileURLToPath(new URL('index.js', import.meta.url));
    const code = `
      const started = await (await import(${JSON.stringify(file)})).${start.name}({ own: true });
      console.log(JSON.stringify(started));
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const service = JSON.parse(line) as Required<Service>;
    expect(existsSync(service.folder)).toBe(true);
    await (await ask(service)).close();
    child.kill('SIGKILL');
    while (existsSync(service.folder)) await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(ask(service)).rejects.toThrow();
  });
});
