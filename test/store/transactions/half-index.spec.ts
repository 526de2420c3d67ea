import { describe, expect, it } from '@jest/globals';
import { CRASH_POLICIES, SeededRandom, SimulatedFileSystem } from '../../../lib/platform/index.js';
import {
  encodeProperties,
  type MessageRecord,
  TRANSACTION_HALF_TOPIC,
  TRANSACTION_OP_TOPIC,
} from '../../../lib/protocol/index.js';
import { HalfRule } from '../../../lib/store/retention/half-rule.js';
import { type Half, HalfIndex } from '../../../lib/store/transactions/half-index.js';
import { flip, memoryWorld, STATE, world } from '../state/world.js';
import { FakeLog } from '../timers/fake-log.js';

function contents(index: HalfIndex): Half[] {
  return [...index.all()].toSorted((a, b) => a.offset - b.offset);
}

const half = { topic: TRANSACTION_HALF_TOPIC, properties: encodeProperties([['REAL_TOPIC', 'orders']]) };
const settles = (offset: number) => encodeProperties([['NESTMQ_TRANSACTION_SOURCE', String(offset)]]);
const checks = (...offsets: number[]) => ({
  topic: TRANSACTION_OP_TOPIC,
  properties: encodeProperties([['NESTMQ_TRANSACTION_CHECKED', offsets.join(',')]]),
});

async function start() {
  const platform = await memoryWorld();
  const log = new FakeLog(platform.clock);
  const index = await HalfIndex.open(platform, STATE);
  log.targets.push(index);
  const rule = new HalfRule(index);
  /** As retention does it. */
  const move = async (offset: number): Promise<MessageRecord> => {
    expect(rule.hold(offset)).toBe(true);
    return log.append(rule.copy(await log.recordAt(offset)));
  };
  return { platform, log, index, rule, move };
}

describe('HalfIndex', () => {
  it('knows a half message until the message itself, a dead letter or the mark of a rollback names it', async () => {
    const { log, index } = await start();
    for (let at = 0; at < 4; at++) await log.append(half);
    expect(index.find(200)).toMatchObject({ offset: 200, original: 200, queueOffset: 2, checks: 0, checkedAt: 0 });
    await log.append({ topic: 'orders', properties: settles(0) });
    await log.append({ topic: TRANSACTION_OP_TOPIC, properties: settles(100) });
    await log.append({ topic: 'TRANS_CHECK_MAX_TIME_TOPIC', properties: settles(200) });
    await log.append({ topic: 'orders' });
    expect(contents(index).map(({ offset }) => offset)).toEqual([300]);
  });

  it('counts the checks of all that a mark names', async () => {
    const { platform, log, index } = await start();
    for (let at = 0; at < 3; at++) await log.append(half);
    await platform.clock.advance(5_000);
    const mark = await log.append(checks(0, 200, 999_900));
    await log.append(checks(200));
    expect(contents(index).map((one) => one.checks)).toEqual([1, 0, 2]);
    expect(index.find(0)!.checkedAt).toBe(mark.storeTimestamp);
  });

  it('finds one that was moved, however often, by the offset that its producer was told', async () => {
    const { platform, log, index, move } = await start();
    await log.append({});
    const first = await log.append(half);
    await log.append(checks(100));
    await platform.clock.advance(1_000);
    const second = await move(100);
    const third = await move(second.physicalOffset);
    const { storeTimestamp: storedAt } = first;
    const state = { original: 100, queueOffset: 0, storedAt, checks: 1, checkedAt: storedAt };
    expect(contents(index)).toEqual([{ ...state, offset: third.physicalOffset }]);
    expect(index.find(100)).toBe(index.find(third.physicalOffset));
    await log.append({ topic: 'orders', properties: settles(third.physicalOffset) });
    expect(index.size).toBe(0);
    expect(index.find(100)).toBeUndefined();
  });

  it('lets one be settled or moved, never both at a time', async () => {
    const { log, index, rule } = await start();
    await log.append(half);
    expect(index.hold(0)).toBe(true);
    expect([index.hold(0), rule.hold(0)]).toEqual([false, false]);
    index.release(0);
    expect(rule.hold(0)).toBe(true);
    expect(index.hold(999)).toBe(false);
  });

  it('is the same from a snapshot and the tail, from the whole log, and from what expiry has left of the log', async () => {
    const random = new SeededRandom(31);
    const { platform, log, index, move } = await start();
    for (let round = 0; round < 40; round++) {
      for (let step = 0; step < 30; step++) {
        await platform.clock.advance(random.below(50));
        const open = contents(index).map(({ offset }) => offset);
        const some = open[random.below(open.length || 1)];
        const dice = random.below(7);
        if (some === undefined || dice < 2) await log.append(half);
        else if (dice === 2) await log.append({ topic: 'orders', properties: settles(some) });
        else if (dice === 3) await log.append({ topic: TRANSACTION_OP_TOPIC, properties: settles(some) });
        else if (dice === 4) await log.append(checks(some, open[0]!));
        else if (dice === 5) await move(some);
        else await log.append({});
      }
      if (round % 3 === 0) await index.flush();
      while (log.visibleOffset - log.startOffset > 6_000) {
        // The oldest segment expires: what lives in it goes on behind the log's end.
        const end = log.startOffset + log.segmentBytes;
        for (const offset of index.offsetsIn(0, end)) await move(offset);
        if (index.safeOffset < end) await index.flush();
        await log.deleteOldestSegment();
      }
      const restored = await HalfIndex.open(platform, STATE);
      log.replay(restored, Math.max(0, restored.safeOffset - random.below(3_000)));
      expect(contents(restored)).toEqual(contents(index));
      const rebuilt = await HalfIndex.open(await memoryWorld(), STATE);
      log.replay(rebuilt);
      expect(contents(rebuilt)).toEqual(contents(index));
      for (const { original, offset } of contents(index)) expect(rebuilt.find(original)?.offset).toBe(offset);
    }
    expect(index.size).toBeGreaterThan(5);
    expect(log.startOffset).toBeGreaterThan(100_000);
  });

  it('falls back to the log when its snapshot is damaged', async () => {
    const { platform, log, index } = await start();
    await log.append(half);
    await log.append(checks(0));
    await index.flush();
    await flip(platform.fileSystem, `${STATE}/transactions`, 40);
    const again = await HalfIndex.open(platform, STATE);
    expect(again.safeOffset).toBe(0);
    expect(platform.logger.at('warn')).toHaveLength(1);
    log.replay(again);
    expect(contents(again)).toEqual(contents(index));
  });

  it('makes the log durable before a snapshot that knows it', async () => {
    const { log, index } = await start();
    const order: string[] = [];
    index.state.syncLog = () => {
      order.push(`log synced, safe ${index.safeOffset}`);
      return Promise.resolve();
    };
    await log.append(half);
    await index.flush();
    await index.flush();
    expect(order).toEqual(['log synced, safe 0']);
    expect(index.safeOffset).toBe(100);
  });

  it('restores a state that it had after a crash at every operation of a snapshot', async () => {
    const disk = new SimulatedFileSystem();
    await disk.makeDirectory(STATE);
    const platform = world(disk);
    const log = new FakeLog(platform.clock);
    const index = await HalfIndex.open(platform, STATE);
    log.targets.push(index);
    const random = new SeededRandom(2);
    const images: { image: SimulatedFileSystem; atLeast: number }[] = [];
    disk.onOperation(() => {
      for (const policy of CRASH_POLICIES)
        images.push({ image: disk.crashImage(policy, random), atLeast: index.safeOffset });
    });
    for (let round = 0; round < 4; round++) {
      for (let at = 0; at < 20; at++) await log.append(half);
      await log.append({ topic: 'orders', properties: settles(round * 300) });
      await log.append(checks(100, 700));
      await index.flush();
    }
    expect(images.length).toBeGreaterThan(80);
    for (const { image, atLeast } of images) {
      const restored = await HalfIndex.open(world(image), STATE);
      expect(restored.safeOffset).toBeGreaterThanOrEqual(atLeast);
      log.replay(restored);
      expect(contents(restored)).toEqual(contents(index));
    }
  });
});
