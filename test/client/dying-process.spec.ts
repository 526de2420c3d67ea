import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConsumeMode } from '../../lib/client/index.js';

const MAIN = fileURLToPath(new URL('./dying-process.js', import.meta.url));
const MESSAGES = 60;

describe('an application that a message kills', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestmq-dying-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it.each([
    [ConsumeMode.CONCURRENT, 'exit'],
    [ConsumeMode.CONCURRENT, 'abort'],
    [ConsumeMode.ORDERLY, 'exit'],
    [ConsumeMode.BROADCAST, 'exit'],
  ])(
    'is rid of it after some restarts, and has lost nothing else (%s, %s)',
    async (mode, death) => {
      const said: string[][] = [];
      /** True when the process ended by itself, in order. */
      const run = (messages: number): Promise<boolean> =>
        new Promise((resolve, reject) => {
          const args = [MAIN, join(folder, 'store'), mode, death, `${messages}`];
          execFile(process.execPath, args, { cwd: folder }, (error, stdout, stderr) => {
            for (const line of stdout.split('\n').filter(Boolean)) said.push(JSON.parse(line) as string[]);
            if (stderr.includes('Error')) reject(new Error(stderr));
            else resolve(error === null);
          });
        });

      let deaths = 0;
      for (let messages = MESSAGES; !(await run(messages)); messages = 0) {
        if (++deaths > 12) throw new Error('it dies and dies');
      }
      expect(deaths).toBeGreaterThanOrEqual(4);
      const handled = new Set(said.filter(([what]) => what === 'handles').map(([, body]) => body));
      for (let n = 0; n < MESSAGES; n++) {
        if (n !== 20) expect(handled).toContain(`order ${n}`);
        expect(handled).toContain(`letter ${n}`);
      }
      const dead = said.filter(([what]) => what === 'dead');
      const letter = ['dead', 'kill', 'process-killer', expect.stringMatching(/died \d+ times/)];
      expect(dead).toEqual(mode === ConsumeMode.BROADCAST ? [] : [letter]);
    },
    120_000,
  );
});
