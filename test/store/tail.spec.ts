import { describe, expect, it } from '@jest/globals';
import { LogTail } from '../../lib/store/commitlog/tail.js';

const CHUNK = 1024;
const KEPT = 8 * CHUNK;

/** Fills so many chunks and tells the memory that each of them lay in. */
function filled(chunks: number, lent: (index: number) => boolean = () => false): ArrayBufferLike[] {
  const tail = new LogTail(CHUNK, KEPT, 0);
  return Array.from({ length: chunks }, (_, index) => {
    const chunk = tail.room(CHUNK);
    chunk.lent = lent(index);
    tail.filled(chunk, CHUNK);
    tail.trim(tail.end);
    expect(tail.heldBytes).toBeLessThanOrEqual(KEPT);
    return chunk.bytes.buffer;
  });
}

/** Sizes of the memory that is asked for meanwhile. */
function askedFor(run: () => unknown): number[] {
  const asked: number[] = [];
  const { allocUnsafeSlow } = Buffer;
  Buffer.allocUnsafeSlow = (size) => {
    asked.push(size);
    return allocUnsafeSlow(size);
  };
  try {
    run();
  } finally {
    Buffer.allocUnsafeSlow = allocUnsafeSlow;
  }
  return asked;
}

describe('the newest log in memory', () => {
  it('goes round in the memory of its budget and one chunk', () => {
    expect(new Set(filled(100)).size).toBe(KEPT / CHUNK + 1);
  });

  it('never fills again what was given away', () => {
    const memory = filled(100, (index) => index % 3 === 0);
    for (let index = 0; index < memory.length; index += 3) expect(memory.lastIndexOf(memory[index]!)).toBe(index);
  });

  describe('with records that no chunk has room for', () => {
    /** Appends records of these sizes, each on the disk at once, and tells the memory that each of them lay in. */
    const appended = (tail: LogTail, sizes: readonly number[], lent = false): ArrayBufferLike[] =>
      sizes.map((size) => {
        const chunk = tail.room(size);
        chunk.lent = lent;
        tail.filled(chunk, size);
        tail.trim(tail.end);
        return chunk.bytes.buffer;
      });
    const large = (count: number): number[] => Array.from({ length: count }, (_, n) => CHUNK + 1 + (n % 30));

    it('goes round in the memory of its budget and one chunk, also when they are not of one size', () => {
      const tail = new LogTail(CHUNK, KEPT, 0);
      const memory = appended(tail, large(200));
      expect(new Set(memory).size).toBeLessThanOrEqual(KEPT / CHUNK + 1);
      expect(tail.heldBytes).toBeLessThanOrEqual(KEPT);
    });

    it('goes round when they alternate with small ones', () => {
      const memory = appended(
        new LogTail(CHUNK, KEPT, 0),
        large(200).flatMap((size) => [size, CHUNK - 1]),
      );
      expect(new Set(memory).size).toBeLessThanOrEqual(KEPT / CHUNK + 2);
    });

    it('never fills again what was given away', () => {
      const tail = new LogTail(CHUNK, KEPT, 0);
      const given = appended(tail, large(20), true);
      const later = new Set(appended(tail, large(40)));
      expect(given.filter((buffer) => later.has(buffer))).toEqual([]);
    });

    it('keeps a few of those that are freed at once, and of a batch that takes several chunks none', () => {
      const tail = new LogTail(CHUNK, KEPT, 0);
      for (let n = 0; n < 20; n++) tail.filled(tail.room(CHUNK + 1), CHUNK + 1);
      tail.trim(tail.end);
      const more = askedFor(() => {
        for (let n = 0; n < 10; n++) tail.filled(tail.room(CHUNK + 1), CHUNK + 1);
      });
      expect(more).toHaveLength(6);
      expect(askedFor(() => appended(tail, [5 * CHUNK, 5 * CHUNK, 5 * CHUNK, 5 * CHUNK]))).toHaveLength(4);
    });

    it('gives their memory back when they stop coming', () => {
      const tail = new LogTail(CHUNK, KEPT, 0);
      const before = new Set(appended(tail, large(40)));
      appended(tail, new Array<number>(2 * (KEPT / CHUNK)).fill(CHUNK));
      expect(appended(tail, large(10)).filter((buffer) => before.has(buffer))).toEqual([]);
    });
  });

  it('asks for all of that with the second chunk', () => {
    expect(askedFor(() => filled(1))).toHaveLength(1);
    expect(askedFor(() => filled(2))).toHaveLength(KEPT / CHUNK + 1);
  });
});
