import { describe, expect, it } from '@jest/globals';
import { EntryBlocks, entryPhysicalOffset, entrySize, entryTagsCode } from '../../lib/store/queue/entry-blocks.js';
import { ENTRY_BYTES } from '../../lib/store/queue/queue-files.js';

const ENTRIES = 100;
const offsetOf = (index: number): number => index * 0x3fff_ffff + (index % 2) * 0xffff_fff0;
const tagsCodeOf = (index: number): number =>
  [0, -1, -0x8000_0000, 0x7fff_ffff, -0x1_0000_0000, 1_700_000_000_000][index % 6]!;

function filled(count = ENTRIES): EntryBlocks {
  const entries = new EntryBlocks();
  for (let index = 0; index < count; index++) entries.push(index, offsetOf(index), index + 1, tagsCodeOf(index));
  return entries;
}

describe('EntryBlocks', () => {
  it('gives back what was entered, in memory and as it is stored', () => {
    const entries = filled();
    const stored = entries.encode(0, ENTRIES);
    for (let index = 0; index < ENTRIES; index++) {
      const entered = [offsetOf(index), index + 1, tagsCodeOf(index)];
      const at = index * ENTRY_BYTES;
      expect([entries.physicalOffset(index), entries.size(index), entries.tagsCode(index)]).toEqual(entered);
      expect([entryPhysicalOffset(stored, at), entrySize(stored, at), entryTagsCode(stored, at)]).toEqual(entered);
    }
  });

  it.each([0, 1, 2, 3])('encodes all of its blocks as RocketMQ does, %d bytes behind a word', (shift) => {
    const expected = Buffer.alloc(ENTRIES * ENTRY_BYTES);
    for (let index = 0; index < ENTRIES; index++) {
      const at = index * ENTRY_BYTES;
      expected.writeBigInt64BE(BigInt(offsetOf(index)), at);
      expected.writeInt32BE(index + 1, at + 8);
      expected.writeBigInt64BE(BigInt(tagsCodeOf(index)), at + 12);
    }
    const target = Buffer.from(new ArrayBuffer(shift + 4 * ENTRY_BYTES + ENTRIES * ENTRY_BYTES)).subarray(shift);
    filled().encodeInto(target, 2 * ENTRY_BYTES, 3, ENTRIES - 2);
    const end = target.length - 7 * ENTRY_BYTES;
    expect(target.subarray(2 * ENTRY_BYTES, end)).toEqual(expected.subarray(3 * ENTRY_BYTES, -2 * ENTRY_BYTES));
    expect(target.subarray(0, 2 * ENTRY_BYTES).every((byte) => byte === 0)).toBe(true);
    expect(target.subarray(end).every((byte) => byte === 0)).toBe(true);
  });

  it('hand blocks on that they let go of, and keep what they have', () => {
    const [count, kept] = [40_000, 30_000];
    const expected = filled(count).encode(0, count);
    const entries = filled(count);
    entries.evict(kept, Number.POSITIVE_INFINITY);
    const start = entries.start(-1);
    expect(start).toBeGreaterThan(kept - 4096);
    expect(start).toBeLessThanOrEqual(kept);
    expect(filled(count).encode(0, count).equals(expected)).toBe(true);
    expect(entries.encode(start, count).equals(expected.subarray(start * ENTRY_BYTES))).toBe(true);
  });
});
