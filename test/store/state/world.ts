import {
  MemoryFileSystem,
  SeededRandom,
  VirtualClock,
  type FileSystem,
  type Logger,
  type Platform,
} from '../../../lib/platform/index.js';

/** What was logged, by level. */
export class Lines implements Logger {
  readonly lines: string[] = [];

  error(message: string): void {
    this.lines.push(`error ${message}`);
  }
  warn(message: string): void {
    this.lines.push(`warn ${message}`);
  }
  log(message: string): void {
    this.lines.push(`log ${message}`);
  }
  debug(message: string): void {
    this.lines.push(`debug ${message}`);
  }
  verbose(message: string): void {
    this.lines.push(`verbose ${message}`);
  }

  at(level: string): string[] {
    return this.lines.filter((line) => line.startsWith(level));
  }
}

export interface World extends Platform {
  readonly clock: VirtualClock;
  readonly logger: Lines;
}

export const STATE = '/store/state';

/** A platform for one process; hand on the file system and the clock to the next one. */
export function world<F extends FileSystem>(
  fileSystem: F,
  clock = new VirtualClock(),
): World & { readonly fileSystem: F } {
  return { clock, fileSystem, random: new SeededRandom(7), logger: new Lines() };
}

export async function memoryWorld(): Promise<World & { readonly fileSystem: MemoryFileSystem }> {
  const fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory(STATE);
  return world(fileSystem);
}

/** Bytes of a file of a memory file system, and back. */
export async function bytesOf(fileSystem: FileSystem, path: string): Promise<Buffer> {
  const file = await fileSystem.open(path, 'read');
  const bytes = Buffer.alloc(await file.size());
  await file.read(bytes, 0);
  await file.close();
  return bytes;
}

/** Flips one bit, as a failing disk does. */
export async function flip(fileSystem: FileSystem, path: string, position: number): Promise<void> {
  const bytes = await bytesOf(fileSystem, path);
  bytes[position] = (bytes[position] as number) ^ 0x10;
  const file = await fileSystem.open(path, 'write');
  await file.write(bytes, 0);
  await file.close();
}
