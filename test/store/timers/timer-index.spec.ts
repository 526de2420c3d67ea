import { describe, expect, it } from '@jest/globals';
import { CRASH_POLICIES, SeededRandom, SimulatedFileSystem } from '../../../lib/platform/index.js';
import { encodeProperties, SCHEDULE_TOPIC, TIMER_TOPIC } from '../../../lib/protocol/index.js';
import { emptyDispatchEntry } from '../../../lib/store/dispatch-entry.js';
import { TimerIndex } from '../../../lib/store/timers/timer-index.js';
import { flip, memoryWorld, STATE, world } from '../state/world.js';
import { FakeLog } from './fake-log.js';

const SEGMENT = 1 << 20;

function contents(index: TimerIndex): [number, number, number][] {
  const found: [number, number, number][] = [];
  index.heap.forEach((offset, time, size) => found.push([offset, time, size]));
  return found;
}

const exact = (time: number): string =>
  encodeProperties([
    ['TIMER_OUT_MS', String(time)],
    ['REAL_TOPIC', 'orders'],
  ]);
const delivers = (offset: number): string => encodeProperties([['NESTMQ_TIMER_SOURCE', String(offset)]]);
const copies = (offset: number, time: number): string =>
  encodeProperties([
    ['NESTMQ_COPIED_FROM', String(offset)],
    ['TIMER_OUT_MS', String(time)],
  ]);

describe('TimerIndex', () => {
  it('knows levels by their queue and exact timers by their property', async () => {
    const platform = await memoryWorld();
    const index = await TimerIndex.open(platform, STATE, SEGMENT);
    const log = new FakeLog(platform.clock);
    log.targets.push(index);
    const level = await log.append({ topic: SCHEDULE_TOPIC, queueId: 2 });
    const timer = await log.append({ topic: TIMER_TOPIC, properties: exact(12_345) });
    await log.append({ topic: 'orders' });
    expect(contents(index)).toEqual([
      [level.physicalOffset, level.storeTimestamp + 10_000, 100],
      [timer.physicalOffset, 12_345, 100],
    ]);
  });

  it('settles what was delivered, given up, or copied forward', async () => {
    const platform = await memoryWorld();
    const index = await TimerIndex.open(platform, STATE, SEGMENT);
    const log = new FakeLog(platform.clock);
    log.targets.push(index);
    for (let at = 0; at < 4; at++) await log.append({ topic: TIMER_TOPIC, properties: exact(1_000 + at) });
    await log.append({ topic: 'orders', properties: delivers(0) });
    await log.append({ topic: TIMER_TOPIC, properties: delivers(100) });
    const copy = await log.append({ topic: TIMER_TOPIC, properties: copies(200, 1_002) });
    expect(contents(index)).toEqual([
      [300, 1_003, 100],
      [copy.physicalOffset, 1_002, 100],
    ]);
    await log.append({ topic: 'orders', properties: delivers(copy.physicalOffset) });
    expect(index.pending).toBe(1);
  });

  it('takes a retry that names an earlier timer as its source for what it is: a new timer', async () => {
    const platform = await memoryWorld();
    const index = await TimerIndex.open(platform, STATE, SEGMENT);
    const log = new FakeLog(platform.clock);
    log.targets.push(index);
    const retry = await log.append({ topic: SCHEDULE_TOPIC, queueId: 2, properties: delivers(0) + copies(0, 5) });
    expect(contents(index)).toEqual([[retry.physicalOffset, 5, 100]]);
  });

  it('is the same from a snapshot and the tail as from the whole log, also in front of its own safe offset', async () => {
    const random = new SeededRandom(23);
    const platform = await memoryWorld();
    const log = new FakeLog(platform.clock);
    const index = await TimerIndex.open(platform, STATE, SEGMENT);
    log.targets.push(index);
    for (let round = 0; round < 30; round++) {
      for (let step = 0; step < 40; step++) {
        const pending = contents(index).map(([offset]) => offset);
        const some = pending[random.below(pending.length || 1)];
        const dice = random.below(6);
        if (some === undefined || dice < 2)
          await log.append({ topic: TIMER_TOPIC, properties: exact(random.below(5_000)) });
        else if (dice === 2) await log.append({ topic: SCHEDULE_TOPIC, queueId: random.below(18) });
        else if (dice === 3) await log.append({ topic: TIMER_TOPIC, properties: copies(some, random.below(5_000)) });
        else if (dice === 4) await log.append({ topic: 'orders', properties: delivers(some) });
        else await log.append({ topic: 'orders' });
      }
      if (round % 3 === 0) await index.state.save();
      const restored = await TimerIndex.open(platform, STATE, SEGMENT);
      log.replay(restored, Math.max(0, restored.safeOffset - random.below(3_000)));
      const rebuilt = await TimerIndex.open(await memoryWorld(), STATE, SEGMENT);
      log.replay(rebuilt);
      expect(contents(restored)).toEqual(contents(index));
      expect(contents(rebuilt)).toEqual(contents(index));
      expect(restored.heap.takeDue(5_000, 1_000, Infinity)).toEqual(rebuilt.heap.takeDue(5_000, 1_000, Infinity));
    }
  });

  it('falls back to the log when its snapshot is damaged', async () => {
    const platform = await memoryWorld();
    const log = new FakeLog(platform.clock);
    const index = await TimerIndex.open(platform, STATE, SEGMENT);
    log.targets.push(index);
    await log.append({ topic: TIMER_TOPIC, properties: exact(1) });
    await index.flush();
    await flip(platform.fileSystem, `${STATE}/timers`, 40);
    const again = await TimerIndex.open(platform, STATE, SEGMENT);
    expect(again.safeOffset).toBe(0);
    log.replay(again);
    expect(contents(again)).toEqual(contents(index));
  });

  it('writes a large snapshot only when the log has grown by a segment, a small one always', async () => {
    const platform = await memoryWorld();
    const log = new FakeLog(platform.clock);
    const index = await TimerIndex.open(platform, STATE, SEGMENT);
    log.targets.push(index);
    await log.append({ topic: TIMER_TOPIC, properties: exact(1) });
    await index.flush();
    expect(index.safeOffset).toBe(100);
    for (let at = 0; at < 8_999; at++) log.put({ ...(await log.recordAt(0)) }, () => undefined);
    await platform.clock.settle();
    expect(index.pending).toBe(9_000);
    await index.flush();
    expect(index.safeOffset).toBe(100);
    for (let at = 0; at < 2_000; at++) log.put({ ...(await log.recordAt(0)), topic: 'orders' }, () => undefined);
    await platform.clock.settle();
    await index.flush();
    expect(index.safeOffset).toBe(1_100_000);
  });

  it('restores a state that it had after a crash at every operation of a snapshot', async () => {
    const disk = new SimulatedFileSystem();
    await disk.makeDirectory(STATE);
    const platform = world(disk);
    const log = new FakeLog(platform.clock);
    const index = await TimerIndex.open(platform, STATE, SEGMENT);
    log.targets.push(index);
    const random = new SeededRandom(2);
    const images: { image: SimulatedFileSystem; atLeast: number }[] = [];
    disk.onOperation(() => {
      for (const policy of CRASH_POLICIES)
        images.push({ image: disk.crashImage(policy, random), atLeast: index.safeOffset });
    });
    for (let round = 0; round < 4; round++) {
      for (let at = 0; at < 50; at++) await log.append({ topic: TIMER_TOPIC, properties: exact(random.below(1_000)) });
      await index.state.save();
    }
    expect(images.length).toBeGreaterThan(80);
    for (const { image, atLeast } of images) {
      const restored = await TimerIndex.open(world(image), STATE, SEGMENT);
      expect(restored.safeOffset).toBeGreaterThanOrEqual(atLeast);
      log.replay(restored);
      expect(contents(restored)).toEqual(contents(index));
    }
  });

  it('writes a large snapshot of one moment, whatever comes while it is written, and restores one after any crash', async () => {
    const disk = new SimulatedFileSystem();
    await disk.makeDirectory(STATE);
    const platform = world(disk);
    const index = await TimerIndex.open(platform, STATE, SEGMENT);
    const entry = { ...emptyDispatchEntry(), topic: TIMER_TOPIC, size: 100 };
    let end = 0;
    const park = (): void => {
      index.dispatch({ ...entry, physicalOffset: end, properties: exact(end) });
      end += 100;
    };
    const settle = (offset: number): void => {
      index.dispatch({ ...entry, topic: 'orders', physicalOffset: end, properties: delivers(offset) });
      end += 100;
    };
    const states = new Map<number, string>([[0, '']]);
    const random = new SeededRandom(4);
    const images: { image: SimulatedFileSystem; atLeast: number }[] = [];
    let settled = 0;
    disk.onOperation(() => {
      for (const policy of CRASH_POLICIES)
        images.push({ image: disk.crashImage(policy, random), atLeast: index.safeOffset });
      for (let at = 0; at < 50; at++) settle(settled++ * 100);
      for (let at = 0; at < 60; at++) park();
    });
    for (let at = 0; at < 9_000; at++) park();
    for (let round = 0; round < 3; round++) {
      states.set(index.state.dispatchedOffset, String(contents(index)));
      await index.state.save();
    }
    expect(states.has(index.safeOffset)).toBe(true);
    expect(images.length).toBeGreaterThan(100);
    for (const { image, atLeast } of images) {
      const restored = await TimerIndex.open(world(image), STATE, SEGMENT);
      expect(restored.safeOffset).toBeGreaterThanOrEqual(atLeast);
      expect(String(contents(restored)) === states.get(restored.safeOffset)).toBe(true);
    }
  });

  it('lets its rows move again when a large snapshot could not be written', async () => {
    const platform = await memoryWorld();
    const index = await TimerIndex.open(platform, STATE, SEGMENT);
    const released: boolean[] = [];
    const { heap } = index;
    const view = heap.view.bind(heap);
    heap.view = () => {
      const one = view();
      return Object.assign(Object.create(one) as typeof one, {
        release: () => {
          released.push(true);
          one.release();
        },
      });
    };
    for (let at = 0; at < 9_000; at++) heap.add(at * 100, at, 100);
    index.state.follow({ ...emptyDispatchEntry(), physicalOffset: 900_000, size: 100 });
    index.state.syncLog = () => Promise.reject(new Error('EIO'));
    await expect(index.state.save()).rejects.toThrow('EIO');
    index.state.syncLog = undefined;
    await index.state.save();
    expect(released).toEqual([true, true]);
  });
});
