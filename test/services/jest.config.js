import base from '../../jest.config.js';

const build = process.env.NESTMQ_TEST_ROOT ?? '.test';
/** The specs that need services; their runners (run.js) start jest with it. */
export default {
  ...base,
  rootDir: '../..',
  roots: [`<rootDir>/${build}/test/services`],
  testMatch: ['**/*.spec.js'],
};
