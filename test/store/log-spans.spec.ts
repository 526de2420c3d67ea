import { beforeEach, describe, expect, it } from '@jest/globals';
import type { FileHandle, FileSystem } from '../../lib/platform/index.js';
import { BLOCK_BYTES, ColdReader } from '../../lib/store/commitlog/cold-reader.js';
import { HandlePool } from '../../lib/store/handle-pool.js';
import type { StorePaths } from '../../lib/store/paths.js';
import { LogSpans } from '../../lib/store/queue/log-spans.js';

const KIB = 1024;
const SEGMENT = 1024 * KIB;

describe('stretches of the older log', () => {
  let reads: { path: string; at: number; length: number }[] = [];
  let written = 4 * SEGMENT;
  let cold: ColdReader;
  const cursor = { lastColdBlock: -1 };

  const byteAt = (offset: number): number => (offset * 7 + (offset >>> 8)) & 0xff;
  const record = (offset: number, size: number): Buffer =>
    Buffer.from(Array.from({ length: size }, (_, index) => byteAt(offset + index)));

  beforeEach(() => {
    reads = [];
    written = 4 * SEGMENT;
    cursor.lastColdBlock = -1;
    const open = async (path: string): Promise<FileHandle> => {
      const base = Number(path);
      const read = async (target: Buffer, at: number): Promise<number> => {
        const length = Math.max(0, Math.min(target.length, SEGMENT - at, written - base - at));
        reads.push({ path, at, length });
        for (let index = 0; index < length; index++) target[index] = byteAt(base + at + index);
        return length;
      };
      return { read, close: async () => undefined } as unknown as FileHandle;
    };
    const paths = { segment: String } as unknown as StorePaths;
    cold = new ColdReader(new HandlePool({ open } as unknown as FileSystem, 8), paths, SEGMENT, () => written);
  });

  async function readAll(records: readonly [offset: number, size: number][]): Promise<(Buffer | undefined)[]> {
    const spans = new LogSpans();
    for (const [offset, size] of records) spans.add(offset, size, SEGMENT);
    await spans.read(cold, cursor);
    expect(spans.bytes).toBe(reads.reduce((sum, { length }) => sum + length, 0));
    return records.map(([offset, size]) => {
      const target = Buffer.alloc(size);
      return spans.copy(offset, size, target, 0) ? target : undefined;
    });
  }

  it('reads neighbours at once, and of what lies far apart only what is wanted', async () => {
    const records: [number, number][] = [
      [100, 300],
      [400, 300],
      [3000, 500],
      [200 * KIB, 700],
      [300 * KIB, 700],
    ];
    expect(await readAll(records)).toEqual(records.map(([offset, size]) => record(offset, size)));
    expect(reads.map(({ length }) => length)).toEqual([3400, 700, 700]);
  });

  it('does not read across the end of a segment', async () => {
    const records: [number, number][] = [
      [SEGMENT - 400, 400],
      [SEGMENT, 300],
    ];
    expect(await readAll(records)).toEqual(records.map(([offset, size]) => record(offset, size)));
    expect(reads.map(({ path, at }) => [path, at])).toEqual([
      ['0', SEGMENT - 400],
      [String(SEGMENT), 0],
    ]);
  });

  it('has nothing of what the file has not', async () => {
    written = 1000;
    const spans = new LogSpans();
    spans.add(800, 100, SEGMENT);
    spans.add(900, 300, SEGMENT);
    await spans.read(cold, cursor);
    const target = Buffer.alloc(300);
    expect(spans.copy(800, 100, target, 0)).toBe(true);
    expect(spans.copy(900, 300, target, 0)).toBe(false);
  });

  it('lets the reader go on in blocks from there', async () => {
    await readAll([[10, 300]]);
    expect(cold.expects(0, cursor)).toBe(true);
    expect(cold.expects(BLOCK_BYTES, cursor)).toBe(true);
    expect(cold.expects(2 * BLOCK_BYTES, cursor)).toBe(false);
  });
});
