// The starters of the services tests, as compiled with them.
const build = process.env.NESTMQ_TEST_ROOT ?? '.test';
const support = await import(new URL(`../../../${build}/test/services/support/index.js`, import.meta.url).href);

export const { MissingServiceError, startMariaDb, startPostgres, startRedis } = support;
