import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * The name in the package.json nearest to the working directory, upwards; without one the directory's name. Groups and
 * producer groups are built from it, so `@scope/shop` becomes `scope-shop`.
 */
export function applicationName(directory: string = process.cwd()): string {
  for (let at = directory; ; at = dirname(at)) {
    const name = packageName(join(at, 'package.json'));
    if (name !== undefined) return nameSafe(name);
    if (dirname(at) === at) return nameSafe(basename(directory)) || 'application';
  }
}

/** The text with everything replaced that a topic or group name may not have. */
export function nameSafe(text: string): string {
  return text.replace(/[^a-zA-Z0-9_-]+/g, '-').replace(/^-+|-+$/g, '');
}

function packageName(path: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(path, 'utf8')) as { name?: unknown };
    return typeof name === 'string' && nameSafe(name) !== '' ? name : undefined;
  } catch {
    // Absent, unreadable or no JSON: then it names nothing, and the next directory is asked.
    return undefined;
  }
}
