// `npm run bench`: what an application sees, through template and listener, on a real disk, beside its peers.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeMachine, needSpace, refuseMemory } from './machine.js';
import { readOptions } from './options.js';
import { PEERS } from './peers/index.js';
import { choosePeers } from './peers-chosen.js';
import { progress } from './report/progress.js';
import { machineLines, QUICK_NOTE, reportLines } from './report/table.js';
import { writeResults } from './report/results.js';
import { chooseRows } from './rows/choose.js';
import { COMPARISONS, measureComparisons } from './rows/compare.js';
import { ROWS } from './rows/index.js';
import { measureRows } from './rows/measure.js';
import { plannedSeconds } from './rows/planned.js';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
if (process.argv[2] === 'idempotency') {
  const args = [here('idempotency/run.js'), ...process.argv.slice(3)];
  process.exit(spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1);
}

const namesOf = (things, key) => things.map((thing) => thing[key]).join(', ');
const USAGE = `npm run bench [-- OPTIONS]
  --only NAMES      rows or tags of rows, separated by commas: ${namesOf([...ROWS, ...COMPARISONS], 'name')}
  --quick           a minute instead of twenty: short windows, and no peers but those that are named
  --peers NAMES     main (without --quick), all, none, or names separated by commas: ${namesOf(PEERS, 'id')}
  --directory DIR   where stores are made; not in memory. Default: ${tmpdir()}
  --results DIR     where figures and charts go. Default: test/benchmark/results, its folder partial for a part of a run
npm run bench -- idempotency    what \`@Idempotent\` costs a message, by store`;
const values = readOptions(
  {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    peers: { type: 'string' },
    directory: { type: 'string', default: tmpdir() },
    results: { type: 'string' },
  },
  USAGE,
);
/** What the largest row leaves on the disk before it is removed, and a reserve. */
const SPACE_GIB = { full: 30, quick: 8 };
const { only, quick } = { ...values, only: values.only?.split(',').map((name) => name.trim()) };
const chosen = chooseRows(only, [...ROWS, ...COMPARISONS]);
const rows = chosen.filter((row) => ROWS.includes(row));
// What is committed comes from whole runs alone.
const resultsFolder = values.results ?? here(quick || only !== undefined ? 'results/partial' : 'results');

mkdirSync(values.directory, { recursive: true });
refuseMemory(values.directory);
needSpace(values.directory, quick ? SPACE_GIB.quick : SPACE_GIB.full);
const root = mkdtempSync(join(values.directory, 'nestmq-bench-'));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

const inWords = (seconds) => (seconds < 100 ? `${Math.ceil(seconds)} s` : `${(seconds / 60).toFixed(1)} min`);
const began = Date.now();
// Servers of others take longer to start than a quick run has: it takes them only when they are named.
const { peers, missing } = await choosePeers(values.peers ?? (quick ? 'none' : 'main'), PEERS);
const comparisons = chosen.filter(
  (row) => COMPARISONS.includes(row) && (peers.length > 0 || !quick || !row.onlyBesidePeers),
);
const machine = describeMachine(root, quick ? 0.5 : 2);
for (const line of machineLines(machine)) console.log(line);
if (quick) console.log(QUICK_NOTE);
for (const what of missing) console.log(`missing: ${what}`);

const broken = [];
const say = progress(console.log, missing, broken);
const planOf = (row) => (quick ? row.quick : row.plan);
const planned = plannedSeconds(rows, comparisons, peers, planOf);
console.log(`planned: ${rows.length + comparisons.length} rows, about ${inWords(planned)}`);
const own = await measureRows(rows, planOf, root, say);
const none = { results: [], verdicts: [], tookSeconds: {} };
const compared = comparisons.length > 0 ? await measureComparisons(comparisons, peers, planOf, root, say) : none;

const run = {
  began: new Date(began).toISOString(),
  tookSeconds: Math.round((Date.now() - began) / 1000),
  quick,
  only,
  machine,
  missing,
  broken,
  own,
  compared: compared.results,
  subjectSeconds: compared.tookSeconds,
  verdicts: compared.verdicts,
};
const lines = reportLines(run);
for (const line of lines) console.log(line);
for (const path of writeResults(resultsFolder, run, lines)) console.log(path);
const shares = Object.entries(run.subjectSeconds).map(([name, seconds]) => `${name} ${Math.round(seconds)} s`);
const beside = shares.length > 0 ? ` (side by side: ${shares.join(', ')})` : '';
console.log(`bench: ${own.length + compared.results.length} rows after ${run.tookSeconds} s${beside}`);
for (const what of broken) console.log(`broken: ${what}`);
process.exitCode = broken.length === 0 ? 0 : 1;
