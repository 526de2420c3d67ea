// `npm run test:guard`: does a message cost more than it did? Ratios to a yardstick that runs in between in the same process, and
// counts; no rate and no absolute time, so that it says the same on a slow and on a busy machine.
//   node test/benchmark/guard/run.js            compares with baseline.json, then shows that a worse engine would be noticed
//   node test/benchmark/guard/run.js --renew    measures and writes baseline.json; to be run by hand on an idle machine
//   --only TEXT                                 of the worse engines only those whose name has the text; `none` for none
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BROKEN } from './broken.js';
import { compare } from './compare.js';

const { values } = parseArgs({
  options: { renew: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
});
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const MESSAGES = 16_000;
const ROUNDS = 7;
const BROKEN_ROUNDS = 4;
const DEADLINE = 240_000;
const EXIT_MISSING = 77;
/** Helper threads that get no processor spin, and each young collection takes ten times as long: a count of other programs. */
const ONE_THREAD = ['--single-threaded-gc'];
const major = process.versions.node.split('.')[0];

/** Figures of a process of its own: path → figure → median of its rounds. */
function measure(options) {
  return new Promise((resolve, reject) => {
    const args = [...ONE_THREAD, here('measure.js'), JSON.stringify({ messages: MESSAGES, ...options })];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: DEADLINE,
      killSignal: 'SIGKILL',
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(output));
      else reject(new Error(`the process that measures ended with ${code ?? signal}`));
    });
  });
}

if (values.renew) {
  const figures = await measure({ rounds: 3 * ROUNDS });
  const rounded = Object.fromEntries(
    Object.entries(figures).map(([path, sample]) => [
      path,
      Object.fromEntries(Object.entries(sample).map(([figure, value]) => [figure, Number(value.toPrecision(3))])),
    ]),
  );
  writeFileSync(here('baseline.json'), `${JSON.stringify({ node: major, paths: rounded }, null, 2)}\n`);
  console.log('baseline.json is written anew; look at its difference before it is committed');
  process.exit(0);
}

const baseline = JSON.parse(readFileSync(here('baseline.json'), 'utf8'));
if (baseline.node !== major) {
  console.log(`missing: Node ${baseline.node} (the baseline was measured with it; this is ${major})`);
  process.exit(EXIT_MISSING);
}
let failed = 0;
let passed = 0;

const figures = await measure({ rounds: ROUNDS });
const { worse: first, better } = compare(figures, baseline.paths);
let worse = first;
if (worse.length > 0) {
  console.log(`measured again, because of\n  ${worse.map(({ text }) => text).join('\n  ')}`);
  const again = compare(await measure({ rounds: ROUNDS }), baseline.paths);
  const twice = ({ path, figure }) => again.worse.some((other) => other.path === path && other.figure === figure);
  worse = worse.filter(twice);
}
for (const path of Object.keys(figures)) {
  const found = worse.filter((finding) => finding.path === path);
  for (const { text } of found) console.log(`worse: ${text}`);
  if (found.length > 0) failed += 1;
  else passed += 1;
}
for (const { text } of better) console.log(`better: ${text} (npm run test:guard -- --renew)`);

for (const [name, { paths, noticedBy }] of Object.entries(BROKEN)) {
  if (!name.includes(values.only)) continue;
  const [path, figure] = noticedBy;
  const findings = compare(await measure({ rounds: BROKEN_ROUNDS, paths, broken: name }), baseline.paths).worse;
  const finding = findings.find((other) => other.path === path && other.figure === figure);
  if (finding === undefined) failed += 1;
  else passed += 1;
  console.log(finding === undefined ? `NOT noticed: ${name}` : `noticed: ${name} (${finding.text})`);
}
console.log(`guard: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
