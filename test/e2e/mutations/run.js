// `npm run test:mutations [-- --only ID] [--jobs 2]`: changes the engine in one place at a time, runs the whole contract
// against each changed copy, and fails unless every change is noticed and every behaviour has noticed at least one.
import { spawn } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mutations } from './list.js';
import { mutate } from './mutate.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    matrix: { type: 'string' },
    build: { type: 'string', default: process.env.NESTMQ_TEST_ROOT ?? '.test' },
  },
});
/** A changed engine that never ends has been noticed; this is how long it may try. */
const RUN_MILLIS = 180_000;

/** A copy of the compiled engine and contract that costs no disk: links, of which a changed file becomes a file again. */
function linkTree(from, to) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    if (name.endsWith('.map')) continue;
    const [source, target] = [join(from, name), join(to, name)];
    if (statSync(source).isDirectory()) linkTree(source, target);
    else linkSync(source, target);
  }
}

function runContract(folder) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(folder, 'test/e2e/run-behaviours.js')], {
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

async function tryOut(mutation, folder) {
  rmSync(folder, { recursive: true, force: true });
  const build = join(root, values.build);
  linkTree(join(build, 'lib'), join(folder, 'lib'));
  linkTree(join(build, 'test/e2e'), join(folder, 'test/e2e'));
  if (mutation !== undefined) {
    const changed = join(folder, mutation.file.replace(/\.ts$/, '.js'));
    const text = mutate(readFileSync(changed, 'utf8'), mutation);
    rmSync(changed);
    mkdirSync(dirname(changed), { recursive: true });
    writeFileSync(changed, text);
  }
  return runContract(folder);
}

const scratch = join(root, '.test-mutants');
const chosen = mutations.filter(({ id }) => values.only === undefined || id.includes(values.only));
const untouched = await tryOut(undefined, join(scratch, 'untouched'));
let failed = 0;
if (untouched.shown === 0 || Object.keys(untouched.failed).length > 0) {
  console.log('the contract does not hold on the engine as it is:', untouched);
  failed++;
}
const noticedBy = new Map();
const waiting = failed > 0 ? [] : [...chosen];
await Promise.all(
  Array.from({ length: Number(values.jobs) }, async (_, job) => {
    for (let mutation = waiting.shift(); mutation !== undefined; mutation = waiting.shift()) {
      const result = await tryOut(mutation, join(scratch, String(job)));
      // An engine that does not even come up shows nothing of any single behaviour.
      const names = result.shown === 0 ? undefined : Object.keys(result.failed);
      noticedBy.set(mutation.id, names);
      const verdict =
        names === undefined
          ? `BROKEN: ended with ${result.ended}`
          : names.length === 0
            ? 'NOT NOTICED'
            : `${names.length} red`;
      console.log(`${mutation.id}: ${verdict}`);
      if (names === undefined || names.length === 0) failed++;
    }
  }),
);
rmSync(scratch, { recursive: true, force: true });
if (values.matrix !== undefined)
  writeFileSync(values.matrix, JSON.stringify(Object.fromEntries(noticedBy), undefined, 1));
if (values.only === undefined && failed === 0) {
  const { allBehaviours } = await import(join(root, values.build, 'test/e2e/names.js'));
  const red = new Set([...noticedBy.values()].flat());
  const never = allBehaviours().filter((name) => !red.has(name));
  for (const name of never) console.log(`never red: ${name}`);
  failed += never.length;
}
console.log(`${chosen.length} mutations, ${untouched.shown} behaviours`);
console.log(`${chosen.length - Math.min(failed, chosen.length)} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
