import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

/** The compiled library that this test belongs to. */
const LIB = new URL('../../lib/', import.meta.url).href;

/** Runs one scenario of the fault tier; it fails when messages are lost or out of order, or sends without a key fail. */
function run(scenario: string, ...more: string[]): Promise<Record<string, unknown>> {
  const script = join(process.cwd(), 'test/fault/cluster/run.js');
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, '--scenario', scenario, '--lib', LIB, ...more], (error, stdout, stderr) => {
      const line = stdout.split('\n').find((text) => text.startsWith(`${scenario}: `));
      if (error === null && line !== undefined)
        resolve(JSON.parse(line.slice(scenario.length + 2)) as Record<string, unknown>);
      else reject(new Error(`${stdout}${stderr}`));
    });
  });
}

describe('three brokers under a NameServer', () => {
  it('bear that one is killed under load: the others go on, keys wait for it, nothing acknowledged is lost', async () => {
    const result = await run('kill', '--rounds', '1');
    expect(result).toMatchObject({ lost: 0 });
    expect(result['acknowledged']).toBe(result['handled']);
  }, 300_000);

  it('bear that the NameServer is killed: clients go on, and brokers are back when it is', async () => {
    expect(await run('nameserver')).toMatchObject({ lost: 0 });
  }, 300_000);
});
