import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sqlite from 'node-sqlite3-wasm';
import { resolvePurge } from '../../../../lib/idempotency/sql/purge/purge-options.js';
import { Purge } from '../../../../lib/idempotency/sql/purge/purge.js';
import type { PurgedTable } from '../../../../lib/idempotency/sql/purge/purged-table.js';
import { lockTable } from '../../../../lib/idempotency/sql/schema/lock-table.js';
import type { SqlAdapter, SqlQuery } from '../../../../lib/idempotency/sql/sql-adapter.js';
import { sqliteAdapter } from '../../../../lib/idempotency/sql/sqlite/index.js';
import type { StoreHost } from '../../../../lib/idempotency/store-life.js';
import { SeededRandom, VirtualClock } from '../../../../lib/platform/index.js';

const TABLE: PurgedTable = { name: 'marks', key: 'mark', moment: 'expires_at', keepMillis: 0 };
const MINUTE = 60_000;
const DAY = 86_400_000;

type Adapter = SqlAdapter<unknown>;

let database: InstanceType<typeof sqlite.Database>;
let adapter: Adapter;
let clock: VirtualClock;
let logs: string[];

beforeEach(async () => {
  database = new sqlite.Database(':memory:');
  adapter = sqliteAdapter(database);
  clock = new VirtualClock();
  logs = [];
  for (const statement of lockTable.statements.sqlite) await adapter.query(statement, []);
  await adapter.query('CREATE TABLE marks (mark TEXT PRIMARY KEY, expires_at INTEGER)', []);
});
afterEach(() => database.close());

const hostWith = (seed: number): StoreHost => ({
  clock,
  random: new SeededRandom(seed),
  logger: {
    error: (message) => void logs.push(`error ${message}`),
    warn: (message) => void logs.push(`warn ${message}`),
    log: (message) => void logs.push(`log ${message}`),
    debug: () => {},
    verbose: () => {},
  },
});

/** Rows that were due that long ago by the database's clock, which is the machine's; negative: in the future. */
async function write(count: number, agoMillis: number): Promise<void> {
  for (let at = 0; at < count; at++)
    await adapter.query('INSERT INTO marks VALUES ($1, $2)', [`${agoMillis}-${at}`, Date.now() - agoMillis]);
}
const left = async () => Number((await adapter.query('SELECT count(*) AS n FROM marks', [])).rows[0]!['n']);
/** As if the elected process had said nothing for longer than its lease. */
const passLease = () => adapter.query('UPDATE nestmq_lock SET leased_until = $1 WHERE 1 = 1', [Date.now() - 1]);

const purgeOf = (options = {}, over: Adapter = adapter, table = TABLE) =>
  new Purge(over, table, resolvePurge('SqlInbox', options));

/** The adapter, with what `before` does before each statement. */
const watched = (before: (text: string) => void): Adapter => ({
  ...adapter,
  query: ((text, values) => {
    before(text);
    return adapter.query(text, values);
  }) satisfies SqlQuery,
});

describe('the clean-up', () => {
  it('deletes what is due and nothing else, in batches', async () => {
    await write(23, 1);
    await write(5, -DAY);
    await adapter.query('INSERT INTO marks VALUES ($1, $2)', ['still at work', null]);
    const purge = purgeOf({ batchSize: 10 });
    purge.start(hostWith(1));
    await clock.advance(2 * MINUTE);
    expect(await left()).toBe(6);
    expect(purge.counts).toEqual({ deleted: 23, batches: 3, failures: 0, elected: true });
    await purge.stop();
  });

  it('pauses between batches, and goes on until nothing is due', async () => {
    await write(30, 1);
    const at: number[] = [];
    const purge = purgeOf(
      { batchSize: 10, pause: 200 },
      watched((text) => void (text.startsWith('DELETE') && at.push(clock.monotonic()))),
    );
    purge.start(hostWith(1));
    await clock.advance(MINUTE);
    expect(at.map((time) => Math.round(time - at[0]!))).toEqual([0, 200, 400, 600]);
    await purge.stop();
  });

  it('keeps rows for as long as they are to be kept', async () => {
    await write(2, 2 * DAY);
    await write(3, DAY / 2);
    const purge = purgeOf({}, adapter, { ...TABLE, keepMillis: DAY });
    purge.start(hostWith(1));
    await clock.advance(MINUTE);
    expect(await left()).toBe(3);
    await purge.stop();
  });

  it('is done by one of several', async () => {
    const purges = [1, 2, 3].map((seed) => {
      const purge = purgeOf();
      purge.start(hostWith(seed));
      return purge;
    });
    await write(10, 1);
    await clock.advance(5 * MINUTE);
    expect(purges.filter(({ counts }) => counts.elected)).toHaveLength(1);
    expect(purges.map(({ counts }) => counts.deleted).toSorted()).toEqual([0, 0, 10]);
    await Promise.all(purges.map((purge) => purge.stop()));
  });

  it('is taken over from one that resigned, and from one that died', async () => {
    const [first, second, third] = [purgeOf(), purgeOf(), purgeOf()];
    const elected = () => [first, second, third].map(({ counts }) => counts.elected);
    first.start(hostWith(1));
    await clock.advance(2 * MINUTE);
    // Its own clock: it stands still when that does.
    const doomed = new VirtualClock();
    second.start({ ...hostWith(2), clock: doomed });
    await doomed.advance(2 * MINUTE);
    expect(elected()).toEqual([true, false, false]);
    await first.stop();
    await doomed.advance(2 * MINUTE);
    expect(elected()).toEqual([false, true, false]);
    third.start(hostWith(3));
    await clock.advance(2 * MINUTE);
    expect(elected()).toEqual([false, true, false]);
    await passLease();
    await clock.advance(2 * MINUTE);
    expect(third.counts.elected).toBe(true);
    await doomed.advance(2 * MINUTE);
    expect(elected()).toEqual([false, false, true]);
    await Promise.all([second.stop(), third.stop()]);
  });

  it('gives way when its lease passed while it was at work', async () => {
    await write(100, 1);
    let stolen = false;
    const purge = purgeOf(
      { batchSize: 10, pause: 30_000 },
      watched((text) => {
        if (stolen || !text.startsWith('DELETE')) return;
        stolen = true;
        database.exec("UPDATE nestmq_lock SET owner = 'another'");
      }),
    );
    purge.start(hostWith(1));
    await clock.advance(10 * MINUTE);
    // It asks again after a third of the lease of three minutes, and stops there.
    expect(purge.counts).toMatchObject({ deleted: 20, elected: false });
    await purge.stop();
  });

  it('varies the interval', async () => {
    const asked: number[] = [];
    const purge = purgeOf(
      { jitter: 0.5 },
      watched((text) => void (text.startsWith('UPDATE nestmq_lock') && asked.push(clock.monotonic()))),
    );
    purge.start(hostWith(7));
    await clock.advance(60 * MINUTE);
    const gaps = asked.slice(1).map((time, index) => time - asked[index]!);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(MINUTE / 2);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1.5 * MINUTE);
    expect(Math.max(...gaps) - Math.min(...gaps)).toBeGreaterThan(MINUTE / 4);
    await purge.stop();
  });

  it('says once that the database fails, goes on trying, and says when it works again', async () => {
    await write(3, 1);
    let down = true;
    const purge = purgeOf(
      {},
      watched(() => {
        if (down) throw new Error('no such host');
      }),
    );
    purge.start(hostWith(1));
    await clock.advance(5 * MINUTE);
    expect(purge.counts.failures).toBeGreaterThan(2);
    expect(logs).toEqual(['error marks cannot be cleaned up; it is tried again each interval']);
    down = false;
    await clock.advance(2 * MINUTE);
    expect(logs.slice(1)).toEqual(['log marks is cleaned up again']);
    expect(await left()).toBe(0);
    await purge.stop();
  });

  it('ends with the last application that uses it, not amid a statement, and may begin again', async () => {
    const purge = purgeOf();
    const host = hostWith(1);
    purge.start(host);
    purge.start(host);
    await clock.advance(2 * MINUTE);
    await purge.stop();
    expect(clock.pending).toHaveLength(1);
    await purge.stop();
    expect(clock.pending).toHaveLength(0);
    await purge.stop();
    await write(4, 1);
    purge.start(host);
    await clock.advance(2 * MINUTE);
    expect(await left()).toBe(0);
    await purge.stop();
  });

  it.each([
    [{ interval: 10 }, 'purge.interval'],
    [{ interval: 'often' }, 'purge.interval'],
    [{ batchSize: 0 }, 'purge.batchSize'],
    [{ batchSize: 1.5 }, 'purge.batchSize'],
    [{ batchSize: 1e6 }, 'purge.batchSize'],
    [{ pause: '2m' }, 'purge.pause'],
    [{ jitter: 2 }, 'purge.jitter'],
    [{ jitter: Number.NaN }, 'purge.jitter'],
    [{ every: '1m' }, 'purge.every'],
  ])('refuses options that make no sense: %j', (options, named) => {
    expect(() => resolvePurge('SqlInbox', options as object)).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION', message: expect.stringContaining(named) }),
    );
  });
});
