import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

/** The compiled library that this test belongs to. */
const LIB = new URL('../../lib/', import.meta.url).href;

interface Result {
  acknowledged: number;
  failed: number;
  lost: number;
  disordered: number;
  takenOverMillis: number[];
}

/** The tier has the target. Beside other tests on two cores, what takes a quarter of a second may take many. */
const WITHIN_MILLIS = '20000';

/** Runs one scenario of the fault tier, in a few rounds; it has targets of its own and fails when one is missed. */
function run(scenario: string, ...more: string[]): Promise<Result> {
  const script = join(process.cwd(), 'test/fault/sharing/run.js');
  return new Promise((resolve, reject) => {
    const args = [script, '--scenario', scenario, '--lib', LIB, '--within', WITHIN_MILLIS, ...more];
    execFile(process.execPath, args, (error, stdout, stderr) => {
      const line = stdout.split('\n').find((text) => text.startsWith(`${scenario}: `));
      if (error === null && line !== undefined) resolve(JSON.parse(line.slice(scenario.length + 2)) as Result);
      else reject(new Error(`${stdout}${stderr}`));
    });
  });
}

describe('processes that share a store', () => {
  it('bear that their host is killed under load: another one takes over, nothing acknowledged is lost, order is kept', async () => {
    const result = await run('kill', '--rounds', '2', '--path-length', '150');
    expect(result).toMatchObject({ lost: 0, disordered: 0 });
    expect(result.acknowledged).toBeGreaterThan(50);
    expect(result.takenOverMillis).toHaveLength(2);
  }, 300_000);

  it('restart one by one, the new one first, and no send fails', async () => {
    const result = await run('leave', '--rounds', '1', '--path-length', '150');
    expect(result).toMatchObject({ failed: 0, lost: 0, disordered: 0 });
  }, 300_000);
});
