import { describe, expect, it } from '@jest/globals';
import type { DataSource, EntityManager } from 'typeorm';
import { typeormAdapter } from '../../../lib/idempotency/sql/typeorm/index.js';

interface Asked {
  text: string;
  values: unknown;
  structured: unknown;
}

/** A data source whose runners answer with `answer`; remembers what was asked of them. */
function fakeSource(type: string, answer: object | Error = { records: [], affected: 0 }) {
  const asked: Asked[] = [];
  const life: string[] = [];
  const runner = {
    isTransactionActive: true,
    async query(text: string, values: unknown, structured: unknown) {
      asked.push({ text, values, structured });
      if (answer instanceof Error) throw answer;
      return answer;
    },
    release: async () => void life.push('released'),
  };
  const source = {
    options: { type },
    createQueryRunner: (mode: string) => (life.push(mode), runner),
    async transaction(...given: unknown[]) {
      const work = given.pop() as (manager: object) => Promise<unknown>;
      life.push(`begin ${given.join()}`);
      return await work({ queryRunner: runner });
    },
  };
  return { source: source as unknown as DataSource, asked, life, runner };
}

describe('the TypeORM adapter', () => {
  it('numbers parameters for PostgreSQL and marks them for MySQL and MariaDB', async () => {
    for (const [type, text] of [
      ['postgres', 'SELECT $1, $2'],
      ['mysql', 'SELECT ?, ?'],
      ['mariadb', 'SELECT ?, ?'],
    ] as const) {
      const { source, asked, life } = fakeSource(type);
      await typeormAdapter(source).query('SELECT $1, $2', ['a', null]);
      expect(asked).toEqual([{ text, values: ['a', null], structured: true }]);
      expect(life).toEqual(['master', 'released']);
    }
  });

  it('counts what was affected in whatever shape the driver answers', async () => {
    const ask = (answer: object) => typeormAdapter(fakeSource('mysql', answer).source).query('…', []);
    expect(await ask({ records: [{ a: 1 }, { a: 2 }], affected: 2 })).toEqual({
      rows: [{ a: 1 }, { a: 2 }],
      affected: 2,
    });
    expect(await ask({ raw: { affectedRows: 3 }, affected: 3 })).toEqual({ rows: [], affected: 3 });
    expect(await ask({ records: [{ a: 1 }] })).toEqual({ rows: [{ a: 1 }], affected: 1 });
  });

  it('gives its connection back also when the statement fails', async () => {
    const { source, life } = fakeSource('postgres', new Error('syntax'));
    await expect(typeormAdapter(source).query('SELEC', [])).rejects.toThrow('syntax');
    expect(life).toEqual(['master', 'released']);
  });

  it('begins transactions at the isolation level that was asked for', async () => {
    const plain = fakeSource('postgres');
    await typeormAdapter(plain.source).transaction(async () => 1);
    const strict = fakeSource('postgres');
    await typeormAdapter(strict.source, { isolationLevel: 'SERIALIZABLE' }).transaction(async () => 1);
    expect([plain.life, strict.life]).toEqual([['begin '], ['begin SERIALIZABLE']]);
  });

  it("runs statements in the manager's transaction, and refuses a manager without one", async () => {
    const { source, asked, runner } = fakeSource('mysql');
    const adapter = typeormAdapter(source);
    await adapter.transaction((manager) => adapter.within(manager)('DELETE FROM t WHERE a = $1', [1]));
    expect(asked).toEqual([{ text: 'DELETE FROM t WHERE a = ?', values: [1], structured: true }]);
    const refused = expect.objectContaining({ code: 'BAD_ARGUMENT' });
    expect(() => adapter.within({} as EntityManager)).toThrow(refused);
    runner.isTransactionActive = false;
    expect(() => adapter.within({ queryRunner: runner } as unknown as EntityManager)).toThrow(refused);
  });

  it.each(['sqljs', 'better-sqlite3', 'mssql', 'mongodb', 'constructor'])('refuses %s, naming what to use', (type) => {
    expect(() => typeormAdapter(fakeSource(type).source)).toThrow(
      expect.objectContaining({
        code: 'CONFIGURATION',
        message: expect.stringContaining('nestmq/idempotency/sqlite'),
      }),
    );
  });
});
