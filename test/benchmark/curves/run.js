// `npm run bench:curves`: how cost grows with the work. Each curve prints and records whether doubling the work more than
// doubles the time; exit status 1 when it does, 2 when a curve found no room or failed.
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describeMachine, refuseMemory } from '../machine.js';
import { readOptions } from '../options.js';
import { backlog } from './curve/backlog.js';
import { bodies } from './curve/bodies.js';
import { groups } from './curve/groups.js';
import { halves } from './curve/halves.js';
import { replay } from './curve/replay.js';
import { restart } from './curve/restart.js';
import { timers } from './curve/timers.js';
import { topics } from './curve/topics.js';
import { gibibytes } from './room.js';
import { runCurves } from './runner.js';

const CURVES = [bodies, topics, groups, halves, timers, restart, replay, backlog];
const RESULTS = fileURLToPath(new URL('../results/curves', import.meta.url));
/** Seconds of a measured slice and how many there are of each; pulls, timers, deliveries of one measurement. */
const PACES = {
  quick: { seconds: 0.5, slices: 2, pulls: 200, turnover: 5000, deliveries: 20_000 },
  middle: { seconds: 2, slices: 3, pulls: 1000, turnover: 40_000, deliveries: 200_000 },
  full: { seconds: 3, slices: 5, pulls: 2000, turnover: 100_000, deliveries: 1_000_000 },
};

const names = CURVES.map(({ name }) => name);
const USAGE = `npm run bench:curves [-- OPTIONS]
  --only NAMES      separated by commas: ${names.join(', ')}
  --quick, --middle smaller sizes; what is kept in the repository is of the full ones
  --directory DIR   where stores are made; not in memory. Default: ${tmpdir()}
  --results DIR     where figures and charts go. Default: ${RESULTS}
  --no-results      only prints
  --profile DIR     processor profiles of the brokers go there
  --list            prints what each curve needs, and ends`;
const values = readOptions(
  {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    middle: { type: 'boolean', default: false },
    directory: { type: 'string', default: tmpdir() },
    results: { type: 'string', default: RESULTS },
    'no-results': { type: 'boolean', default: false },
    profile: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
  USAGE,
);
const say = (text) => console.log(text);
const wanted = values.only?.split(',') ?? names;
for (const name of wanted)
  if (!names.includes(name)) throw new Error(`There is no curve ${name}; there are ${names.join(', ')}.`);
const curves = CURVES.filter(({ name }) => wanted.includes(name));
const scale = values.quick ? 'quick' : values.middle ? 'middle' : 'full';

if (values.list) {
  for (const { name, title, sizes, bytesNeeded, duration } of curves) {
    const chosen = sizes[scale];
    const minutes = Math.ceil(duration(chosen) / 60);
    say(
      `${name.padEnd(10)} ${gibibytes(bytesNeeded(chosen)).padStart(9)}  ${String(minutes).padStart(3)} min  ${title}`,
    );
  }
  process.exit(0);
}
mkdirSync(values.directory, { recursive: true });
refuseMemory(values.directory);

const facts = describeMachine(values.directory, 1);
for (const [name, fact] of Object.entries(facts)) say(`${name}: ${fact}`);
const pace = {
  ...PACES[scale],
  flags: values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`],
};
// The results in the repository are those of the full sizes; others are written where they are asked for.
const keeps = !values['no-results'] && (scale === 'full' || values.results !== RESULTS);
const results = keeps ? values.results : undefined;
const { broken, left } = await runCurves({ curves, scale, directory: values.directory, results, facts, pace, say });
say('');
say(
  `${curves.length - broken.length - left.length} curves keep the rule, ${broken.length} break it, ${left.length} were not measured.`,
);
if (broken.length > 0) say(`broken: ${broken.join(', ')}`);
if (left.length > 0) say(`not measured: ${left.join(', ')}`);
process.exitCode = broken.length > 0 ? 1 : left.length > 0 ? 2 : 0;
