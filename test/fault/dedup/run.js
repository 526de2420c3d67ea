// Producer idempotence where it has to hold: the same ids over many connections at once, the broker killed on the way.
//   node test/fault/dedup/run.js [--connections 100] [--ids 10000] [--kills 3]
import { parseArgs } from 'node:util';
import { sameIds } from './same-ids.js';

const { values } = parseArgs({
  // What other runners of the tier are given comes here as well.
  strict: false,
  options: {
    connections: { type: 'string', default: '100' },
    ids: { type: 'string', default: '10000' },
    kills: { type: 'string', default: '3' },
  },
});
const connections = Number(values.connections);
const ids = Number(values.ids);
const kills = Number(values.kills);

const shown = {
  duplicates: ({ missing, twice, toldApart, firstMoreThanOnce }) => missing + twice + toldApart + firstMoreThanOnce,
};
const few = { connections: 10, ids: 500, kills: 1 };
const ROUNDS = [
  ['de-duplicated', { connections, ids, kills, dedup: { window: '10m', count: 100_000 } }, (found) => found === 0],
  // The checker's own checks.
  ['without de-duplication', { ...few, dedup: undefined }, (found) => found > 0],
  ['with a window of two ids', { ...few, dedup: { window: '10m', count: 2 } }, (found) => found > 0],
];

let passed = 0;
let failed = 0;
for (const [name, round, right] of ROUNDS) {
  try {
    const result = await sameIds(round);
    console.log(`${name}: ${JSON.stringify(result)}`);
    if (result.kills !== round.kills || !right(shown.duplicates(result)))
      throw new Error('this is not what was to be found');
    passed += 1;
  } catch (error) {
    failed += 1;
    console.error(`${name} failed:`, error);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
