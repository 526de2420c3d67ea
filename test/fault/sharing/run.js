// Processes of one machine on one store: the host killed under load, left in order, stopped.
//   node test/fault/sharing/run.js [--scenario <one of those below>] [--rounds 5] [--processes 3] [--path-length 150] [--within <ms>] [--lib <URL>]
// Without a scenario all of them run. Prints one line of JSON for each.
import { parseArgs } from 'node:util';
import { countDisordered } from './machine.js';
import { kill, killJoined, leave, stopped } from './scenarios.js';

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    processes: { type: 'string', default: '3' },
    'path-length': { type: 'string', default: '0' },
    within: { type: 'string' },
    lib: { type: 'string', default: new URL('../../../dist/', import.meta.url).href },
  },
});
const { lib } = values;
const rounds = Number(values.rounds);
const options = {
  rounds,
  processes: Number(values.processes),
  pathLength: Number(values['path-length']),
  within: values.within && Number(values.within),
};

const half = Math.ceil(rounds / 2);
const ALL = {
  kill: () => kill(lib, options),
  'kill, path of 150 characters': () => kill(lib, { ...options, rounds: half, pathLength: 150 }),
  'kill, workers of node:cluster': () => kill(lib, { ...options, rounds: half, clustered: true }),
  'kill of one that has joined': () => killJoined(lib, { ...options, rounds: half }),
  leave: () => leave(lib, { ...options, rounds: half }),
  stopped: () => stopped(lib),
};
const scenarios = values.scenario === undefined ? Object.entries(ALL) : [[values.scenario, ALL[values.scenario]]];

let passed = 0;
let failed = 0;
async function show(name, run) {
  try {
    console.log(`${name}: ${JSON.stringify(await run())}`);
    passed += 1;
  } catch (error) {
    failed += 1;
    console.error(`${name} failed:`, error);
  }
}
// It waits nearly all of its time, so it does that beside the others.
const isIdle = ([name]) => name === 'stopped';
const idle = scenarios.filter(isIdle).map(([name, run]) => show(name, run));
for (const [name, run] of scenarios.filter((scenario) => !isIdle(scenario))) await show(name, run);
await Promise.all(idle);
// The checker's own check: a message that is overtaken must be seen, one that only comes again must not.
const handled = (...numbers) => numbers.map((number) => ['h', 'o-1-0', String(number)]);
if (countDisordered(handled(0, 1, 3, 2)) === 1 && countDisordered(handled(0, 1, 2, 1, 2, 3)) === 0) passed += 1;
else {
  failed += 1;
  console.error('the judge of the order takes the wrong one for right, or the right one for wrong');
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
