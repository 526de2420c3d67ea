// For the runners of this tier: `await runSpecs(import.meta.url, ['redis', 'postgres', 'mariadb'])` runs the specs beside
// them with jest, prints the counts that the tier adds up, and ends with 77 when one of the named services is missing.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const build = process.env.NESTMQ_TEST_ROOT ?? '.test';
const EXIT_MISSING = 77;

export async function runSpecs(runner, services) {
  const folder = relative(root, dirname(fileURLToPath(runner)));
  const { missingServices } = await import(
    new URL(`../../../${build}/test/services/support/index.js`, import.meta.url).href
  );
  const missing = missingServices(services);
  if (missing.length > 0) {
    for (const what of missing) console.log(`missing: ${what}`);
    process.exit(EXIT_MISSING);
  }
  const scratch = await mkdtemp(join(tmpdir(), 'nestmq-services-'));
  try {
    const results = join(scratch, 'results.json');
    const jest = join(root, 'node_modules/jest/bin/jest.js');
    const child = spawn(
      process.execPath,
      [
        ...['--experimental-vm-modules', jest, '--config', join(root, 'test/services/jest.config.js')],
        ...['--json', '--outputFile', results, '--testPathPatterns', `/${folder}/`, ...process.argv.slice(2)],
      ],
      { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
    );
    const [code, signal] = await once(child, 'close');
    const counted = await readFile(results, 'utf8').then(JSON.parse, () => undefined);
    const broken = counted?.numRuntimeErrorTestSuites ?? 1;
    console.log(`${counted?.numPassedTests ?? 0} passed, ${(counted?.numFailedTests ?? 0) + broken} failed`);
    if (signal !== null) console.log(`jest ended with ${signal}`);
    process.exitCode = code === 0 ? 0 : 1;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
