import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import {
  type Claimed,
  migrate,
  MIGRATIONS,
  schema,
  type SqlAdapter,
  SqlIdempotencyStore,
  SqlInbox,
} from '../../../lib/idempotency/index.js';
import { countEffects, makeEffects, writeEffect } from '../../idempotency/sql/sql-subjects.js';
import { type Database, SERVERS, sqliteDrivers } from './databases.js';

jest.setTimeout(300_000);

const TTL = 600_000;
const DUPLICATES = 50;
const newest = MIGRATIONS.length;

const all = Object.entries({ ...SERVERS, ...(await sqliteDrivers()) });

describe.each(all)('at once on %s', (name, open) => {
  // SQLite has one writer, and through WebAssembly takes 2 ms for each transaction.
  const messages = name in SERVERS ? 200 : 40;
  let database: Database;
  let adapters: SqlAdapter[];
  beforeAll(async () => {
    database = await open();
    adapters = [database.connect(), database.connect()];
  });
  afterAll(() => database?.close());

  const TABLES = ['nestmq_schema', 'nestmq_inbox', 'nestmq_outbox', 'nestmq_lock'];

  it('many migrate an empty database', async () => {
    const connections = [...adapters, database.connect(), database.connect()];
    expect(await Promise.all(connections.map((adapter) => migrate(adapter)))).toEqual(connections.map(() => newest));
    for (const table of TABLES) await adapters[0]!.query(`SELECT count(*) AS n FROM ${table}`, []);
  });

  it('many migrate a database that is at an earlier version, with rows in it', async () => {
    const [adapter] = adapters as [SqlAdapter];
    const store = new SqlIdempotencyStore(adapter);
    const claim = { key: randomUUID(), fingerprint: undefined };
    await store.acquire([claim], TTL);
    await adapter.query('DELETE FROM nestmq_schema WHERE version > 1', []);
    expect(await Promise.all([...adapters, ...adapters].map((one) => migrate(one)))).toEqual(
      [1, 2, 3, 4].map(() => newest),
    );
    expect((await store.acquire([claim], TTL))[0]!.outcome).toBe('busy');
  });

  it('takes the printed statements twice', async () => {
    for (let time = 0; time < 2; time++)
      for (const statement of schema(adapters[0]!.dialect)) await adapters[0]!.query(statement, []);
  });

  it(`${DUPLICATES} duplicates of ${messages} messages: each is handled once, in the transaction`, async () => {
    await makeEffects(adapters[0]!);
    const inboxes = adapters.map((adapter) => new SqlInbox(adapter));
    const keys = Array.from({ length: messages }, () => randomUUID());
    let failed = 0;
    const handle = (key: string, turn: number): Promise<string> =>
      inboxes[turn % 2]!.transact([{ key, fingerprint: undefined }], TTL, async ([claimed], transaction) => {
        if (claimed!.outcome === 'acquired') {
          await writeEffect(adapters[turn % 2]!, transaction, key);
          // Every third attempt that may run fails, so that another has to be the one.
          if (turn % 3 === 0 && ++failed) throw new Error('no');
        }
        return { value: claimed!.outcome };
      }).catch((error: Error) => {
        if (error.message !== 'no') throw error;
        return 'failed';
      });
    const outcomes = new Map<string, string[]>();
    // So many at once as wait for each other on the same row; one connection has one transaction at a time in SQLite.
    for (const key of keys)
      outcomes.set(key, await Promise.all(Array.from({ length: DUPLICATES }, (_, turn) => handle(key, turn))));
    for (const became of outcomes.values()) {
      expect(became.filter((outcome) => outcome === 'acquired')).toHaveLength(1);
      expect(became.filter((outcome) => outcome === 'completed').length).toBeGreaterThan(0);
    }
    expect(failed).toBeGreaterThan(0);
    for (const key of keys) expect(await countEffects(adapters[0]!, key)).toBe(1);
  });

  /** How often each message was acquired, and how often it was busy. */
  async function acquireAll(through: readonly SqlAdapter[], count: number): Promise<Record<string, number>[]> {
    const stores = through.map((adapter) => new SqlIdempotencyStore(adapter));
    const claims = Array.from({ length: count }, () => ({ key: randomUUID(), fingerprint: undefined }));
    const answers = await Promise.all(
      Array.from({ length: DUPLICATES }, (_, turn) =>
        stores[turn % 2]!.acquire(turn % 4 < 2 ? claims : claims.toReversed(), TTL).then((claimed) =>
          turn % 4 < 2 ? claimed : claimed.toReversed(),
        ),
      ),
    );
    const of = (place: number, outcome: Claimed['outcome']): number =>
      answers.filter((claimed) => claimed[place]!.outcome === outcome).length;
    return claims.map((_, place) => ({ acquired: of(place, 'acquired'), busy: of(place, 'busy') }));
  }

  it(`${DUPLICATES} duplicates of ${messages} messages: each is acquired once under a lease`, async () => {
    const counted = await acquireAll(adapters, messages);
    expect(counted).toEqual(counted.map(() => ({ acquired: 1, busy: DUPLICATES - 1 })));
  });

  if (name === 'PostgreSQL') {
    it('a store that takes over what is not free would be seen', async () => {
      const careless = adapters.map((adapter): SqlAdapter => {
        const query: typeof adapter.query = (text, values) =>
          adapter.query(text.replace(/ WHERE .* RETURNING/, ' RETURNING'), values);
        return { ...adapter, query };
      });
      expect((await acquireAll(careless, 1))[0]!.acquired).toBeGreaterThan(1);
    });
  }

  it('batches in opposite order, again and again, that fail now and then: each message once', async () => {
    await makeEffects(adapters[0]!);
    const keys = Array.from({ length: 40 }, () => randomUUID());
    const attempt = (turn: number): Promise<void> => {
      const adapter = adapters[turn % 2]!;
      const claims = (turn % 2 ? keys : keys.toReversed()).map((key) => ({ key, fingerprint: undefined }));
      return new SqlInbox(adapter).transact(claims, TTL, async (claimed, transaction) => {
        for (const [place, { outcome }] of claimed.entries())
          if (outcome === 'acquired') await writeEffect(adapter, transaction, claims[place]!.key);
        if (turn % 5 === 0) throw new Error('no');
        return { value: undefined };
      });
    };
    const became = await Promise.allSettled(Array.from({ length: 25 }, (_, turn) => attempt(turn)));
    const refused = became.filter((one) => one.status === 'rejected');
    expect(refused.map(({ reason }) => (reason as Error).message).filter((message) => message !== 'no')).toEqual([]);
    for (const key of keys) expect(await countEffects(adapters[0]!, key)).toBe(1);
  });

  if (name in SERVERS) {
    it.each(['REPEATABLE READ', 'SERIALIZABLE'] as const)(
      'duplicates in transactions at %s: retried where one is refused, each message once',
      async (isolation) => {
        const strict = [database.connect({ isolation }), database.connect({ isolation })];
        const keys = Array.from({ length: 20 }, () => randomUUID());
        const handle = async (key: string, turn: number): Promise<void> => {
          const adapter = strict[turn % 2]!;
          const attempt = (): Promise<string> =>
            new SqlInbox(adapter).transact([{ key, fingerprint: undefined }], TTL, async ([claimed], transaction) => {
              if (claimed!.outcome === 'acquired') await writeEffect(adapter, transaction, key);
              return { value: claimed!.outcome };
            });
          for (let tries = 1; ; tries++) {
            try {
              await attempt();
              return;
            } catch (error) {
              expect(error).toMatchObject({ code: 'IDEMPOTENCY_STORE_FAILED', retryable: true });
              if (tries === 20) throw error;
            }
          }
        };
        await Promise.all(keys.flatMap((key) => Array.from({ length: 6 }, (_, turn) => handle(key, turn))));
        for (const key of keys) expect(await countEffects(adapters[0]!, key)).toBe(1);
      },
    );

    it('a deadlock of handlers is an error of theirs, retryable, and leaves one of them through', async () => {
      const [adapter] = adapters as [SqlAdapter];
      const rows = [randomUUID(), randomUUID()];
      const id = adapter.dialect === 'mysql' ? 'VARCHAR(40)' : 'text';
      await adapter.query(`CREATE TABLE IF NOT EXISTS accounts (id ${id} NOT NULL PRIMARY KEY, balance integer)`, []);
      for (const row of rows) await adapter.query('INSERT INTO accounts (id, balance) VALUES ($1, $2)', [row, 0]);
      let both!: () => void;
      let first = 0;
      const haveBoth = new Promise<void>((resolve) => (both = resolve));
      const handle = (order: readonly string[]): Promise<string> => {
        const key = randomUUID();
        return new SqlInbox(adapter).transact([{ key, fingerprint: undefined }], TTL, async (_, transaction) => {
          const query = adapter.within(transaction);
          await query('UPDATE accounts SET balance = balance + 1 WHERE id = $1', [order[0]!]);
          if (++first === 2) both();
          await haveBoth;
          await query('UPDATE accounts SET balance = balance + 1 WHERE id = $1', [order[1]!]);
          return { value: key };
        });
      };
      const became = await Promise.allSettled([handle(rows), handle(rows.toReversed())]);
      expect(became.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    });

    it('a handler that keeps an error of the database to itself does not pass for handled', async () => {
      const [adapter] = adapters as [SqlAdapter];
      await makeEffects(adapter);
      const key = randomUUID();
      const handling = new SqlInbox(adapter).transact(
        [{ key, fingerprint: undefined }],
        TTL,
        async (_, transaction) => {
          await writeEffect(adapter, transaction, key);
          // What a deadlock does in MySQL, and any error in PostgreSQL.
          await adapter
            .within(transaction)(adapter.dialect === 'mysql' ? 'ROLLBACK' : 'SELECT 1 / 0', [])
            .catch(() => {});
          return { value: undefined };
        },
      );
      await expect(handling).rejects.toMatchObject({
        code: 'IDEMPOTENCY_STORE_FAILED',
        message: expect.stringMatching(/rolled/),
      });
      expect(await countEffects(adapter, key)).toBe(0);
    });
  }
});
