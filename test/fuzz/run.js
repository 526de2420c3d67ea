// `npm run test:fuzz`: edited frames, headers, bodies, records, batches and properties for all decoders, for as long as told.
//   node test/fuzz/run.js [--seconds 60] [--seed N] [--target text]
// What is found goes into test/fuzz/corpus.json, which `npm test` tries first.
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    target: { type: 'string', default: '' },
    build: { type: 'string', default: process.env.NESTMQ_TEST_ROOT ?? '.test' },
  },
});
const compiled = new URL(`../../${values.build}/test/fuzz/`, import.meta.url);
const { fuzz, keep } = await import(new URL('fuzz.js', compiled).href);
const { BROKEN } = await import(new URL('broken-decoders.js', compiled).href);
const { TARGETS } = await import(new URL('targets.js', compiled).href);

const chosen = TARGETS.filter(({ name }) => name.includes(values.target));
if (chosen.length === 0) throw new Error(`no target has "${values.target}" in its name`);
const seed = Number(values.seed);
const millis = (Number(values.seconds) * 1000) / chosen.length;
let failed = 0;
let inputs = 0;
for (const target of chosen) {
  const { runs, fault } = fuzz(target, { seed, runs: 2 ** 31 - 1, millis });
  inputs += runs;
  if (fault === undefined) continue;
  failed++;
  keep(fault);
  console.log(`${target.name}, seed ${seed}: ${fault.says}\n  ${fault.input.toString('base64')}`);
}
for (const broken of BROKEN) {
  if (fuzz(broken, { seed, runs: 200_000, millis: 120_000 }).fault !== undefined) continue;
  failed++;
  console.log(`${broken.name}, seed ${seed}: broken on purpose, and not found`);
}
console.log(`${inputs} inputs for ${chosen.length} decoders, seed ${seed}`);
console.log(`${chosen.length + BROKEN.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
