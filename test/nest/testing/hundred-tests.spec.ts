import { expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

it('a hundred tests of retries and delays, each with its own application, take less than two seconds', async () => {
  const script = fileURLToPath(new URL('./hundred-tests.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script]);
  expect(Number(stdout)).toBeLessThan(2);
}, 120_000);
