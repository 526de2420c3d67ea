import { createHash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileSystem } from '../../platform/index.js';

/** What every system takes: the kernel keeps such a path in 104 bytes (macOS) or 108 (Linux), with a zero at its end. */
const LONGEST_PATH = 100;
const HASH_DIGITS = 24;

/**
 * Where the local socket of a store may lie, best first: in the store, and by a hashed name in a directory of the user's
 * own. The second one is for stores whose path is too long for a socket, or whose file system has none.
 */
export function socketPlaces(store: string): readonly SocketPlace[] {
  const near = join(store, 'local');
  const name = `nestmq-${createHash('sha256').update(store).digest('hex').slice(0, HASH_DIGITS)}.sock`;
  const places = [{ directory: near, path: join(near, 'socket') }];
  const { XDG_RUNTIME_DIR: given } = process.env;
  const own = `nestmq-${process.getuid?.() ?? 0}`;
  const runtime = given === undefined || given === '' ? [] : [given];
  for (const directory of [...runtime, join(tmpdir(), own), join('/tmp', own)])
    places.push({ directory, path: join(directory, name) });
  return places.filter(({ path }) => Buffer.byteLength(path) <= LONGEST_PATH);
}

export interface SocketPlace {
  readonly directory: string;
  readonly path: string;
}

/**
 * Makes the directory, for this user only: between making a socket and closing it to others there is a moment in which
 * anybody could come in.
 * @throws Error saying why others could reach what lies there.
 */
export async function makePrivate(fileSystem: FileSystem, directory: string): Promise<void> {
  await fileSystem.makeDirectory(directory);
  const facts = await lstat(directory);
  const uid = process.getuid?.();
  if (!facts.isDirectory()) throw new Error(`${directory} is no directory`);
  if (facts.uid !== uid) throw new Error(`${directory} belongs to another user`);
  if ((facts.mode & 0o077) !== 0) throw new Error(`${directory} is open to other users (chmod 700 mends that)`);
}
