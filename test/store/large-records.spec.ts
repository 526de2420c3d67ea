import { describe, expect, it } from '@jest/globals';
import { MemoryFileSystem, type Operation, SimulatedFileSystem } from '../../lib/platform/index.js';
import type { AnswerRoom, MessageStore, ReadResult } from '../../lib/store/index.js';
import { message, openStore, readAll, recordsOf, TOPIC } from './support.js';

const KIB = 1024;
const FIRST_SEGMENT = '/store/commitlog/00000000000000000000';
const OPTIONS = { segmentBytes: 8 * 1024 * KIB, batchBytes: 512 * KIB, tailBytes: 512 * KIB };
const query = { topic: TOPIC, queueId: 0, offset: 0, maxMessages: 32, maxBytes: 4 * 1024 * KIB };

/** The memory of answers as the broker gives it out: what earlier ones have left is still in it. */
function used(content: Buffer): AnswerRoom {
  return {
    room: (bytes) => {
      const memory = Buffer.alloc(bytes, 0xee);
      content.copy(memory);
      return memory;
    },
  };
}

async function put(store: MessageStore, sizes: readonly number[], queueId = 0): Promise<void> {
  for (const [index, size] of sizes.entries())
    await store.putAsync(message('', { queueId, body: Buffer.alloc(size, index + 1) }));
}

const shapes = (result: ReadResult): [first: number, length: number][] =>
  recordsOf(result).map(({ body }) => {
    expect(body.equals(Buffer.alloc(body.length, body[0]))).toBe(true);
    return [body[0]!, body.length];
  });

describe('large records of the older log', () => {
  it('are read with one read each, to where the answer has them', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk, OPTIONS);
    await put(store, [900 * KIB, 700 * KIB, 1200 * KIB, 300 * KIB, 400 * KIB]);
    const from = disk.operations.length;
    const result = await store.read({ ...query, maxMessages: 3 });
    expect(shapes(result)).toEqual([
      [1, 900 * KIB],
      [2, 700 * KIB],
      [3, 1200 * KIB],
    ]);
    const reads = disk.operations
      .slice(from)
      .filter((each: Operation) => each.name === 'read' && each.path.includes('/commitlog/'));
    expect(reads).toHaveLength(3);
    await store.close();
  });

  it('come together with the newest ones, which are in memory', async () => {
    const { store } = await openStore(new MemoryFileSystem(), OPTIONS);
    await put(store, [500 * KIB, 600 * KIB, 700 * KIB, 300 * KIB]);
    expect(shapes(await store.read({ ...query, memory: used(Buffer.alloc(0)) }))).toEqual([
      [1, 500 * KIB],
      [2, 600 * KIB],
      [3, 700 * KIB],
      [4, 300 * KIB],
    ]);
    await store.close();
  });

  it('are left out and counted when the disk does not give back what was written', async () => {
    const fileSystem = new MemoryFileSystem();
    const { store } = await openStore(fileSystem, OPTIONS);
    await put(store, [500 * KIB, 600 * KIB, 700 * KIB, 300 * KIB, 900 * KIB]);
    const records = await readAll(store);
    const file = await fileSystem.open(FIRST_SEGMENT, 'write');
    await file.write(Buffer.from([0xff]), records[1]!.physicalOffset + 300 * KIB);
    await file.close();
    const result = await store.read(query);
    expect(result.messageCount).toBe(4);
    expect(shapes(result).map(([first]) => first)).toEqual([1, 3, 4, 5]);
    expect(store.health().damagedRecords).toBe(1);
    await store.close();
  });

  it('are not taken from an earlier answer in the same memory when the file has lost them', async () => {
    const fileSystem = new MemoryFileSystem();
    const { store } = await openStore(fileSystem, OPTIONS);
    await put(store, [500 * KIB, 600 * KIB, 900 * KIB]);
    const earlier = (await store.read({ ...query, maxMessages: 2 })).chunks[0]!;
    const records = await readAll(store);
    const file = await fileSystem.open(FIRST_SEGMENT, 'write');
    await file.truncate(records[1]!.physicalOffset + 300 * KIB);
    await file.close();
    const result = await store.read({ ...query, maxMessages: 2, memory: used(earlier) });
    expect(shapes(result)).toEqual([[1, 500 * KIB]]);
    expect(store.health().damagedRecords).toBe(1);
    await store.close();
  });

  it('are not answered once their segment is gone', async () => {
    const { store } = await openStore(new MemoryFileSystem(), { ...OPTIONS, segmentBytes: 2 * 1024 * KIB });
    await put(store, [900 * KIB, 900 * KIB, 900 * KIB, 900 * KIB, 900 * KIB]);
    const reading = store.read({ ...query, maxMessages: 1 });
    await store.log.deleteOldestSegment();
    const outcome = await Promise.resolve(reading).catch((error: unknown) => error as Error);
    // Read before the file went, or told that it goes; never a message of another place.
    if (!(outcome instanceof Error) && outcome.messageCount > 0) expect(shapes(outcome)).toEqual([[1, 900 * KIB]]);
    const later = await store.read(query);
    expect(later.status).toBe('OFFSET_TOO_SMALL');
    expect(later.nextBeginOffset).toBe(2);
    expect(shapes(await store.read({ ...query, offset: 2 })).map(([first]) => first)).toEqual([3, 4, 5]);
    await store.close();
  });
});
