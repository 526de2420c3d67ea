// What a run leaves behind: its figures with everything that they depend on, the tables, and the charts.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chartsOf } from './charts.js';

/** Writes them into the folder; returns the paths. */
export function writeResults(folder, run, lines) {
  mkdirSync(folder, { recursive: true });
  const files = [
    ['bench.json', `${JSON.stringify(run, undefined, 2)}\n`],
    ['bench.txt', `${lines.join('\n')}\n`],
    ...chartsOf(run),
  ];
  return files.map(([name, text]) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  });
}
