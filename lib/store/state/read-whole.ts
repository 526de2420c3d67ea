import type { FileSystem } from '../../platform/index.js';

/** The bytes of a file, or undefined when there is none. For state files that fit in memory. */
export async function readWhole(fileSystem: FileSystem, path: string): Promise<Buffer | undefined> {
  if (!(await fileSystem.exists(path))) return undefined;
  const file = await fileSystem.open(path, 'read');
  try {
    const bytes = Buffer.allocUnsafe(await file.size());
    const read = await file.read(bytes, 0);
    return bytes.subarray(0, read);
  } finally {
    await file.close();
  }
}
