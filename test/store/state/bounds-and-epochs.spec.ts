import { describe, expect, it } from '@jest/globals';
import { EpochLog } from '../../../lib/store/state/epoch-log.js';
import { QueueBounds } from '../../../lib/store/state/queue-bounds.js';
import { memoryWorld, STATE } from './world.js';

const always = (): boolean => true;

describe('QueueBounds', () => {
  it('has the bounds of every queue after a restart', async () => {
    const platform = await memoryWorld();
    const bounds = await QueueBounds.open(platform, STATE);
    await bounds.save(
      1_000,
      [
        { topicNumber: 1, queueId: 2, next: 30, min: 20 },
        { topicNumber: 7, queueId: 0, next: 5, min: 5 },
      ],
      always,
    );
    const again = await QueueBounds.open(platform, STATE);
    expect(again.logMinOffset).toBe(1_000);
    expect(again.get(1, 2)).toEqual({ next: 30, min: 20 });
    expect(again.get(7, 0)).toEqual({ next: 5, min: 5 });
    expect(again.get(7, 1)).toBeUndefined();
    expect(again.get(8, 0)).toBeUndefined();
    expect([...again.all()]).toHaveLength(4);
  });

  it('never goes down, keeps what is not named, and drops deleted topics', async () => {
    const platform = await memoryWorld();
    const bounds = await QueueBounds.open(platform, STATE);
    await bounds.save(1_000, [{ topicNumber: 1, queueId: 0, next: 30, min: 20 }], always);
    await bounds.save(
      500,
      [
        { topicNumber: 2, queueId: 0, next: 1, min: 0 },
        { topicNumber: 1, queueId: 0, next: 10, min: 25 },
      ],
      always,
    );
    expect(bounds.logMinOffset).toBe(1_000);
    expect(bounds.get(1, 0)).toEqual({ next: 30, min: 25 });
    await bounds.save(2_000, [], (topicNumber) => topicNumber !== 1);
    expect(bounds.get(1, 0)).toBeUndefined();
    expect(bounds.get(2, 0)).toEqual({ next: 1, min: 0 });
  });
});

describe('EpochLog', () => {
  it('counts up over restarts and says in which epoch an offset was written', async () => {
    const platform = await memoryWorld();
    const log = await EpochLog.open(platform, STATE);
    expect(log.current).toBe(0);
    expect(await log.begin(0)).toBe(1);
    expect(await log.begin(500)).toBe(2);
    const again = await EpochLog.open(platform, STATE);
    expect(await again.begin(900)).toBe(3);
    expect([0, 499, 500, 899, 900, 5_000].map((offset) => again.epochAt(offset))).toEqual([1, 1, 2, 2, 3, 3]);
  });

  it('replaces an epoch in which nothing was written, and forgets those in front of the log', async () => {
    const platform = await memoryWorld();
    const log = await EpochLog.open(platform, STATE);
    await log.begin(0);
    await log.begin(100);
    await log.begin(100);
    expect(log.list()).toEqual([
      { epoch: 1, startOffset: 0 },
      { epoch: 3, startOffset: 100 },
    ]);
    await log.begin(200, 150);
    expect(log.list()).toEqual([
      { epoch: 3, startOffset: 100 },
      { epoch: 4, startOffset: 200 },
    ]);
  });
});
