import { describe, expect, it } from '@jest/globals';
import type { FileHandle } from '../../lib/platform/index.js';
import { BLOCK_BYTES, ColdReader } from '../../lib/store/commitlog/cold-reader.js';
import type { HandlePool } from '../../lib/store/handle-pool.js';
import type { StorePaths } from '../../lib/store/paths.js';

const BLOCKS = 200;

/** A log of one segment whose blocks are full of their number, read into whatever memory is given. */
function logOf(blocks: number) {
  const targets = new Set<ArrayBufferLike>();
  const handle = {
    read: (target: Buffer, position: number) => {
      targets.add(target.buffer);
      target.fill(position / BLOCK_BYTES);
      return Promise.resolve(target.length);
    },
  };
  const pool = { use: (_: string, __: string, work: (one: FileHandle) => unknown) => work(handle as never) };
  const size = blocks * BLOCK_BYTES;
  const paths = { segment: () => 'log' } as unknown as StorePaths;
  const reader = new ColdReader(pool as unknown as HandlePool, paths, size, () => size);
  return { reader, targets };
}

const bringAll = async (reader: ColdReader, from: number): Promise<void> => {
  const cursor = { lastColdBlock: -1 };
  for (let block = from; block < BLOCKS; block++)
    await reader.bring([block * BLOCK_BYTES], (block + 1) * BLOCK_BYTES, cursor);
};

describe('blocks of the older log', () => {
  it('take the memory of those that are forgotten', async () => {
    const { reader, targets } = logOf(BLOCKS);
    const copy = Buffer.alloc(16);
    const cursor = { lastColdBlock: -1 };
    for (let block = 0; block < BLOCKS; block++) {
      const at = block * BLOCK_BYTES;
      await reader.bring([at], at + BLOCK_BYTES, cursor);
      expect(reader.copy(at + 100, 16, copy, 0)).toBe(true);
      expect(copy.equals(Buffer.alloc(16, block))).toBe(true);
    }
    expect(reader.loads).toBeGreaterThanOrEqual(BLOCKS);
    expect(targets.size).toBeLessThan(80);
  });

  it('never change under a view that was given away', async () => {
    const { reader } = logOf(BLOCKS);
    const cursor = { lastColdBlock: -1 };
    const read = await reader.read(10, 1000, cursor);
    const peeked = reader.peek(20, 1000, { lastColdBlock: 0 })!;
    const second = await reader.read(BLOCK_BYTES + 10, 1000, cursor);
    const across = await reader.read(2 * BLOCK_BYTES - 500, 1000, cursor);
    await bringAll(reader, 3);
    expect(read.equals(Buffer.alloc(1000, 0))).toBe(true);
    expect(peeked.equals(Buffer.alloc(1000, 0))).toBe(true);
    expect(second.equals(Buffer.alloc(1000, 1))).toBe(true);
    expect(across.equals(Buffer.concat([Buffer.alloc(500, 1), Buffer.alloc(500, 2)]))).toBe(true);
  });

  it('are given to each who asks at once with more others than are kept', async () => {
    const { reader } = logOf(BLOCKS);
    const cursors = Array.from({ length: BLOCKS }, () => ({ lastColdBlock: -1 }));
    const all = await Promise.all(cursors.map((cursor, block) => reader.read(block * BLOCK_BYTES + 5, 64, cursor)));
    await bringAll(reader, 0);
    for (const [block, bytes] of all.entries()) expect(bytes.equals(Buffer.alloc(64, block))).toBe(true);
  });
});
