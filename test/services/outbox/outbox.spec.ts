import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { SqlInbox } from '../../../lib/idempotency/index.js';
import { say, type Service, startMariaDb, startPostgres } from '../support/index.js';
import { killRelays, startRelay } from './relays.js';
import { message, World } from './world.js';
import { firstDisorder, writeKeyed } from './keyed-load.js';

jest.setTimeout(300_000);

interface Subject {
  /** Undefined: a file. */
  start?(): Promise<Service>;
  readonly keyed: { readonly keys: number; readonly perKey: number };
}

const SUBJECTS: Record<string, Subject> = {
  PostgreSQL: { start: () => startPostgres({ own: true }), keyed: { keys: 200, perKey: 100 } },
  MariaDB: { start: () => startMariaDb({ own: true }), keyed: { keys: 200, perKey: 100 } },
  // One writer at a time, and each process with its own idea of the file.
  SQLite: { keyed: { keys: 50, perKey: 20 } },
};

async function until(condition: () => unknown, what: string, millis = 60_000): Promise<void> {
  const end = performance.now() + millis;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${millis} ms for: ${what}`);
    await sleep(5);
  }
}

describe.each(Object.entries(SUBJECTS))('the outbox on %s', (name, { start, keyed }) => {
  let service: Service | undefined;
  let folder: string;
  let world: World;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'outbox-database-'));
    service = await start?.();
    world = await World.open(service?.url ?? join(folder, 'application.db'));
  });
  afterEach(async () => {
    await killRelays();
    await world?.rest();
  });
  afterAll(async () => {
    await world?.close();
    await service?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const bodies = (): string[] => world.received.map((received) => received.text());
  const allSent = async (): Promise<boolean> => (await world.outbox.status()).waiting === 0;
  const orders = (more: object = {}) => ({
    place: world.place,
    nameServer: world.address,
    claims: 'lanes' as const,
    options: { pollMillis: 200, leaseMillis: 2000 },
    ...more,
  });

  it('sends what is committed, and nothing of what is rolled back', async () => {
    world.relay({ pollMillis: 100 });
    const lost = world.database.adapter.transaction(async (transaction) => {
      await world.outbox.write(transaction, [message('lost')]);
      throw new Error('no');
    });
    await expect(lost).rejects.toThrow('no');
    const many = Array.from({ length: 250 }, (_, n) => message(`kept ${n}`, { properties: { n: `${n} ä` } }));
    const ids = await world.write(many);
    await until(() => world.received.length === 250, 'all of them');
    await until(allSent, 'their marks');
    expect(bodies()).not.toContain('lost');
    const byId = new Map(world.received.map((received) => [received.messageId, received]));
    ids.forEach((id, n) => {
      expect(byId.get(id)!.text()).toBe(`kept ${n}`);
      expect(byId.get(id)!.properties).toEqual({ n: `${n} ä` });
    });
  });

  it(`keeps the order of ${keyed.keys} keys with three relays side by side`, async () => {
    const total = keyed.keys * keyed.perKey;
    const options = { pollMillis: 50, leaseMillis: 60_000, lanes: 8, batchSize: 200 };
    const relays = await Promise.all([1, 2, 3].map(() => startRelay(orders({ options }))));
    const begin = performance.now();
    await writeKeyed(world, keyed.keys, keyed.perKey);
    const written = performance.now();
    await until(allSent, 'all of them to be sent');
    const seconds = (performance.now() - begin) / 1000;
    await until(() => world.received.length >= total, 'all of them to arrive');
    const counters = await Promise.all(relays.map((relay) => relay.stop()));
    const shares = counters.map(({ sent }) => sent);
    say(
      `${name}: ${total} rows of ${keyed.keys} keys, written in ${((written - begin) / 1000).toFixed(1)} s, sent after ` +
        `${seconds.toFixed(1)} s by 3 relays (${shares.join(', ')}): ${Math.round(total / seconds)} a second`,
    );
    expect(firstDisorder(bodies(), keyed.perKey)).toBeUndefined();
    // Once, but for what a busy machine did not confirm in time: that is sent again.
    const resent = counters.reduce((sum, counted) => sum + counted.resent, 0);
    expect(world.received.length).toBeGreaterThanOrEqual(total);
    expect(world.received.length).toBeLessThanOrEqual(total + resent);
    expect(Math.min(...shares)).toBeGreaterThan(0);
  });

  if (start !== undefined) {
    it('would not keep it with relays that claim single rows', async () => {
      await Promise.all([1, 2, 3].map(() => startRelay(orders({ claims: 'rows' }))));
      // Whoever is as lucky as to see none of it in one load sees it in the next.
      await until(async () => {
        world.received.length = 0;
        await writeKeyed(world, 10, 100);
        await until(() => world.received.length >= 1000, 'a load');
        return firstDisorder(bodies(), 100) !== undefined;
      }, 'the order to break');
    });
  }

  it('sends again, with the same id, what a relay that was killed had not marked', async () => {
    const inbox = new SqlInbox(world.database.adapter);
    let effects = 0;
    world.handle = async ({ topic, messageId }) => {
      const claim = { key: `test|${topic}|${messageId}`, fingerprint: undefined };
      await inbox.transact([claim], 60_000, async ([claimed]) => {
        if (claimed!.outcome === 'acquired') effects++;
        return { value: undefined };
      });
    };
    const ids = await world.write([
      ...Array.from({ length: 20 }, (_, n) => message(`o${n}`, { shardingKey: `${n % 5}` })),
      ...Array.from({ length: 20 }, (_, n) => message(`p${n}`, { topic: 'payments', shardingKey: `${n % 5}` })),
    ]);
    const killed = await startRelay(
      orders({ dieAfter: 25, options: { pollMillis: 100, leaseMillis: 5000, lanes: 64 } }),
    );
    expect(await killed.died).toBe('SIGKILL');
    await until(() => world.received.length >= 25, 'what it had sent');
    expect((await world.outbox.status()).waiting).toBe(40);
    const second = await startRelay(orders());
    await until(allSent, 'all of them to be sent');
    await until(() => new Set(world.received.map(({ messageId }) => messageId)).size === 40, 'all to arrive');
    const { sent, resent, lanesTakenOver } = await second.stop();
    expect(sent).toBe(40);
    expect(resent).toBeGreaterThan(0);
    expect(lanesTakenOver).toBeGreaterThan(0);
    const copies = (topic: string): number => world.received.filter((received) => received.topic === topic).length;
    await until(() => copies('orders') + copies('payments') > 40, 'the second copies');
    say(
      `${name}: a relay killed between send and mark: ${copies('orders')} copies of 20 orders, ${copies('payments')} of 20 payments`,
    );
    expect(copies('payments')).toBe(20);
    expect(copies('orders')).toBeGreaterThan(20);
    expect(effects).toBe(40);
    expect(new Set(world.received.map(({ messageId }) => messageId))).toEqual(new Set(ids));
    expect(
      firstDisorder(
        world.received
          .filter(({ topic }) => topic === 'orders')
          .map(
            (received) => `${Number(received.text().slice(1)) % 5} ${Math.floor(Number(received.text().slice(1)) / 5)}`,
          ),
        4,
      ),
    ).toBeUndefined();
  });

  it('waits while the broker is away, and sends when it is back', async () => {
    world.relay({ pollMillis: 100 });
    await world.write([message('before', { shardingKey: 'k' })]);
    await until(() => bodies().includes('before'), 'the first');
    await world.stopBroker();
    await world.write([message('during 1', { shardingKey: 'k' }), message('during 2', { shardingKey: 'k' })]);
    await sleep(1500);
    expect((await world.outbox.status()).waiting).toBe(2);
    await world.startBroker();
    await until(() => bodies().includes('during 2'), 'what was written meanwhile');
    await until(allSent, 'the marks');
    const own = bodies().filter((body) => /^(before|during)/.test(body));
    expect([...new Set(own)]).toEqual(['before', 'during 1', 'during 2']);
  });

  if (start !== undefined) {
    it('goes on when the database is back', async () => {
      const relay = world.relay({ pollMillis: 100 });
      await world.write([message('before', { shardingKey: 'k' })]);
      await until(allSent, 'the first');
      await world.write(Array.from({ length: 100 }, (_, n) => message(`${n}`, { shardingKey: 'k' })));
      await service!.kill();
      await until(() => relay.counters.databaseFailures > 0, 'the relay to notice');
      await service!.restart();
      await world.write([message('after', { shardingKey: 'k' })]);
      await until(allSent, 'the rest');
      await until(() => bodies().includes('after'), 'the last');
      expect([...new Set(bodies())]).toEqual(['before', ...Array.from({ length: 100 }, (_, n) => `${n}`), 'after']);
    });
  }

  if (name === 'PostgreSQL') {
    it('hears of a commit at once, and polls while its connection to listen is cut', async () => {
      const { adapter } = world.database;
      const listeners = async (): Promise<number[]> => {
        const { rows } = await adapter.query(
          `SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN nestmq_outbox'`,
          [],
        );
        return rows.map(({ pid }) => Number(pid));
      };
      world.relay({ pollMillis: 3_600_000 });
      await until(async () => (await listeners()).length === 1, 'the relay to listen');
      const latencies: number[] = [];
      for (let n = 0; n < 30; n++) {
        const begin = performance.now();
        await world.write([message(`heard ${n}`)]);
        await until(() => bodies().includes(`heard ${n}`), 'the message');
        latencies.push(performance.now() - begin);
      }
      latencies.sort((a, b) => a - b);
      say(
        `PostgreSQL: from the begin of the transaction to the listener, woken by NOTIFY: median ${latencies[15]!.toFixed(1)} ms, ` +
          `slowest of 30 ${latencies[29]!.toFixed(1)} ms`,
      );
      expect(latencies[15]).toBeLessThan(500);
      const [before] = await listeners();
      await adapter.query('SELECT pg_terminate_backend($1)', [before!]);
      await until(async () => (await listeners()).some((pid) => pid !== before), 'the relay to listen again');
      await world.write([message('heard again')]);
      await until(() => bodies().includes('heard again'), 'the message after');
    });

    it('finds with its polls what nobody tells it of', async () => {
      const deaf = { ...world.database.adapter, listen: () => Promise.reject(new Error('cut')) };
      Object.defineProperty(world.outbox, 'adapter', { value: deaf, configurable: true });
      world.relay({ pollMillis: 100 });
      const elsewhere = await World.open(world.place);
      try {
        await elsewhere.write([message('polled')]);
        await until(() => bodies().includes('polled'), 'the poll');
      } finally {
        await elsewhere.close();
        Object.defineProperty(world.outbox, 'adapter', { value: world.database.adapter });
      }
    });
  }
});
