import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';

// The tests run as compiled by the same compiler that ships the package; NESTMQ_TEST_ROOT names another build folder.
const build = process.env.NESTMQ_TEST_ROOT ?? '.test';
export default {
  testEnvironment: 'node',
  // The samples have tests of their own, as an application would.
  roots: [`${build}/test`, 'sample/dist'].filter((folder) => existsSync(folder)).map((folder) => `<rootDir>/${folder}`),
  // What needs services runs in a tier of its own: test/services/jest.config.js.
  testMatch: ['**/*.spec.js', '!**/test/services/**'],
  transform: {},
  // Generous, because a busy machine with two cores is slow; what waits for a condition ends as soon as it holds.
  testTimeout: 30_000,
  // Both cores of a small machine; otherwise jest leaves one idle there.
  maxWorkers: Math.max(2, availableParallelism() - 1),
  // Each file leaves about 10 MB of compiled modules behind; in one process they were 2 GB in the end.
  workerIdleMemoryLimit: '700MB',
};
