// `npm run test:mutations`: changes the engine in one place at a time and runs, against each changed copy, the behaviours
// that `noticed.json` names for the change, or all when it does not know the change yet. Fails unless each of them turns red,
// and unless every behaviour has a change that turns it red.
//   --all            runs the whole contract against each change and writes `noticed.json` anew (half an hour)
//   --only TEXT      only changes whose id has one of these texts, separated by commas; with --all the others keep their entries
//   --jobs N         processes at a time, 2 by default
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { assign } from './assign.js';
import { mutations } from './list.js';
import { mutate } from './mutate.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const noticedFile = fileURLToPath(new URL('noticed.json', import.meta.url));
const { values } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: '2' },
    build: { type: 'string', default: process.env.NESTMQ_TEST_ROOT ?? '.test' },
  },
});
const build = join(root, values.build);
const scratch = join(root, '.test-mutants');
/** A behaviour that never ends fails by itself; a changed engine that leaves it no turn to do so is stopped, and proves nothing. */
const RUN_MILLIS = 300_000;

/**
 * A copy of the compiled engine and contract that costs next to nothing: links to files and folders, and folders of its own
 * only where a file is to be changed. `PRESERVED` makes Node take each link for a module of its own.
 */
function linkTree(from, to, changed) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    if (`${changed}/`.startsWith(`${source}/`) && changed !== source) linkTree(source, target, changed);
    else if (changed !== source && !name.endsWith('.map')) symlinkSync(source, target);
  }
}

const PRESERVED = ['--preserve-symlinks', '--preserve-symlinks-main'];
/** A run is over before optimised code and collected garbage pay off: a quarter less computing. */
const SHORT_LIVED = ['--no-opt', '--single-threaded-gc', '--min-semi-space-size=32', '--max-semi-space-size=32'];

/** Runs the behaviours, or all of them, against the copy; resolves with the failed ones by name. */
function runContract(folder, names) {
  return new Promise((resolve, reject) => {
    const args = [join(folder, 'test/e2e/run-behaviours.js'), ...(names === undefined ? [] : [JSON.stringify(names)])];
    const child = spawn(process.execPath, [...PRESERVED, ...(names === undefined ? [] : SHORT_LIVED), ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: RUN_MILLIS,
      killSignal: 'SIGKILL',
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const last = output.trimEnd().split('\n').at(-1) ?? '';
      resolve(last.startsWith('{') ? JSON.parse(last) : { shown: 0, failed: {}, ended: signal ?? code });
    });
  });
}

function tryOut(mutation, folder, names) {
  const file = mutation?.file.replace(/\.ts$/, '.js');
  rmSync(folder, { recursive: true, force: true });
  for (const part of ['lib', 'test/e2e'])
    linkTree(join(build, part), join(folder, part), file === undefined ? '' : join(build, file));
  if (file !== undefined) writeFileSync(join(folder, file), mutate(readFileSync(join(build, file), 'utf8'), mutation));
  return runContract(folder, names);
}

const { allBehaviours } = await import(pathToFileURL(join(build, 'test/e2e/names.js')).href);
const noticed = JSON.parse(readFileSync(noticedFile, 'utf8'));
const problems = [];

const chosen = mutations.filter(({ id }) => values.only.split(',').some((text) => id.includes(text)));
const waiting = [...chosen];
const red = new Map();
let untouched;

/** Beside the first changes; what is red without any of them ends all. */
async function tryUntouched() {
  untouched = await tryOut(undefined, join(scratch, 'untouched'));
  for (const [name, error] of Object.entries(untouched.failed))
    problems.push(`red without any change: ${name} (${error})`);
  if (untouched.shown === 0) problems.push(`the contract does not run: ${untouched.ended}`);
  if (Object.keys(untouched.failed).length > 0 || untouched.shown === 0) waiting.length = 0;
}

await Promise.all(
  Array.from({ length: Number(values.jobs) }, async (_, job) => {
    if (job === 0) await tryUntouched();
    for (let mutation = waiting.shift(); mutation !== undefined; mutation = waiting.shift()) {
      const { id } = mutation;
      const wanted = values.all ? undefined : noticed[id];
      const result = await tryOut(mutation, join(scratch, String(job)), wanted);
      const failed = Object.keys(result.failed);
      red.set(id, failed);
      // An engine that does not even come up shows nothing of any single behaviour.
      if (result.shown === 0) problems.push(`${id}: the engine does not run (${result.ended})`);
      else if (failed.length === 0) problems.push(`${id}: nobody notices that ${mutation.says}`);
      for (const name of wanted ?? []) if (!failed.includes(name)) problems.push(`${id}: is not noticed by "${name}"`);
      if (values.all) console.log(`${id}: ${failed.length} red`);
    }
  }),
);
rmSync(scratch, { recursive: true, force: true });

if (values.all) {
  for (const { id } of mutations) if (!red.has(id) && noticed[id] !== undefined) red.set(id, noticed[id]);
  writeFileSync(noticedFile, `${JSON.stringify(assign(red, allBehaviours()), undefined, 2)}\n`);
}
if (values.only === '') {
  const named = new Set([...red.values()].flat());
  for (const name of allBehaviours())
    if (!named.has(name))
      problems.push(`no change turns it red, as far as noticed.json knows (--all looks again): ${name}`);
}
for (const problem of problems) console.log(problem);
console.log(`${untouched.shown} behaviours, ${chosen.length} changes of the engine`);
console.log(problems.length === 0 ? 'each was noticed' : `${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
