// Three brokers under NameServers, each a process of its own: brokers and NameServers are killed under load.
//   node test/fault/cluster/run.js [--scenario kill|nameserver|two] [--rounds 3] [--lib <URL>]
// Without a scenario all of them run. Prints one line of JSON for each.
import { parseArgs } from 'node:util';
import { countDisordered } from './load.js';
import { kill, nameServer, twoNameServers } from './scenarios.js';

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    lib: { type: 'string', default: new URL('../../../dist/', import.meta.url).href },
  },
});
const { lib } = values;

const ALL = {
  kill: () => kill(lib, { rounds: Number(values.rounds) }),
  nameserver: () => nameServer(lib),
  two: () => twoNameServers(lib),
};
const scenarios = values.scenario === undefined ? Object.entries(ALL) : [[values.scenario, ALL[values.scenario]]];

let passed = 0;
let failed = 0;
for (const [name, run] of scenarios) {
  try {
    console.log(`${name}: ${JSON.stringify(await run())}`);
    passed += 1;
  } catch (error) {
    failed += 1;
    console.error(`${name} failed:`, error);
  }
}
// The checker's own check: a message that is overtaken must be seen, one that only comes again must not.
if (countDisordered([0, 1, 3, 2]) === 1 && countDisordered([0, 1, 2, 1, 2, 3]) === 0) passed += 1;
else {
  failed += 1;
  console.error('the judge of the order takes the wrong one for right, or the right one for wrong');
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
