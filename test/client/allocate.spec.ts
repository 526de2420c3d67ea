import { describe, expect, it } from '@jest/globals';
import { allocateAveragely } from '../../lib/client/consumer/allocate.js';

describe('dividing queues among members', () => {
  it('gives every queue to exactly one member, and no member more than one above another', () => {
    for (let queues = 0; queues <= 12; queues++) {
      for (let members = 1; members <= 14; members++) {
        const all = Array.from({ length: queues }, (_, index) => index);
        const ids = Array.from({ length: members }, (_, index) => `m${index}`);
        const parts = ids.map((id) => allocateAveragely(all, ids, id));
        expect(parts.flat()).toEqual(all);
        const sizes = parts.map((part) => part.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }
    }
  });

  it('is RocketMQ’s: the first members get one more', () => {
    const ids = ['a', 'b', 'c'];
    const queues = [0, 1, 2, 3, 4, 5, 6, 7];
    expect(ids.map((id) => allocateAveragely(queues, ids, id))).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [6, 7],
    ]);
  });

  it('gives nothing to whom the list does not name', () => {
    expect(allocateAveragely([1, 2], ['a'], 'stranger')).toEqual([]);
  });
});
