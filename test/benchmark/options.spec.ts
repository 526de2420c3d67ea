import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';

function run(program: string, option: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, option], { encoding: 'utf8' });
}

describe.each([
  ['test/benchmark/run.js', 'npm run bench ', 'send-embedded'],
  ['test/benchmark/curves/run.js', 'npm run bench:curves ', 'backlog'],
])('%s', (program, command, row) => {
  it('says its options, and what there is to choose from', () => {
    const { status, stdout } = run(program, '--help');
    expect([status, stdout.startsWith(command)]).toEqual([0, true]);
    expect(stdout).toContain(row);
  });

  it('answers an option that it does not know with those that it knows, and without a stack', () => {
    const { status, stdout, stderr } = run(program, '--bogus');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^Unknown option '--bogus'/);
    expect(stderr).toContain(`\n\n${command}`);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});
