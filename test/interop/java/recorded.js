// The committed frames of Java clients, which test/remoting reads.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FILE = fileURLToPath(new URL('../../remoting/vectors/java-wire.json', import.meta.url));

/** One of each kind that was seen, in the order of their names. */
export function writeRecorded(frames) {
  const list = [...frames.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ bytes, ...rest }) => ({ ...rest, hex: bytes.toString('hex') }));
  writeFileSync(FILE, `[\n${list.map((frame) => JSON.stringify(frame)).join(',\n')}\n]\n`);
  console.log(`${list.length} frames written to ${FILE}`);
}

/** Whether what Java sends is among what the unit tests know. */
export function checkRecorded(frames, check) {
  const known = new Set(JSON.parse(readFileSync(FILE, 'utf8')).map(({ name }) => name));
  for (const name of frames.keys()) check(`known to the unit tests: ${name}`, known.has(name), 'run with --record');
}
