import { posix } from 'node:path';

/** Paths of the file systems in memory: absolute, `/` between names, also where the machine writes them otherwise. */
export function normalPath(path: string): string {
  return posix.resolve('/', path.replaceAll('\\', '/'));
}

export function parentOf(path: string): string {
  return posix.dirname(path);
}

export function nameOf(path: string): string {
  return posix.basename(path);
}
