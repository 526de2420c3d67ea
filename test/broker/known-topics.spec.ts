import { describe, expect, it } from '@jest/globals';
import { KnownTopics } from '../../lib/broker/known-topics.js';
import type { EncodedTexts } from '../../lib/protocol/index.js';
import type { TopicConfig } from '../../lib/store/index.js';

/** Behind other bytes, as in a pack. */
function encoded(names: readonly string[]): EncodedTexts {
  const texts = names.map((name) => {
    const text = Buffer.from(name);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(text.length);
    return Buffer.concat([length, text]);
  });
  return { bytes: Buffer.concat([Buffer.from('front'), ...texts]), at: 5, count: names.length };
}

class Table {
  version = 0;
  readonly topics = new Map<string, TopicConfig>();
  asked = 0;
  readonly known = new KnownTopics(this, (name) => {
    this.asked++;
    return this.topics.get(name);
  });

  put(name: string, number: number): void {
    this.topics.set(name, { name, number } as TopicConfig);
    this.version++;
  }

  delete(name: string): void {
    this.topics.delete(name);
    this.version++;
  }

  numbers(...names: readonly string[]): (number | undefined)[] {
    return this.known.all(encoded(names)).map((topic) => topic?.number);
  }
}

describe('topics by the bytes of their names', () => {
  it('are found, each asked about once, also ten thousand of them', () => {
    const table = new Table();
    const names = Array.from({ length: 10_000 }, (_, number) => `topic-${number}`);
    names.forEach((name, number) => table.put(name, number));
    for (let round = 0; round < 3; round++)
      for (let from = 0; from < names.length; from += 500)
        expect(table.numbers(...names.slice(from, from + 500))).toEqual(
          Array.from({ length: 500 }, (_, index) => from + index),
        );
    expect(table.asked).toBe(10_000);
  });

  it('are told apart where names are equally long or begin alike', () => {
    const table = new Table();
    const names = ['orders', 'order', 'orderz', 'xrders', 'o', ''];
    names.forEach((name, number) => table.put(name, number));
    for (let round = 0; round < 2; round++) {
      expect(table.numbers(...names)).toEqual([0, 1, 2, 3, 4, 5]);
      expect(table.numbers('ordersx', 'rders')).toEqual([undefined, undefined]);
    }
  });

  it('are what they have become: changed, deleted, and made anew', () => {
    const table = new Table();
    table.put('orders', 1);
    table.put('bills', 2);
    expect(table.numbers('orders', 'bills')).toEqual([1, 2]);
    table.put('orders', 3);
    expect(table.numbers('orders', 'bills')).toEqual([3, 2]);
    table.delete('orders');
    expect(table.numbers('orders', 'bills')).toEqual([undefined, 2]);
    table.put('orders', 4);
    expect(table.numbers('orders', 'orders')).toEqual([4, 4]);
  });

  it('are asked about again until they are ready, and not kept as missing', () => {
    const table = new Table();
    expect(table.numbers('orders', 'orders')).toEqual([undefined, undefined]);
    expect(table.asked).toBe(2);
    table.put('orders', 1);
    expect(table.numbers('orders')).toEqual([1]);
  });

  it('are found by names of any letters', () => {
    const table = new Table();
    table.put('zähler', 1);
    table.put('z\u00c3\u00a4hler', 2);
    for (let round = 0; round < 2; round++) expect(table.numbers('zähler', 'z\u00c3\u00a4hler')).toEqual([1, 2]);
  });

  it('are learned anew where there are more than have a place', () => {
    const table = new Table();
    const names = Array.from({ length: 70_000 }, (_, number) => `t${number}`);
    names.forEach((name, number) => table.put(name, number));
    for (let round = 0; round < 2; round++)
      for (let from = 0; from < names.length; from += 1000)
        expect(table.numbers(...names.slice(from, from + 1000)).every((number, index) => number === from + index)).toBe(
          true,
        );
  });
});
