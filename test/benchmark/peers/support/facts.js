import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** The packages with the versions that are installed, and Node. */
export function describeVersions(...packages) {
  return [...packages.map((name) => `${name} ${versionOf(name)}`), `Node ${process.version}`].join(', ');
}

/** Names those that are not installed, or undefined. */
export function missingPackages(...packages) {
  const lacking = packages.filter((name) => {
    try {
      require.resolve(name);
      return false;
    } catch {
      return true;
    }
  });
  return lacking.length > 0 ? `the package ${lacking.join(', ')} (npm ci)` : undefined;
}

/** What is missing of several things, or undefined. */
export function missingOf(...lacking) {
  const named = lacking.filter((what) => what !== undefined);
  return named.length > 0 ? named.join(', ') : undefined;
}

/** A package need not let its package.json be imported, so that it is looked for above what it does export. */
function versionOf(name) {
  for (let folder = dirname(require.resolve(name)); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      if (manifest.name === name) return manifest.version;
    } catch {
      // Not the folder of the package.
    }
  }
  return 'of an unknown version';
}
