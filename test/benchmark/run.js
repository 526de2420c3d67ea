// `npm run bench`: what an application sees, through template and listener, on a real disk.
//   npm run bench [-- --only send,receive] [--quick] [--directory DIR] [--results DIR]
//   npm run bench -- idempotency    what `@Idempotent` costs a message by store
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine, needSpace, refuseMemory } from './machine.js';
import { chooseRows } from './rows/index.js';
import { measureRow } from './rows/measure.js';
import { throughputTable } from './report/table.js';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
if (process.argv[2] === 'idempotency') {
  const { status } = spawnSync(process.execPath, [here('idempotency/run.js'), ...process.argv.slice(3)], {
    stdio: 'inherit',
  });
  process.exit(status ?? 1);
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    directory: { type: 'string', default: tmpdir() },
    results: { type: 'string' },
  },
});
const SPACE_GIB = { full: 20, quick: 6 };
const only = values.only?.split(',').map((name) => name.trim());
const rows = chooseRows(only);
const partial = only !== undefined || values.quick;
// What is committed comes from whole runs alone.
const resultsFolder = values.results ?? here(partial ? 'results/partial' : 'results');

mkdirSync(values.directory, { recursive: true });
refuseMemory(values.directory);
needSpace(values.directory, values.quick ? SPACE_GIB.quick : SPACE_GIB.full);
const root = mkdtempSync(join(values.directory, 'nestmq-bench-'));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

const began = new Date();
const machine = describeMachine(root, values.quick ? 0.5 : 2);
for (const [name, value] of Object.entries(machine)) console.log(`${name}: ${value}`);
if (values.quick) console.log('quick: fewer and shorter runs; such figures compare nothing');

const results = [];
for (const row of rows) {
  const plan = values.quick ? row.quick : row.plan;
  console.log(`\n# ${row.title} (${row.processes})`);
  const say = (_, { perSecond, seconds }) =>
    console.log(`  ${(perSecond / 1000).toFixed(1)} k/s for ${seconds.toFixed(1)} s`);
  results.push(await measureRow(row, plan, root, say));
}

console.log('');
for (const line of throughputTable(results)) console.log(line);
mkdirSync(resultsFolder, { recursive: true });
const path = join(resultsFolder, 'bench.json');
const took = (Date.now() - began.getTime()) / 1000;
writeFileSync(
  path,
  `${JSON.stringify({ began: began.toISOString(), tookSeconds: took, quick: values.quick, machine, results }, undefined, 2)}\n`,
);
console.log(`\n${path}, after ${took.toFixed(0)} s`);
