import { describe, expect, it } from '@jest/globals';
import { MemoryFileSystem, SeededRandom } from '../../../lib/platform/index.js';
import { findInFile, readIndexHeader, readTable } from '../../../lib/store/message-index/index-file.js';
import { IndexTable } from '../../../lib/store/message-index/index-table.js';

const FOREVER = [0, 0xffff_ffff] as const;

describe('IndexTable', () => {
  it.each([
    ['a few entries', 300, 40],
    ['as many as are compared', 4_095, 500],
    ['as many as are counted', 4_096, 500],
    ['many, of all hashes', 9_000, 0x1_0000_0000],
    ['many, of one hash', 5_000, 1],
  ])('as a file finds what it finds itself, the youngest first: %s', async (_what, count, hashes) => {
    const random = new SeededRandom(count);
    const table = new IndexTable(0);
    const all = new Set<number>();
    for (let at = 0; at < count; at++) {
      const hash = Math.floor((random.below(0x1_0000) * 0x1_0000 + random.below(0x1_0000)) % hashes);
      all.add(hash);
      table.add(hash, at * 500, at * 100);
      table.to = at * 100 + 100;
    }
    const handle = await new MemoryFileSystem().open('/file', 'create');
    await handle.write(table.encode(), 0);
    const read = await readIndexHeader(handle, 0);
    if (typeof read === 'string') throw new Error(read);
    expect(read.file).toMatchObject({ count, from: 0, to: count * 100, firstTime: 0, lastTime: (count - 1) * 500 });
    const inFile = async (hash: number, from: number, to: number): Promise<number[]> => {
      const found: number[] = [];
      for await (const offset of findInFile(handle, read.file, hash, from, to)) found.push(offset);
      return found;
    };
    const asked = [...all].slice(0, 60);
    for (const hash of asked) {
      expect(await inFile(hash, ...FOREVER)).toEqual([...table.find(hash, ...FOREVER)]);
      expect(await inFile(hash, 10, 20)).toEqual([...table.find(hash, 10, 20)]);
    }
    expect([...(await readTable(handle, read.file)).find(asked[0]!, ...FOREVER)]).toEqual([
      ...table.find(asked[0]!, ...FOREVER),
    ]);
    await handle.close();
  });

  it('begins again empty, and makes the same file in memory that has held another', () => {
    const filled = (table: IndexTable, count: number): IndexTable => {
      for (let at = 0; at < count; at++) table.add(Math.imul(at, 0x9e37_79b1) >>> 0, at * 700, table.from + at * 100);
      table.to = table.from + count * 100;
      return table;
    };
    const table = filled(new IndexTable(0), 5000);
    const memory = table.encode().buffer as ArrayBuffer;
    for (const count of [4999, 300, 1, 0]) {
      table.beginAgain(1_000_000);
      expect([...table.find(0, ...FOREVER)]).toEqual([]);
      const bytes = filled(table, count).encode(memory);
      expect(bytes.buffer).toBe(memory);
      expect(bytes.equals(filled(new IndexTable(1_000_000), count).encode())).toBe(true);
    }
    expect(filled(new IndexTable(0), 9000).encode(memory).buffer).not.toBe(memory);
  });
});
