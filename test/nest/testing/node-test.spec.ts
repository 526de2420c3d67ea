import { expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

it('works under node:test, and what is left open keeps no process alive', async () => {
  const file = fileURLToPath(new URL('./with-node-test.js', import.meta.url));
  // Of its own: under another test runner node:test would report to that one.
  const env = { ...process.env };
  delete env.NODE_TEST_CONTEXT;
  const child = spawn(process.execPath, ['--test', '--test-reporter=tap', file], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(output).toContain('ok 1 - runs under node:test');
  expect(code).toBe(0);
});
