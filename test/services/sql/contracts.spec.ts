import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { migrate, type SqlAdapter, SqlIdempotencyStore } from '../../../lib/idempotency/index.js';
import { inboxing, leasing, makeEffects } from '../../idempotency/sql/sql-subjects.js';
import { contractFailures, heldOf, STORE_CONTRACT } from '../../idempotency/store-contract.js';
import { TRANSACTIONAL_CONTRACT } from '../../idempotency/transactional-contract.js';
import { leftOut, say } from '../support/index.js';
import { type Database, SERVERS, sqliteDrivers } from './databases.js';

jest.setTimeout(180_000);

const drivers = await sqliteDrivers();
if (!('SQLite, node:sqlite' in drivers)) leftOut('SQLite by node:sqlite', `Node ${process.version} has none`);

describe.each(Object.entries({ ...SERVERS, ...drivers }))('%s', (name, open) => {
  let database: Database;
  let adapter: SqlAdapter;
  let other: SqlAdapter;
  /** Lets time pass by making all marks so much older: what a busy machine takes for a step is next to nothing then. */
  const time = {
    advance: async (millis: number): Promise<void> => {
      const older = 'UPDATE nestmq_inbox SET leased_until = leased_until - $1, expires_at = expires_at - $2';
      await adapter.query(older, [millis, millis]);
    },
    shortMillis: 60_000,
  };
  beforeAll(async () => {
    database = await open();
    adapter = database.connect();
    other = database.connect();
    await migrate(adapter);
    await makeEffects(adapter);
  });
  afterAll(() => database?.close());

  describe('the store with leases', () => {
    it.each(STORE_CONTRACT)('$name', ({ run }) => run(leasing(adapter, other, time)));
  });

  it('goes by the clock of the database', async () => {
    const claims = [{ key: 'by its clock', fingerprint: undefined }];
    const [store, next] = [new SqlIdempotencyStore(adapter), new SqlIdempotencyStore(other)];
    const before = performance.now();
    await store.acquire(claims, 500);
    while ((await next.acquire(claims, 500))[0]!.outcome !== 'acquired');
    expect(performance.now() - before).toBeGreaterThan(490);
  });

  if (name === 'PostgreSQL') {
    it('takes about as much of the disk for a mark as the README says', async () => {
      const store = new SqlIdempotencyStore(adapter, { purge: false });
      const size = async () =>
        Number((await adapter.query("SELECT pg_total_relation_size('nestmq_inbox') AS size", [])).rows[0]!.size);
      const keys = Array.from({ length: 20_000 }, (_, n) => `shop|orders|${String(n).padStart(32, '0')}`);
      const before = await size();
      for (let at = 0; at < keys.length; at += 1_000) {
        const claims = keys.slice(at, at + 1_000).map((key) => ({ key, fingerprint: undefined }));
        const claimed = await store.acquire(claims, 60_000);
        const held = claims.map(({ key }, n) => ({ ...heldOf(key, claimed[n]), result: undefined }));
        await store.complete(held, 60_000);
        await adapter.query('VACUUM nestmq_inbox', []);
      }
      const bytes = ((await size()) - before) / keys.length;
      say(`a mark in PostgreSQL: ${Math.round(bytes)} bytes with indexes`);
      expect(bytes).toBeGreaterThan(150);
      expect(bytes).toBeLessThan(400);
      await adapter.query("DELETE FROM nestmq_inbox WHERE message_key LIKE 'shop|%'", []);
    });
  }

  describe('the inbox', () => {
    it.each(TRANSACTIONAL_CONTRACT)('$name', async ({ run }) => run(await inboxing(adapter, other, time)));
  });

  if (name in SERVERS) {
    it('an inbox whose mark is written outside of the transaction is caught', async () => {
      const quick = TRANSACTIONAL_CONTRACT.filter(({ name: what }) => /leaves neither|go on as the first/.test(what));
      const failures = await contractFailures(quick, async () => {
        const subject = await inboxing(adapter, other, time);
        const beside = await inboxing({ ...adapter, within: () => other.query }, other, time);
        return { ...beside, write: subject.write };
      });
      expect(failures.length).toBeGreaterThan(0);
    });
  }
});
