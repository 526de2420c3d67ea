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
    'SELECT a FROM t',
    '  with x as (select 1) select 1',
    'INSERT INTO t VALUES (1)\nRETURNING a',
    'SHOW TABLES',
  ])('asks for rows: %s', async (text) => {
    const { client, asked } = fakeClient([{ a: 1 }]);
    const adapter = prismaAdapter(client, { dialect: 'postgres' });
    expect(await adapter.query(text, [])).toEqual({ rows: [{ a: 1 }], affected: 1 });
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

  it('gives bytes as Buffers', async () => {
    const { client } = fakeClient([{ bytes: new Uint8Array([104, 105]), text: 'hi', nothing: null }]);
    const { rows } = await prismaAdapter(client, { dialect: 'postgres' }).query('SELECT', []);
    expect(rows).toEqual([{ bytes: Buffer.from('hi'), text: 'hi', nothing: null }]);
    expect(Buffer.isBuffer(rows[0]!['bytes'])).toBe(true);
  });

  it('lets a handler have more than the five seconds of Prisma', async () => {
    const { client, asked } = fakeClient();
    await prismaAdapter(client, { dialect: 'postgres' }).transaction(async () => 1);
    const options = { dialect: 'postgres', timeout: 1, maxWait: 2, isolationLevel: 'Serializable' } as const;
    await prismaAdapter(client, options).transaction(async () => 1);
    expect(asked).toEqual([
      ['begin', { timeout: 60_000, maxWait: 10_000 }],
      ['begin', { timeout: 1, maxWait: 2, isolationLevel: 'Serializable' }],
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

  it('refuses a dialect that it does not know', () => {
    const options = { dialect: 'sqlite' } as unknown as PrismaAdapterOptions;
    expect(() => prismaAdapter(fakeClient().client, options)).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION' }),
    );
  });
});
