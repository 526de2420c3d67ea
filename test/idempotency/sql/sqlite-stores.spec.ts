import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { migrate } from '../../../lib/idempotency/index.js';
import { sqliteAdapter } from '../../../lib/idempotency/sql/sqlite/index.js';
import { VirtualClock } from '../../../lib/platform/index.js';
import { contractFailures, STORE_CONTRACT } from '../store-contract.js';
import { TRANSACTIONAL_CONTRACT } from '../transactional-contract.js';
import { inboxing, leasing, onClock } from './sql-subjects.js';
import { SqliteFiles } from './sqlite-file.js';

describe('on SQLite', () => {
  let files: SqliteFiles;
  beforeEach(() => {
    files = new SqliteFiles();
  });
  afterEach(() => files.close());

  async function open() {
    const clock = new VirtualClock();
    const adapters = [sqliteAdapter(files.open()), sqliteAdapter(files.open())] as const;
    await migrate(adapters[0]);
    const [adapter, other] = adapters.map((one) => onClock(one, () => Math.floor(clock.now())));
    return { adapter: adapter!, other: other!, time: { advance: (millis: number) => clock.advance(millis) } };
  }

  describe('the store with leases', () => {
    it.each(STORE_CONTRACT)('$name', async ({ run }) => {
      const { adapter, other, time } = await open();
      await run(leasing(adapter, other, time));
    });
  });

  describe('the inbox', () => {
    it.each(TRANSACTIONAL_CONTRACT)('$name', async ({ run }) => {
      const { adapter, other, time } = await open();
      await run(await inboxing(adapter, other, time));
    });
  });

  it('an inbox that commits what has failed is caught', async () => {
    const failures = await contractFailures(TRANSACTIONAL_CONTRACT, async () => {
      const { adapter, other, time } = await open();
      const keeping: typeof adapter = {
        ...adapter,
        transaction: async (work) => {
          let failure: unknown;
          const value = await adapter.transaction((database) =>
            work(database).catch((error: unknown) => {
              failure = error;
              return undefined;
            }),
          );
          if (failure !== undefined) throw failure;
          return value!;
        },
      };
      return await inboxing(keeping, other, time);
    });
    expect(failures).toContainEqual(expect.stringContaining('leaves neither mark nor writes behind'));
  });
});
