// The tier `npm run test:fault`: a real kernel, real processes, real deaths.
//   node test/fault/kernel/run.js [--rounds 50]
import { parseArgs } from 'node:util';
import { killLoop } from './kill-loop.js';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '50' } } });
const rounds = Number(values.rounds);

let passed = 0;
let failed = 0;
for (const [flush, count] of [
  ['sync', rounds],
  ['async', Math.ceil(rounds / 5)],
]) {
  try {
    const result = await killLoop({ rounds: count, flush });
    if (result.lost + result.unhandled + result.damaged > 0) throw new Error(JSON.stringify(result));
    passed += 1;
  } catch (error) {
    failed += 1;
    console.error(`kill -9 with flush ${flush} failed:`, error);
  }
}

// The checker's own check: a disk that forgets for 100 ms what it called written must be seen.
const control = await killLoop({ rounds: 3, variant: 'forgetful' });
if (control.lost + control.damaged > 0) passed += 1;
else {
  failed += 1;
  console.error('the kill loop did not notice a disk that loses what it acknowledged');
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
