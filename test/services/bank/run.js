// The bank-transfer test, after `node scripts/build.js test`:
//   node test/services/bank/run.js [--transfers 100000] [--control 6000] [--without nothing|inbox|outbox] [--seed n] [--points 'part of a name'] [--verbose]
const EXIT_MISSING = 77;
const build = process.env.NESTMQ_TEST_ROOT ?? '.test';
const at = (file) => new URL(`../../../${build}/test/services/${file}`, import.meta.url).href;
const { missingServices } = await import(at('support/index.js'));
const missing = missingServices(['postgres']);
if (missing.length > 0) {
  for (const what of missing) console.log(`missing: ${what}`);
  process.exit(EXIT_MISSING);
}
await import(at('bank/show.js'));
