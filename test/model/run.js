// `npm run test:model`: random lives of the whole engine against its model, more of them than `npm test` has time for.
//   node test/model/run.js [--runs 2000] [--seed N]
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    build: { type: 'string', default: process.env.NESTMQ_TEST_ROOT ?? '.test' },
  },
});
const compiled = new URL(`../../${values.build}/test/model/`, import.meta.url);
const { inWorker } = await import(new URL('in-worker.js', compiled).href);
const { keep, keptPlans, told } = await import(new URL('kept.js', compiled).href);

const workers = Math.min(4, availableParallelism());
const seed = Number(values.seed);
const runs = Math.ceil(Number(values.runs) / workers);
const began = performance.now();
const kept = keptPlans().map(({ plan }) => plan);
const reports = await Promise.all([
  ...(kept.length === 0 ? [] : [inWorker({ runs: 0, seed, kept })]),
  ...Array.from({ length: workers }, (_, index) => inWorker({ runs, seed: seed + index })),
]);
let failed = 0;
for (const { failure } of reports) {
  if (failure === undefined) continue;
  failed++;
  if (failure.seed !== undefined) keep(failure);
  console.log(told(failure));
}
const due = kept.length + runs * workers;
const sum = (what) => reports.reduce((total, report) => total + report[what], 0);
const seconds = ((performance.now() - began) / 1000).toFixed(1);
console.log(
  `${sum('runs')} lives of ${sum('steps')} steps and ${sum('deliveries')} deliveries in ${seconds} s, seed ${seed}`,
);
if (failed === 0 && sum('runs') !== due) {
  failed++;
  console.log(`${sum('runs')} lives instead of ${due}`);
}
console.log(`${sum('runs') - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
