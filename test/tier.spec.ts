import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

describe('the runner of the slower tests', () => {
  let root = '';
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'tier-'));
    await write('package.json', '{ "type": "module" }');
    await mkdir(join(root, 'scripts'));
    await copyFile('scripts/tier.js', join(root, 'scripts/tier.js'));
    // Only node itself is on the path of the runs, so that a JDK on this machine makes no difference.
    await mkdir(join(root, 'bin'));
    await symlink(process.execPath, join(root, 'bin/node'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }

  function run(
    tier: string,
    args: string[] = [],
    env: NodeJS.ProcessEnv = {},
  ): { status: number | null; lines: string[] } {
    const { status, stdout } = spawnSync('node', [join(root, 'scripts/tier.js'), tier, ...args], {
      encoding: 'utf8',
      env: { PATH: join(root, 'bin'), ...env },
    });
    return { status, lines: stdout.trim().split('\n') };
  }

  it('adds up what the runners counted and passes on arguments', async () => {
    await write('test/fault/a/run.js', 'console.log("2 passed, 0 failed", process.argv.slice(2).join())');
    await write('test/fault/b/deep/run.js', 'console.log("b: 1 passed, 0 failed")');
    const { status, lines } = run('fault', ['--rounds', '3']);
    expect(lines).toContain('2 passed, 0 failed --rounds,3');
    expect([status, lines.at(-1)]).toEqual([0, 'fault: 3 passed, 0 failed']);
  });

  it('runs only the folders that are named', async () => {
    await write('test/fault/a/run.js', 'console.log("2 passed, 0 failed")');
    await write('test/fault/b/run.js', 'process.exit(1)');
    expect(run('fault', ['a'])).toMatchObject({ status: 0 });
  });

  it.each([
    ['console.log("1 passed, 2 failed"); process.exit(1)', 'fault: 1 passed, 2 failed'],
    ['console.log("1 passed, 1 failed")', 'fault: 1 passed, 1 failed'],
    ['throw new Error("broken")', 'fault: 0 passed, 1 failed'],
    ['process.kill(process.pid, "SIGKILL")', 'fault: 0 passed, 1 failed'],
  ])('fails when a runner fails: %s', async (code, last) => {
    await write('test/fault/a/run.js', code);
    const { status, lines } = run('fault');
    expect([status, lines.at(-1)]).toEqual([1, last]);
  });

  it('runs what mostly waits beside the others, without mixing what they print, and what needs the machine after both', async () => {
    // Each waits for the other, so that one after the other they would wait in vain; the slow one ends long after the
    // other, which must not speak in between.
    const meet = (own: string, other: string, word: string, slow = 0): string => `
      import { existsSync, writeFileSync } from 'node:fs';
      console.log('${word} begins');
      writeFileSync('${own}', '');
      const end = Date.now() + 60_000;
      while (!existsSync('${other}') && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, ${slow}));
      console.log('${word}: ' + (existsSync('${other}') ? '1 passed, 0 failed' : '0 passed, 1 failed'));`;
    await write('test/interop/contract/run.js', meet('contract-began', 'other-began', 'contract'));
    await write('test/interop/other/run.js', meet('other-began', 'contract-began', 'other', 300));
    await write('test/interop/java/run.js', 'console.log("java: 1 passed, 0 failed")');
    for (const tool of ['javac', 'mvn']) await symlink(process.execPath, join(root, 'bin', tool));
    const { status, lines } = run('interop');
    expect([status, lines.at(-1)]).toEqual([0, 'interop: 3 passed, 0 failed']);
    const said = lines.filter((line) => /^(contract|other|java)/.test(line));
    const [contract, other, java] = ['contract', 'other', 'java'].map((word) =>
      said.flatMap((line, at) => (line.startsWith(word) ? [at] : [])),
    );
    expect([contract![1]! - contract![0]!, other![1]! - other![0]!, java]).toEqual([1, 1, [4]]);
  }, 180_000);

  it('fails when there is nothing to run', () => {
    expect(run('fault').status).toBe(1);
  });

  it('names what the machine lacks in its last lines, and fails for it when everything is required', async () => {
    await write('test/interop/a/run.js', 'console.log("9 passed, 0 failed")');
    const missing = 'missing: a JDK (javac), Maven (mvn); nothing of this tier was run';
    const lenient = run('interop');
    expect([lenient.status, ...lenient.lines.slice(-2)]).toEqual([0, missing, 'interop: 0 passed, 0 failed']);
    const strict = run('interop', [], { NESTMQ_REQUIRE: 'all' });
    expect([strict.status, ...strict.lines.slice(-2)]).toEqual([1, missing, 'interop: 0 passed, 2 failed']);
  });

  it('names what a single runner lacks', async () => {
    await write('test/fault/a/run.js', 'console.log("missing: root rights"); process.exit(77)');
    await write('test/fault/b/run.js', 'console.log("1 passed, 0 failed")');
    expect(run('fault')).toMatchObject({ status: 0 });
    expect(run('fault').lines.at(-2)).toBe('missing: root rights; not everything was run');
    expect(run('fault', [], { NESTMQ_REQUIRE: 'all' })).toMatchObject({ status: 1 });
  });
});
