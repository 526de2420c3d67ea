import { describe, expect, it } from '@jest/globals';
import { schema } from '../../lib/idempotency/index.js';
import { runInside } from './inside.js';

describe('nestmq schema', () => {
  it('prints statements that a database runs as they are', async () => {
    const { code, stdout } = await runInside(['schema', '--dialect', 'mysql']);
    expect(code).toBe(0);
    expect(stdout.split(/;\n+/)).toEqual([...schema('mysql'), '']);
  });

  it('prints what is newer than a version, and one document for scripts', async () => {
    const { stdout } = await runInside(['schema', '--dialect', 'sqlite', '--since', '1', '--json']);
    expect(JSON.parse(stdout)).toEqual({ dialect: 'sqlite', statements: schema('sqlite', 1) });
  });

  it('says what it wants to know', async () => {
    expect(await runInside(['schema'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--dialect') });
    expect(await runInside(['schema', '--dialect', 'oracle'])).toMatchObject({ code: 2 });
  });
});
