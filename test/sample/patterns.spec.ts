import { afterAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { removeTemporaryFolders, temporaryFolder } from './shop-process.js';

/** Milliseconds after which a sample hangs. Several run at the same time. */
const LIMIT = 90_000;

const samples = readdirSync('sample').filter((name) => /^\d\d-/.test(name));
const patterns = samples.filter((name) => name !== '01-shop');

/** What the comment at the top of a sample says that it prints; in any order and with a flag, if it says so. */
function promised(name: string): { lines: string[]; anyOrder: boolean; flags: string[] } {
  const comment = /^(?:\/\/.*\n)+/.exec(readFileSync(`sample/${name}/main.ts`, 'utf8'))?.[0] ?? '';
  const [, flag, order, text] =
    /^\/\/ Prints(?:, with (--\w+))?(, in any order)?:\n((?:\/\/ {3}.*\n)+)/m.exec(comment) ?? [];
  if (text === undefined) throw new Error(`sample/${name}/main.ts does not say what it prints`);
  return {
    lines: text
      .trimEnd()
      .split('\n')
      .map((line) => line.slice('//   '.length)),
    anyOrder: order !== undefined,
    flags: flag === undefined ? [] : [flag],
  };
}

/** Runs the compiled sample in an empty folder. */
async function run(
  name: string,
  flags: readonly string[],
): Promise<{ code: number | null; lines: string[]; errors: string }> {
  const cwd = await temporaryFolder();
  const child = spawn(process.execPath, [resolve(`sample/dist/${name}/main.js`), ...flags], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT,
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => (output[stream] += text));
  }
  const code = await new Promise<number | null>((ended) => child.on('close', ended));
  return { code, lines: output.stdout.trimEnd().split('\n'), errors: output.stderr };
}

afterAll(removeTemporaryFolders);

describe('the samples', () => {
  it.concurrent.each(patterns)(
    '%s prints what it says, and ends',
    async (name) => {
      const { lines, anyOrder, flags } = promised(name);
      const ran = await run(name, flags);
      const sorted = (texts: string[]): string[] => (anyOrder ? texts.toSorted() : texts);
      expect({ ...ran, lines: sorted(ran.lines) }).toEqual({
        code: 0,
        lines: sorted(lines),
        errors: '',
      });
    },
    2 * LIMIT,
  );

  it('are numbered without a gap, and stand in the list', () => {
    const numbers = samples.map((name) => Number(name.slice(0, 2)));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    const list = readFileSync('sample/README.md', 'utf8');
    expect(samples.filter((name) => !list.includes(`| [${name}](${name}/`))).toEqual([]);
    expect(samples.filter((name) => !existsSync(`sample/${name}/main.ts`))).toEqual([]);
  });
});
