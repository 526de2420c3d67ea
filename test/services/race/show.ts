// Prints what each phase came to, and `N passed, N failed` at last.
import { parseArgs } from 'node:util';
import { Ground } from './ground.js';
import { SHOWS } from './phases.js';
import type { Phase } from './plan.js';

const { values } = parseArgs({ options: { messages: { type: 'string' }, phase: { type: 'string' } } });

/** One after the other is what disturbs others: a zombie stands still with all of its handlers. */
const GROUPS: readonly (readonly Phase[])[] = [['race'], ['zombies'], ['deaths', 'forgetful', 'control']];

interface Result {
  readonly line: string;
  readonly faults: readonly string[];
}

async function play(phase: Phase): Promise<Result> {
  const show = SHOWS[phase];
  const messages = phase === 'race' && values.messages !== undefined ? Number(values.messages) : show.messages;
  const start = performance.now();
  const faults: string[] = [];
  try {
    await show.run(ground, messages);
  } catch (error) {
    faults.push((error as Error).message);
  }
  const findings = await ground.judge(phase, messages);
  const { missing, repeated, deliveries, toBoth, counts } = findings;
  const line =
    `${phase}: ${messages} messages, ${deliveries} deliveries, ${toBoth} to both; ` +
    `no effect ${missing}, more than one ${repeated}; ${JSON.stringify(counts)}; ` +
    `${((performance.now() - start) / 1000).toFixed(1)} s`;
  return { line, faults: [...faults, ...show.wrong(findings)] };
}

const began = performance.now();
const ground = await Ground.open();
let passed = 0;
let failed = 0;
try {
  for (const together of GROUPS) {
    const chosen = together.filter((phase) => values.phase === undefined || values.phase === phase);
    const results = await Promise.all(chosen.map(play));
    const failures = ground.failures.splice(0);
    for (const { line, faults } of results) {
      console.log(line);
      if (faults.length === 0) passed++;
      else {
        failed++;
        console.log(faults.join('\n'));
      }
    }
    if (failures.length > 0) failed++;
    for (const failure of failures) console.log(failure);
  }
} finally {
  await ground.close();
}
console.log(`${((performance.now() - began) / 1000).toFixed(1)} s in all`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
