import type { FileSystem } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';

/** `{"shards":3,"first":2}`: how many shards there are, and with how many it began. */
const FILE = 'shards.json';
/** What a broker without shards has in its folder. */
const PLAIN_STORE = 'commitlog';

export interface ShardCount {
  readonly shards: number;
  /** Shards from this index on were added later. */
  readonly first: number;
}

/**
 * Decides whether so many shards can run in the folder, and notes it there before any of them starts. To be called under the lock.
 * @throws MessagingError CONFIGURATION when there are more of them, or a store without shards; STORE_DAMAGED.
 */
export async function settleShardCount(fileSystem: FileSystem, folder: string, shards: number): Promise<ShardCount> {
  if (await fileSystem.exists(`${folder}/${PLAIN_STORE}`)) {
    throw new MessagingError(
      'CONFIGURATION',
      `The store ${folder} is that of a broker without shards: its messages would not be found. Go on without broker.shards, or name another ` +
        'folder (broker.store).',
    );
  }
  const known = await readShardCount(fileSystem, folder);
  if (known !== undefined && shards < known.shards) {
    throw new MessagingError(
      'CONFIGURATION',
      `The store ${folder} has ${known.shards} shards, and messages in each of them; with broker.shards ${shards} those of the others would not be ` +
        `found. Give ${known.shards} or more.`,
    );
  }
  const count = { shards, first: known?.first ?? shards };
  if (known?.shards !== shards) await write(fileSystem, folder, count);
  return count;
}

/** Undefined where no shards have ever run. */
export async function readShardCount(fileSystem: FileSystem, folder: string): Promise<ShardCount | undefined> {
  const path = `${folder}/${FILE}`;
  if (!(await fileSystem.exists(path))) return undefined;
  const file = await fileSystem.open(path, 'read');
  try {
    const bytes = Buffer.alloc(await file.size());
    const { shards, first } = JSON.parse(bytes.toString('utf8', 0, await file.read(bytes, 0))) as ShardCount;
    if (Number.isInteger(shards) && Number.isInteger(first) && first >= 1 && shards >= first) return { shards, first };
    throw new Error('it names no number of shards.');
  } catch (error) {
    throw new MessagingError(
      'STORE_DAMAGED',
      `${path} cannot be read: ${(error as Error).message} Write {"shards":N,"first":N} into it, with the number of folders shard-0, shard-1 … beside it.`,
      { cause: error },
    );
  } finally {
    await file.close();
  }
}

async function write(fileSystem: FileSystem, folder: string, count: ShardCount): Promise<void> {
  const path = `${folder}/${FILE}`;
  await fileSystem.remove(`${path}.tmp`);
  const file = await fileSystem.open(`${path}.tmp`, 'create');
  try {
    await file.write(Buffer.from(JSON.stringify(count)), 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await fileSystem.rename(`${path}.tmp`, path);
  await fileSystem.syncDirectory(folder);
}
