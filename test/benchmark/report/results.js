// What a run leaves behind: its figures, with everything that they depend on.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes the results into the folder; returns the paths. */
export function writeResults(folder, run) {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'bench.json');
  writeFileSync(path, `${JSON.stringify(run, undefined, 2)}\n`);
  return [path];
}
