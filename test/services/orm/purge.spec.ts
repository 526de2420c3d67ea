import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ElectedOwner } from '../../../lib/idempotency/sql/purge/elected-owner.js';
import { PURGED_INBOX } from '../../../lib/idempotency/sql/purge/create-purge.js';
import { resolvePurge } from '../../../lib/idempotency/sql/purge/purge-options.js';
import { Purge } from '../../../lib/idempotency/sql/purge/purge.js';
import { deleteBatch } from '../../../lib/idempotency/sql/purge/purged-table.js';
import { SqlInbox } from '../../../lib/idempotency/sql/inbox/sql-inbox.js';
import { migrate } from '../../../lib/idempotency/sql/schema/migrate.js';
import type { SqlAdapter, SqlQuery } from '../../../lib/idempotency/sql/sql-adapter.js';
import { readNumber } from '../../../lib/idempotency/sql/sql-values.js';
import { SeededRandom, silentLogger, SystemClock } from '../../../lib/platform/index.js';
import { type Service, startMariaDb, startPostgres } from '../support/index.js';
import { KINDS, type Opened } from './adapters.js';

// Two databases are made and started first.
jest.setTimeout(180_000);

let services: Record<'postgres' | 'mariadb', Service>;
beforeAll(async () => {
  const [postgres, mariadb] = await Promise.all([startPostgres(), startMariaDb()]);
  services = { postgres, mariadb };
});
afterAll(() => Promise.all(Object.values(services).map((service) => service.stop())));

const host = (seed: number) => ({ clock: new SystemClock(), random: new SeededRandom(seed), logger: silentLogger });

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe.each(KINDS)('the clean-up with $name', ({ on, open }) => {
  let db: Opened;
  let adapter: SqlAdapter<unknown>;
  beforeEach(async () => {
    db = await open(services[on]);
    adapter = db.adapter;
    await migrate(adapter);
    for (const table of ['nestmq_inbox', 'nestmq_lock', 'nestmq_outbox'])
      await adapter.query(`DELETE FROM ${table}`, []);
  });
  afterEach(() => db.close());

  /** MySQL keeps keys in binary. */
  const bytes = (text: string) => (on === 'mariadb' ? Buffer.from(text) : text);
  async function write(count: number, expiresAt: number, prefix = `${expiresAt}-`): Promise<void> {
    for (let at = 0; at < count; at += 100) {
      const some = Array.from({ length: Math.min(100, count - at) }, (_, index) => bytes(`${prefix}${at + index}`));
      const rows = some.map((_, index) => `($${index + 1}, 't', NULL, ${expiresAt})`).join(', ');
      const columns = '(message_key, token, leased_until, expires_at)';
      await adapter.query(`INSERT INTO nestmq_inbox ${columns} VALUES ${rows}`, some);
    }
  }
  const count = async (table = 'nestmq_inbox') =>
    readNumber((await adapter.query(`SELECT count(*) AS n FROM ${table}`, [])).rows[0]!['n']);

  it('elects one of two that ask at once, and the other when that resigns', async () => {
    const [one, other] = ['one', 'other'].map((id) => new ElectedOwner(adapter, 'purge nestmq_inbox', id, 60_000));
    const first = await Promise.all([one!.claim(), other!.claim()]);
    expect(first.filter(Boolean)).toHaveLength(1);
    expect(await Promise.all([one!.claim(), other!.claim()])).toEqual(first);
    await (first[0] ? other! : one!).resign();
    expect(await Promise.all([one!.claim(), other!.claim()])).toEqual(first);
    await (first[0] ? one! : other!).resign();
    expect(await (first[0] ? other! : one!).claim()).toBe(true);
  });

  it('takes over from one whose lease has passed', async () => {
    const dead = new ElectedOwner(adapter, 'purge nestmq_inbox', 'dead', 100);
    const next = new ElectedOwner(adapter, 'purge nestmq_inbox', 'next', 60_000);
    expect(await dead.claim()).toBe(true);
    await until(() => next.claim());
    expect(await dead.claim()).toBe(false);
  });

  it('passes over a row that a handler has taken over, and waits for nobody', async () => {
    await write(20, 1000);
    await write(3, 9_999_999_999_999);
    const taken = bytes('1000-0');
    await adapter.transaction(async (tx) => {
      await adapter.within(tx)("UPDATE nestmq_inbox SET token = 'mine' WHERE message_key = $1", [taken]);
      expect(await deleteBatch(adapter, PURGED_INBOX, 15)).toBe(15);
      expect(await deleteBatch(adapter, PURGED_INBOX, 15)).toBe(4);
      expect(await deleteBatch(adapter, PURGED_INBOX, 15)).toBe(0);
    });
    expect(await deleteBatch(adapter, PURGED_INBOX, 15)).toBe(1);
    expect(await count()).toBe(3);
  });

  it('keeps no handler waiting while a batch is deleted', async () => {
    await write(30, 1000);
    const inbox = new SqlInbox(adapter, { purge: false });
    let handled = 0;
    /** Handles a message between the statements of the batch, and before its commit where there is a transaction. */
    const meanwhile =
      (query: SqlQuery): SqlQuery =>
      async (text, values) => {
        const result = await query(text, values);
        await inbox.transact([{ key: `new-${handled}`, fingerprint: undefined }], 60_000, async () => ({
          value: handled++,
        }));
        return result;
      };
    const busy: SqlAdapter<unknown> = {
      ...adapter,
      query: meanwhile(adapter.query),
      within: (tx) => meanwhile(adapter.within(tx)),
      transaction: (work) => adapter.transaction(work),
    };
    expect(await deleteBatch(busy, PURGED_INBOX, 100)).toBe(30);
    expect(handled).toBeGreaterThan(0);
    expect(await count()).toBe(handled);
  });

  it('deletes what was sent long enough ago, and nothing that is still to be sent', async () => {
    const columns = '(id, lane, topic, headers, body, body_bytes, created_at, sent_at)';
    const sent: Record<string, string> = { old: '1000', fresh: '9999999999999', waiting: 'NULL' };
    for (const [id, at] of Object.entries(sent))
      await adapter.query(`INSERT INTO nestmq_outbox ${columns} VALUES ('${id}', 0, 't', '{}', $1, 0, 0, ${at})`, [
        Buffer.alloc(0),
      ]);
    const table = { name: 'nestmq_outbox', key: 'seq', moment: 'sent_at', keepMillis: 86_400_000 };
    expect(await deleteBatch(adapter, table, 100)).toBe(1);
    expect(await count('nestmq_outbox')).toBe(2);
  });

  it('is done by one of two processes, and by the other when that leaves', async () => {
    const options = resolvePurge('SqlInbox', { interval: 1000, batchSize: 50, pause: 1 });
    const purges = [1, 2].map((seed) => {
      const purge = new Purge(adapter, PURGED_INBOX, options);
      purge.start(host(seed));
      return purge;
    });
    await write(220, 1000);
    await until(async () => (await count()) === 0);
    const owner = purges.findIndex(({ counts }) => counts.deleted > 0);
    expect(purges.map(({ counts }) => counts.deleted).toSorted((a, b) => a - b)).toEqual([0, 220]);
    await purges[owner]!.stop();
    await write(30, 1000);
    await until(async () => (await count()) === 0);
    expect(purges[1 - owner]!.counts).toMatchObject({ deleted: 30, failures: 0 });
    await purges[1 - owner]!.stop();
  });
});

it('finds what is due by the index also among many rows', async () => {
  const db = await KINDS[0]!.open(services.postgres);
  try {
    const { query } = db.adapter;
    await migrate(db.adapter);
    await query(
      `INSERT INTO nestmq_inbox (message_key, token, expires_at) SELECT 'many-' || n, 't', 9999999999999 FROM generate_series(1, 20000) n`,
      [],
    );
    await query('ANALYZE nestmq_inbox', []);
    const plans: string[] = [];
    const explained: SqlAdapter<unknown> = {
      ...db.adapter,
      query: async (text, values) => {
        const { rows } = await query(`EXPLAIN ${text.replace('$1', String(values[0]))}`, []);
        plans.push(...rows.map((row) => String(row['QUERY PLAN'])));
        return { rows: [], affected: 0 };
      },
    };
    await deleteBatch(explained, PURGED_INBOX, 500);
    const plan = plans.join('\n');
    expect(plan).toMatch(/Index Scan using nestmq_inbox_expires_at/);
    expect(plan).toMatch(/Index Cond: \(expires_at <=/);
    expect(plan).not.toMatch(/Seq Scan/);
  } finally {
    await db.adapter.query('DELETE FROM nestmq_inbox', []);
    await db.close();
  }
});
