// The whole contract of the public API on a broker behind the ports that join threads, in virtual time: `npm test` shows one
// behaviour of each subject there. Needs a build of the tests.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SUITE = fileURLToPath(new URL('../../../.test/test/e2e/run-behaviours.js', import.meta.url));
const EXIT_MISSING = 77;

if (!existsSync(SUITE)) {
  console.log('missing: a build of the tests (node scripts/build.js test)');
  process.exit(process.env.NESTMQ_REQUIRE === 'all' ? 1 : EXIT_MISSING);
}
const suite = spawn(process.execPath, [SUITE], {
  stdio: ['ignore', 'pipe', 'inherit'],
  env: { ...process.env, NESTMQ_TARGET: 'worker', NESTMQ_PATIENCE: '120000' },
});
let output = '';
suite.stdout.setEncoding('utf8').on('data', (text) => (output += text));
await new Promise((resolve) => suite.once('close', resolve));
let result;
try {
  result = JSON.parse(output.trim().split('\n').at(-1));
} catch {
  console.log(`the suite said: ${output.slice(-2000)}\n0 passed, 1 failed`);
  process.exit(1);
}
const failed = Object.entries(result.failed);
for (const [name, why] of failed) console.log(`FAILED  ${name}: ${why}`);
console.log(`${result.shown - failed.length} passed, ${failed.length} failed`);
process.exit(failed.length === 0 && result.shown > 0 ? 0 : 1);
