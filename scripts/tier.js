// `node scripts/tier.js fault|model|fuzz|interop|services [arguments]`: runs every run.js below test/<tier>, one after the other.
// A runner is a plain module; it prints `N passed, N failed` at last and exits 1 on a failure. One that lacks something
// of the machine prints `missing: <what>` and exits 77. What was missing is named in the last lines here, and is an
// error when NESTMQ_REQUIRE=all. Arguments that name a folder of the tier choose its runners, others are passed on.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const TIERS = {
  fault: { folder: 'test/fault', needs: {} },
  model: { folder: 'test/model', needs: {} },
  fuzz: { folder: 'test/fuzz', needs: {} },
  interop: {
    folder: 'test/interop',
    needs: { 'a JDK (javac)': 'javac', 'Maven (mvn)': 'mvn' },
    // Waits for a real broker most of its time, so that the others run meanwhile; but not what loads both cores itself.
    waiting: ['test/interop/contract'],
    alone: ['test/interop/java'],
  },
  services: { folder: 'test/services', needs: {} },
};
const EXIT_MISSING = 77;

function findRunners(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules' && name !== 'target')
    .flatMap((entry) => {
      if (entry.isDirectory()) return findRunners(join(folder, entry.name));
      return entry.name === 'run.js' ? [join(folder, entry.name)] : [];
    });
}

/**
 * Runs one runner, its output passed to `print`; resolves to its exit code and its counts, if it printed any.
 */
function run(runner, args, print) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [runner, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      print(process.stdout, chunk);
      output = (output + chunk).slice(-20_000);
    });
    child.stderr.on('data', (chunk) => print(process.stderr, chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const counts = [...output.matchAll(/(\d+) passed, (\d+) failed/g)].at(-1);
      const missing = [...output.matchAll(/^missing: (.+)$/gm)].map((match) => match[1]);
      resolve({
        code: code ?? signal,
        passed: Number(counts?.[1] ?? 0),
        failed: Number(counts?.[2] ?? 0),
        counted: counts !== undefined,
        missing,
      });
    });
  });
}

const [name, ...args] = process.argv.slice(2);
const tier = TIERS[name];
if (tier === undefined) throw new Error(`name a tier: ${Object.keys(TIERS).join(', ')}`);
const folder = join(root, tier.folder);
const chosen = args.filter((arg) => existsSync(join(folder, arg)));
const rest = args.filter((arg) => !chosen.includes(arg));
const runners = (chosen.length > 0 ? chosen : ['.']).flatMap((sub) => findRunners(join(folder, sub))).sort();

const missing = new Set();
for (const [what, command] of Object.entries(tier.needs)) {
  if (spawnSync(command, ['-version'], { stdio: 'ignore' }).error) missing.add(what);
}
let passed = 0;
let failed = 0;
if (runners.length === 0) {
  console.log(`no run.js below ${tier.folder}`);
  failed++;
}
const cannotRun = missing.size > 0;
const labelOf = (runner) => relative(root, dirname(runner));
const write = (stream, chunk) => stream.write(chunk);

/** Runs one and counts it. */
async function count(runner, print) {
  const label = labelOf(runner);
  print(process.stdout, `\n# ${label}\n`);
  const result = await run(runner, rest, print);
  passed += result.passed;
  if (result.code === EXIT_MISSING)
    for (const what of result.missing.length > 0 ? result.missing : [`what ${label} needs`]) missing.add(what);
  else if (result.code === 0) {
    failed += result.failed;
    if (!result.counted) passed++;
  } else {
    failed += Math.max(1, result.failed);
    print(process.stdout, `${label} ended with ${result.code}\n`);
  }
}

/** Resolves to what it printed: in between what the others print, it could come into the middle of one of them. */
async function countBeside(runner) {
  const printed = [];
  await count(runner, (stream, chunk) => printed.push([stream, chunk]));
  return printed;
}

if (!cannotRun) {
  const of = (folders = []) => runners.filter((runner) => folders.includes(labelOf(runner)));
  const [waiting, alone] = [of(tier.waiting), of(tier.alone)];
  const beside = Promise.all(waiting.map(countBeside));
  for (const runner of runners) if (!waiting.includes(runner) && !alone.includes(runner)) await count(runner, write);
  for (const [stream, chunk] of (await beside).flat()) stream.write(chunk);
  for (const runner of alone) await count(runner, write);
}
console.log('');
if (missing.size > 0) {
  const required = process.env.NESTMQ_REQUIRE === 'all';
  console.log(`missing: ${[...missing].join(', ')}; ${cannotRun ? 'nothing of this tier' : 'not everything'} was run`);
  if (required) failed += missing.size;
}
console.log(`${name}: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
