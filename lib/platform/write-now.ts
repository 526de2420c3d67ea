import { writevSync } from 'node:fs';
import { behind, noneTaken } from './write-parts.js';

/** Writes the parts on the event loop, which waits for it: only for what LoopWaits allows. */
export function writeNow(path: string, fd: number, parts: readonly Uint8Array[], position: number): void {
  let at = position;
  for (let rest = parts; rest.length > 0;) {
    const count = writevSync(fd, rest, at);
    if (count === 0) throw noneTaken(path, at);
    at += count;
    rest = behind(rest, count);
  }
}
