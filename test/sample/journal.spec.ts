import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal } from '../../sample/01-shop/storage/journal.js';

describe("the sample's journal", () => {
  let folder = '';
  let path = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'journal-'));
    path = join(folder, 'a.log');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function entriesOf(file: string): Promise<number[]> {
    const entries: number[] = [];
    const journal = await Journal.open<{ n: number }>(file, ({ n }) => entries.push(n));
    await journal.close();
    return entries;
  }

  it('gives back what was appended, in order, and goes on behind it', async () => {
    let journal = await Journal.open<{ n: number }>(path, () => {});
    await Promise.all([journal.append({ n: 1 }, { n: 2 }), journal.append({ n: 3 })]);
    await journal.append({ n: 4 });
    await journal.close();
    expect(await entriesOf(path)).toEqual([1, 2, 3, 4]);
    journal = await Journal.open<{ n: number }>(path, () => {});
    await journal.append({ n: 5 });
    await journal.close();
    expect(await entriesOf(path)).toEqual([1, 2, 3, 4, 5]);
  });

  it('cuts a half-written entry off, wherever the crash was, and appends in its place', async () => {
    const journal = await Journal.open<{ n: number }>(path, () => {});
    await journal.append({ n: 1 });
    const before = (await readFile(path)).length;
    await journal.append({ n: 2 });
    await journal.close();
    const whole = await readFile(path);
    for (let length = before; length < whole.length; length++) {
      await writeFile(path, whole);
      await truncate(path, length);
      expect(await entriesOf(path)).toEqual([1]);
      expect((await readFile(path)).length).toBe(before);
    }
  });

  it('cuts an entry off whose bytes did not all reach the disk', async () => {
    const journal = await Journal.open<{ n: number }>(path, () => {});
    await journal.append({ n: 1 });
    await journal.close();
    await appendFile(path, '00000000 {"n":2}\n');
    expect(await entriesOf(path)).toEqual([1]);
  });

  it('refuses a file that is damaged before its end', async () => {
    const journal = await Journal.open<{ n: number }>(path, () => {});
    await journal.append({ n: 1 }, { n: 2 });
    await journal.close();
    const bytes = await readFile(path);
    bytes[12] ^= 1;
    await writeFile(path, bytes);
    await expect(entriesOf(path)).rejects.toThrow(/a\.log is damaged at byte 0; .*--fresh/);
    expect(await readFile(path)).toEqual(bytes);
  });

  it('fails every append after one that failed', async () => {
    const journal = await Journal.open<{ n: number }>(path, () => {});
    await journal.append({ n: 1 });
    await journal.close();
    await expect(journal.append({ n: 2 })).rejects.toThrow();
    await expect(journal.append({ n: 3 })).rejects.toThrow();
    expect(await entriesOf(path)).toEqual([1]);
  });
});
