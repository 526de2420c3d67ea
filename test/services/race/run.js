// Two consumers, the same messages, one Redis; after `node scripts/build.js test`:
//   node test/services/race/run.js [--messages 50000] [--phase race|zombies|deaths|forgetful|control]
const EXIT_MISSING = 77;
const build = process.env.NESTMQ_TEST_ROOT ?? '.test';
const at = (file) => new URL(`../../../${build}/test/services/${file}`, import.meta.url).href;
const { missingServices } = await import(at('support/index.js'));
// Servers of its own in any case, because it kills them.
delete process.env.NESTMQ_REDIS_URL;
const missing = missingServices(['redis']);
if (missing.length > 0) {
  for (const what of missing) console.log(`missing: ${what}`);
  process.exit(EXIT_MISSING);
}
await import(at('race/show.js'));
