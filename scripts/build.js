// `node scripts/build.js lib test sample`: compiles each named part into an empty folder, so that nothing that was
// renamed or removed is shipped or tested.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
const PARTS = {
  lib: { project: 'tsconfig.build.json', output: 'dist' },
  test: { project: 'tsconfig.test.json', output: '.test' },
  sample: { project: 'sample/tsconfig.json', output: 'sample/dist' },
};

/** Compiles one part; false when the compiler found errors (it has printed them). */
export function build(part) {
  const { project, output } = PARTS[part];
  rmSync(`${root}${output}`, { recursive: true, force: true });
  const { status, error } = spawnSync(process.execPath, [tsc, '-p', project], { cwd: root, stdio: 'inherit' });
  if (error) throw error;
  return status === 0;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const parts = process.argv.slice(2);
  const unknown = parts.find((part) => PARTS[part] === undefined);
  if (parts.length === 0 || unknown !== undefined)
    throw new Error(`name parts to build: ${Object.keys(PARTS).join(', ')}`);
  process.exitCode = parts.every(build) ? 0 : 1;
}
