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

describe('the newest log in memory', () => {
  it('goes round in the memory of its budget and one chunk', () => {
    expect(new Set(filled(100)).size).toBe(KEPT / CHUNK + 1);
  });

  it('never fills again what was given away', () => {
    const memory = filled(100, (index) => index % 3 === 0);
    for (let index = 0; index < memory.length; index += 3) expect(memory.lastIndexOf(memory[index]!)).toBe(index);
  });

  it('asks for all of that with the second chunk', () => {
    const asked: number[] = [];
    const { allocUnsafeSlow } = Buffer;
    Buffer.allocUnsafeSlow = (size) => {
      asked.push(size);
      return allocUnsafeSlow(size);
    };
    try {
      filled(1);
      expect(asked).toHaveLength(1);
      asked.length = 0;
      filled(2);
      expect(asked).toHaveLength(KEPT / CHUNK + 1);
    } finally {
      Buffer.allocUnsafeSlow = allocUnsafeSlow;
    }
  });
});
