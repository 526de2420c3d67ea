import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrate, type SqlAdapter } from '../../../lib/idempotency/index.js';
import { inboxing, leasing, makeEffects } from '../../idempotency/sql/sql-subjects.js';
import { contractFailures, STORE_CONTRACT } from '../../idempotency/store-contract.js';
import { TRANSACTIONAL_CONTRACT } from '../../idempotency/transactional-contract.js';
import { leftOut } from '../support/index.js';
import { type Database, SERVERS, sqliteDrivers } from './databases.js';

jest.setTimeout(60_000);

// The databases' own clocks, so that time passes by waiting.
const time = { advance: (millis: number): Promise<void> => sleep(millis), shortMillis: 300 };

const drivers = await sqliteDrivers();
if (!('SQLite, node:sqlite' in drivers)) leftOut('SQLite by node:sqlite', `Node ${process.version} has none`);

describe.each(Object.entries({ ...SERVERS, ...drivers }))('%s', (name, open) => {
  let database: Database;
  let adapter: SqlAdapter;
  let other: SqlAdapter;
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
