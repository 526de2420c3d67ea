import { describe, expect, it } from '@jest/globals';
import { ConsumeQueue } from '../../lib/store/queue/consume-queue.js';
import type { QueueFiles } from '../../lib/store/queue/queue-files.js';

/** What arrives is in memory only. */
const NO_FILES = {} as QueueFiles;

function queueWith(tags: readonly number[]): { queue: ConsumeQueue; first: boolean[] } {
  const queue = new ConsumeQueue('orders', 1, 0, NO_FILES, 0, 0);
  return { queue, first: tags.map((tag) => queue.arrived(tag)) };
}

describe('what arrives in a queue with a batch', () => {
  it('is told once, with its tags in the order of their coming', () => {
    const { queue, first } = queueWith([5, 5, 7, 7, 5]);
    expect(first).toEqual([true, false, false, false, false]);
    expect(queue.arrivedTags).toEqual([5, 7, 5]);
    queue.told();
    expect(queue.arrived(9)).toBe(true);
    expect(queue.arrivedTags).toEqual([9]);
  });

  it('is told without tags where these are too many, until the next batch', () => {
    const { queue } = queueWith(Array.from({ length: 64 }, (_, tag) => tag));
    expect(queue.arrivedTags).toHaveLength(64);
    queue.arrived(64);
    expect(queue.arrivedTags).toBeUndefined();
    queue.told();
    queue.arrived(1);
    expect(queue.arrivedTags).toEqual([1]);
  });
});
