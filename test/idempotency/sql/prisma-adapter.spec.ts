import { describe, expect, it } from '@jest/globals';
import { prismaAdapter, type PrismaAdapterOptions } from '../../../lib/idempotency/sql/prisma/index.js';

/** An object with the documented interface; remembers what it is asked. */
function fakeClient(rows: Record<string, unknown>[] = []) {
  const asked: unknown[][] = [];
  const statements = {
    $queryRawUnsafe: async <T>(...given: unknown[]) => (asked.push(['query', ...given]), rows as T),
    $executeRawUnsafe: async (...given: unknown[]) => (asked.push(['execute', ...given]), 7),
  };
  const client = {
    ...statements,
    $connect: async () => {},
    async $transaction<T>(work: (transaction: typeof statements) => Promise<T>, options?: object): Promise<T> {
      asked.push(['begin', options]);
      return await work({ ...statements });
    },
  };
  return { client, asked };
}

describe('the Prisma adapter', () => {
  it.each([
    ['SELECT a FROM t', 0],
    ['INSERT INTO t VALUES (1)\nRETURNING a', 1],
    ['SHOW TABLES', 0],
  ])('asks for rows: %s', async (text, affected) => {
    const { client, asked } = fakeClient([{ a: 1 }]);
    const adapter = prismaAdapter(client, { dialect: 'postgres' });
    expect(await adapter.query(text, [])).toEqual({ rows: [{ a: 1 }], affected });
    expect(asked).toEqual([['query', text]]);
  });

  it.each(['DELETE FROM t', 'UPDATE t SET selected = 1', 'CREATE TABLE returning_goods (a int)'])(
    'asks for the count: %s',
    async (text) => {
      const { client, asked } = fakeClient();
      expect(await prismaAdapter(client, { dialect: 'mysql' }).query(text, [])).toEqual({ rows: [], affected: 7 });
      expect(asked).toEqual([['execute', text]]);
    },
  );

  it('numbers parameters for PostgreSQL and marks them for MySQL', async () => {
    for (const [dialect, text] of [
      ['postgres', 'DELETE FROM t WHERE a = $1 AND b = $2'],
      ['mysql', 'DELETE FROM t WHERE a = ? AND b = ?'],
    ] as const) {
      const { client, asked } = fakeClient();
      await prismaAdapter(client, { dialect }).query('DELETE FROM t WHERE a = $1 AND b = $2', ['x', 2]);
      expect(asked).toEqual([['execute', text, 'x', 2]]);
    }
  });

  it('lets a handler have more than the five seconds of Prisma', async () => {
    const { client, asked } = fakeClient();
    await prismaAdapter(client, { dialect: 'postgres' }).transaction(async () => 1);
    const options = { dialect: 'postgres', timeout: 1, maxWait: 2, isolation: 'SERIALIZABLE' } as const;
    await prismaAdapter(client, options).transaction(async () => 1);
    await prismaAdapter(client, { dialect: 'mysql' }).transaction(async () => 1);
    expect(asked).toEqual([
      ['begin', { timeout: 60_000, maxWait: 10_000 }],
      ['begin', { timeout: 1, maxWait: 2, isolationLevel: 'Serializable' }],
      ['begin', { timeout: 60_000, maxWait: 10_000, isolationLevel: 'ReadCommitted' }],
    ]);
  });

  it('runs statements in a transaction, and refuses the client itself', async () => {
    const { client, asked } = fakeClient();
    const adapter = prismaAdapter(client, { dialect: 'postgres' });
    await adapter.transaction((tx) => adapter.within(tx)('DELETE FROM t', []));
    expect(asked.map(([what]) => what)).toEqual(['begin', 'execute']);
    const refused = expect.objectContaining({ code: 'BAD_ARGUMENT' });
    expect(() => adapter.within(client)).toThrow(refused);
    expect(() => adapter.within({ ...client })).toThrow(refused);
  });

  it.each([
    [{ dialect: 'sqlite' }, 'dialect'],
    [{ dialect: 'postgres', timeout: 0 }, 'timeout'],
    [{ dialect: 'postgres', maxWait: '1s' }, 'maxWait'],
    [{ dialect: 'postgres', isolation: 'Serializable' }, 'isolation'],
    [{ dialect: 'postgres', isolationLevel: 'Serializable' }, 'isolationLevel'],
  ])('refuses options that it cannot work with: %j', (options, named) => {
    expect(() => prismaAdapter(fakeClient().client, options as PrismaAdapterOptions)).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION', message: expect.stringContaining(named) }),
    );
  });
});
