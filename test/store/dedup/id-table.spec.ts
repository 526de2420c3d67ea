import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '../../../lib/platform/index.js';
import { type DedupPlace, IdTable } from '../../../lib/store/dedup/id-table.js';
import { seededHash } from '../../../lib/store/dedup/seeded-hash.js';

const place = (at: number, uniqueKey: string | undefined = `key-${at}`): DedupPlace => ({
  physicalOffset: at,
  queueId: at % 7,
  queueOffset: at * 2,
  storedAt: 1_000 + at,
  uniqueKey,
});

const hashes: [string, (bytes: Buffer, length: number) => number][] = [
  ['a good hash', seededHash(7)],
  ['three values for all ids', (bytes, length) => bytes[length - 1]! % 3],
  ['one value for all ids', () => 63],
];

describe('IdTable', () => {
  it.each(hashes)('finds exactly what it holds, oldest out first, under %s', (_name, hash) => {
    const table = new IdTable(hash);
    const random = new SeededRandom(5);
    const model: [string, DedupPlace][] = [];
    for (let step = 0; step < 3_000; step++) {
      if (random.below(5) < 3) {
        const id = `id-${random.below(900)}-${'x'.repeat(random.below(40))}`;
        model.push([id, place(step)]);
        table.add(id, place(step));
      } else if (model.length > 0) {
        model.shift();
        table.dropOldest();
      }
      // Long stretches of dropping, so that pages come and go and the slots shrink.
      if (step % 1_000 === 999) for (; model.length > 5; model.shift()) table.dropOldest();
      expect(table.size).toBe(model.length);
      if (step % 50 !== 0) continue;
      const newest = new Map(model);
      for (const [id, wanted] of newest) expect(table.find(id)).toEqual(wanted);
      for (let at = 0; at < 20; at++) {
        const id = `id-${random.below(900)}-`;
        expect(table.find(id)).toEqual(newest.get(id));
      }
      expect(table.oldestOffset).toBe(model[0]?.[1].physicalOffset ?? Infinity);
      expect(table.oldestTime).toBe(model[0]?.[1].storedAt ?? Infinity);
    }
  });

  it('compares ids in full when their hashes are the same', () => {
    const table = new IdTable(() => 1);
    table.add('order-1', place(1));
    table.add('order-2', place(2));
    expect(table.find('order-1')).toEqual(place(1));
    expect(table.find('order-2')).toEqual(place(2));
    expect(table.find('order-3')).toBeUndefined();
    expect(table.find('order-')).toBeUndefined();
    expect(table.find('order-11')).toBeUndefined();
  });

  it('keeps ids and keys of any text, and says so when a key was too long to be kept', () => {
    const table = new IdTable(seededHash(1));
    const keys = ['0123456789ABCDEF0123456789ABCDEF', '0123456789abcdef0123456789abcdef', 'schlüssel', 'k'.repeat(254)];
    keys.forEach((key, at) => table.add(`größe ${at}`, place(at, key)));
    keys.forEach((key, at) => expect(table.find(`größe ${at}`)).toEqual(place(at, key)));
    table.add('long', place(9, 'k'.repeat(255)));
    table.add('none', { ...place(10), uniqueKey: undefined });
    expect(table.find('long')!.uniqueKey).toBeUndefined();
    expect(table.find('none')!.uniqueKey).toBeUndefined();
    const restored: unknown[] = [];
    IdTable.decode(table.encode(), (id, at) => restored.push([id, at.uniqueKey]));
    expect(restored.slice(0, 2)).toEqual([
      ['größe 0', keys[0]],
      ['größe 1', keys[1]],
    ]);
  });

  it('lets a younger entry answer for an id, also once the older one has gone', () => {
    const table = new IdTable(seededHash(1));
    table.add('a', place(1));
    table.add('a', place(2));
    expect(table.find('a')).toEqual(place(2));
    table.dropOldest();
    expect(table.find('a')).toEqual(place(2));
    table.dropOldest();
    expect(table.find('a')).toBeUndefined();
  });

  it('takes no more memory than it says', () => {
    const table = new IdTable(seededHash(1));
    for (let at = 0; at < 20_000; at++) {
      table.add(`0f8fad5b-d9cb-469f-a165-${String(at).padStart(12, '0')}`, place(at, 'A'.repeat(32)));
      if (at > 12_000) table.dropOldest();
    }
    const { slots, pages } = table as unknown as { slots: Float64Array; pages: Buffer[] };
    const real = slots.byteLength + pages.length * 16 * 1024;
    expect(real).toBeLessThan(table.bytes + 3 * 16 * 1024);
    expect(table.bytes / table.size).toBe(118);
  });
});
