import { describe, expect, it } from '@jest/globals';
import type { DataSource, EntityManager } from 'typeorm';
import { type TypeormAdapterOptions, typeormAdapter } from '../../../lib/idempotency/sql/typeorm/index.js';

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
    const ask = (text: string, answer: object) => typeormAdapter(fakeSource('mysql', answer).source).query(text, []);
    const rows = [{ a: 1 }, { a: 2 }];
    expect(await ask('SELECT a FROM t', { records: rows, affected: 2 })).toEqual({ rows, affected: 0 });
    expect(await ask('DELETE FROM t RETURNING a', { records: rows })).toEqual({ rows, affected: 2 });
    expect(await ask('DELETE FROM t', { raw: { affectedRows: 3 }, affected: 3 })).toEqual({ rows: [], affected: 3 });
  });

  it('gives its connection back also when the statement fails', async () => {
    const { source, life } = fakeSource('postgres', new Error('syntax'));
    await expect(typeormAdapter(source).query('SELEC', [])).rejects.toThrow('syntax');
    expect(life).toEqual(['master', 'released']);
  });

  it('begins transactions at the isolation level that is right for the database, or that was asked for', async () => {
    const begun = async (type: string, own: object, options?: TypeormAdapterOptions) => {
      const { source, life } = fakeSource(type);
      Object.assign(source.options, own);
      await typeormAdapter(source, options).transaction(async () => 1);
      return life[0];
    };
    expect(await begun('postgres', {})).toBe('begin ');
    expect(await begun('postgres', {}, { isolation: 'SERIALIZABLE' })).toBe('begin SERIALIZABLE');
    expect(await begun('mariadb', {})).toBe('begin READ COMMITTED');
    expect(await begun('mysql', { isolationLevel: 'SERIALIZABLE' })).toBe('begin ');
    expect(await begun('mysql', { isolationLevel: 'SERIALIZABLE' }, { isolation: 'READ COMMITTED' })).toBe(
      'begin READ COMMITTED',
    );
    const wrong = { isolationLevel: 'SERIALIZABLE' } as TypeormAdapterOptions;
    await expect(begun('postgres', {}, wrong)).rejects.toMatchObject({ code: 'CONFIGURATION' });
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
