import { describe, expect, it } from '@jest/globals';
import { CRASH_POLICIES, type Platform, SeededRandom, SimulatedFileSystem } from '../../../lib/platform/index.js';
import { encodeProperties, TIMER_TOPIC } from '../../../lib/protocol/index.js';
import { DedupWindow } from '../../../lib/store/dedup/dedup-window.js';
import { TopicTable } from '../../../lib/store/state/topic-table.js';
import { flip, memoryWorld, STATE, world } from '../state/world.js';
import { FakeLog } from '../timers/fake-log.js';

const SEGMENT = 1 << 20;
const MINUTE = 60_000;
const PLENTY = 1 << 24;

interface Set {
  readonly topics: TopicTable;
  readonly window: DedupWindow;
  readonly log: FakeLog;
}

async function topicsOn(platform: Platform, count = 1_000): Promise<TopicTable> {
  const topics = await TopicTable.open(platform, STATE);
  for (const name of ['orders', 'payments', 'plain'])
    await topics.create(name, { readQueueNums: 4, writeQueueNums: 4 }, 0);
  await topics.setDedup('orders', { windowMillis: 10 * MINUTE, count }, 0);
  await topics.setDedup('payments', { windowMillis: MINUTE, count }, 0);
  return topics;
}

async function fresh(
  platform: Platform,
  options: { memory?: number; count?: number; hash?: () => number } = {},
): Promise<Set> {
  const topics = await topicsOn(platform, options.count);
  const window = await DedupWindow.open(platform, STATE, topics, options.memory ?? PLENTY, SEGMENT, options.hash);
  const log = new FakeLog(platform.clock);
  log.targets.push(window);
  return { topics, window, log };
}

const withId = (id: string, ...more: [string, string][]): string =>
  encodeProperties([['UNIQ_KEY', `U-${id}`], ['NESTMQ_DEDUP_ID', id], ...more]);

const known = ({ topics, window }: Pick<Set, 'topics' | 'window'>, topic: string, id: string) =>
  window.find(topics.get(topic)!, id);

describe('DedupWindow', () => {
  it('knows where the first message with an id lies, and what it was called', async () => {
    const platform = await memoryWorld();
    const set = await fresh(platform);
    await set.log.append({ topic: 'plain' });
    const { storeTimestamp } = await set.log.append({ topic: 'orders', queueId: 3, properties: withId('a') });
    expect(known(set, 'orders', 'a')).toEqual({
      physicalOffset: 100,
      queueId: 3,
      queueOffset: 0,
      storedAt: storeTimestamp,
      uniqueKey: 'U-a',
    });
    expect(known(set, 'orders', 'b')).toBeUndefined();
    expect(known(set, 'payments', 'a')).toBeUndefined();
    expect(known(set, 'plain', 'a')).toBeUndefined();
  });

  it('compares the whole id when hashes meet', async () => {
    const set = await fresh(await memoryWorld(), { hash: () => 1 });
    for (const id of ['a', 'b', 'ab']) await set.log.append({ topic: 'orders', properties: withId(id) });
    expect(known(set, 'orders', 'a')?.physicalOffset).toBe(0);
    expect(known(set, 'orders', 'ab')?.physicalOffset).toBe(200);
    expect(known(set, 'orders', 'ba')).toBeUndefined();
  });

  it('counts the sending of a delayed message, and no delivery, copy, commit, resend or replay', async () => {
    const set = await fresh(await memoryWorld());
    const parked = withId('late', ['TIMER_OUT_MS', '99'], ['REAL_TOPIC', 'orders'], ['REAL_QID', '2']);
    await set.log.append({ topic: TIMER_TOPIC, properties: parked });
    expect(known(set, 'orders', 'late')).toMatchObject({ physicalOffset: 0, queueId: 2, queueOffset: 0 });
    for (const [index, mark] of [
      'NESTMQ_TIMER_SOURCE',
      'NESTMQ_COPIED_FROM',
      'NESTMQ_TRANSACTION_SOURCE',
      'NESTMQ_RESENT',
      'NESTMQ_REPLAYED',
    ].entries()) {
      await set.log.append({ topic: 'orders', properties: withId(`again-${index}`, [mark, '0']) });
      await set.log.append({ topic: 'orders', properties: withId('late', [mark, '0']) });
      expect(known(set, 'orders', `again-${index}`)).toBeUndefined();
    }
    await set.log.append({ topic: '%RETRY%billing', properties: withId('retried') });
    expect(known(set, 'orders', 'retried')).toBeUndefined();
    expect(known(set, 'orders', 'late')).toMatchObject({ physicalOffset: 0 });
  });

  it('forgets an id when its window closes, to the millisecond, and then takes the next message for the first', async () => {
    const platform = await memoryWorld();
    const set = await fresh(platform);
    await set.log.append({ topic: 'payments', properties: withId('a') });
    const start = known(set, 'payments', 'a')!.storedAt;
    await platform.clock.advance(start + MINUTE - 1 - platform.clock.now());
    expect(known(set, 'payments', 'a')).toBeDefined();
    await platform.clock.advance(1);
    expect(known(set, 'payments', 'a')).toBeUndefined();
    await set.log.append({ topic: 'payments', properties: withId('a') });
    expect(known(set, 'payments', 'a')?.physicalOffset).toBe(100);
    expect(set.window.stats.ids).toBe(1);
  });

  it('keeps no more ids of a topic than its count', async () => {
    const set = await fresh(await memoryWorld(), { count: 3 });
    for (const id of ['a', 'b', 'c', 'd']) await set.log.append({ topic: 'orders', properties: withId(id) });
    await set.log.append({ topic: 'payments', properties: withId('a') });
    expect(['a', 'b', 'c', 'd'].filter((id) => known(set, 'orders', id))).toEqual(['b', 'c', 'd']);
    expect(set.window.stats).toMatchObject({ ids: 4, evicted: 0 });
  });

  it('keeps within its memory: the oldest go, whatever their topic, and are counted; warned of once', async () => {
    const platform = await memoryWorld();
    const memory = 10_000;
    const set = await fresh(platform, { memory });
    await set.log.append({ topic: 'payments', properties: withId('oldest') });
    for (let at = 0; at < 1_000; at++) {
      await set.log.append({ topic: 'orders', properties: withId(`id-${at}`) });
      expect(set.window.stats.bytes).toBeLessThanOrEqual(memory);
    }
    expect(known(set, 'payments', 'oldest')).toBeUndefined();
    const { ids, evicted } = set.window.stats;
    expect(ids + evicted).toBe(1_001);
    expect(ids).toBeGreaterThan(100);
    expect(known(set, 'orders', `id-${1_000 - ids}`)).toBeDefined();
    expect(known(set, 'orders', `id-${1_000 - ids - 1}`)).toBeUndefined();
    expect(platform.logger.at('warn').filter((line) => line.includes('dedup.memoryBytes'))).toHaveLength(1);
  });

  it('takes ids whose window has closed before any that are still of use', async () => {
    const platform = await memoryWorld();
    const set = await fresh(platform, { memory: 10_000 });
    await set.log.append({ topic: 'orders', properties: withId('old but open') });
    for (let at = 0; at < 40; at++) await set.log.append({ topic: 'payments', properties: withId(`closed-${at}`) });
    await platform.clock.advance(MINUTE);
    for (let at = 0; at < 80; at++) await set.log.append({ topic: 'orders', properties: withId(`new-${at}`) });
    expect(set.window.stats.evicted).toBe(0);
    expect(known(set, 'orders', 'old but open')).toBeDefined();
  });

  it('needs nothing of the log, and writes nothing, while no topic de-duplicates', async () => {
    const platform = await memoryWorld();
    const topics = await TopicTable.open(platform, STATE);
    await topics.create('orders', { readQueueNums: 1, writeQueueNums: 1 }, 0);
    const window = await DedupWindow.open(platform, STATE, topics, PLENTY, SEGMENT);
    const log = new FakeLog(platform.clock);
    log.targets.push(window);
    expect(window.safeOffset).toBe(Infinity);
    await log.append({ topic: 'orders', properties: withId('before') });
    await window.flush();
    expect(await platform.fileSystem.exists(`${STATE}/deduplication`)).toBe(false);

    await topics.setDedup('orders', { windowMillis: MINUTE, count: 10 }, log.visibleOffset);
    expect(window.safeOffset).toBe(100);
    await log.append({ topic: 'orders', properties: withId('after') });
    const rebuilt = await DedupWindow.open(await memoryWorld(), STATE, topics, PLENTY, SEGMENT);
    log.replay(rebuilt, 0);
    for (const each of [window, rebuilt]) {
      expect(known({ topics, window: each }, 'orders', 'before')).toBeUndefined();
      expect(known({ topics, window: each }, 'orders', 'after')).toBeDefined();
    }

    await topics.setDedup('orders', undefined, log.visibleOffset);
    await window.flush();
    expect(window.stats).toMatchObject({ ids: 0, bytes: 0 });
    expect(window.safeOffset).toBe(Infinity);
  });

  it('is the same from a snapshot and the tail as from the whole log, also under its bound on memory', async () => {
    const random = new SeededRandom(31);
    const platform = await memoryWorld();
    const set = await fresh(platform, { memory: 6_000, count: 60 });
    const ids = Array.from({ length: 150 }, (_, at) => `id-${at}`);
    for (let round = 0; round < 30; round++) {
      for (let step = 0; step < 30; step++) {
        const id = ids[random.below(ids.length)]!;
        const topic = random.below(3) === 0 ? 'payments' : 'orders';
        const parked: [string, string][] = [
          ['TIMER_OUT_MS', '9'],
          ['REAL_TOPIC', topic],
        ];
        if (known(set, topic, id) !== undefined) continue;
        if (random.below(4) === 0) await set.log.append({ topic: TIMER_TOPIC, properties: withId(id, ...parked) });
        else await set.log.append({ topic, properties: withId(id) });
        await platform.clock.advance(random.below(3_000));
      }
      if (round % 3 === 0) await set.window.snapshot();
      const restored = await DedupWindow.open(platform, STATE, set.topics, 6_000, SEGMENT);
      set.log.replay(restored, Math.max(0, restored.safeOffset - random.below(3_000)));
      const rebuilt = await DedupWindow.open(
        { ...(await memoryWorld()), clock: platform.clock },
        STATE,
        set.topics,
        6_000,
        SEGMENT,
      );
      set.log.replay(rebuilt, 0);
      for (const topic of ['orders', 'payments'])
        for (const id of ids) {
          const wanted = known(set, topic, id);
          expect(known({ topics: set.topics, window: restored }, topic, id)).toEqual(wanted);
          expect(known({ topics: set.topics, window: rebuilt }, topic, id)).toEqual(wanted);
        }
    }
    expect(set.window.stats.evicted).toBeGreaterThan(0);
  });

  it('falls back to the log when its snapshot is damaged', async () => {
    const platform = await memoryWorld();
    const set = await fresh(platform);
    await set.log.append({ topic: 'orders', properties: withId('a') });
    await set.window.flush();
    await flip(platform.fileSystem, `${STATE}/deduplication`, 60);
    const again = await DedupWindow.open(platform, STATE, set.topics, PLENTY, SEGMENT);
    expect(again.safeOffset).toBe(0);
    set.log.replay(again);
    expect(known({ topics: set.topics, window: again }, 'orders', 'a')).toEqual(known(set, 'orders', 'a'));
  });

  it('leaves out of a snapshot what has gone since: deleted topics, and those that were made anew', async () => {
    const platform = await memoryWorld();
    const set = await fresh(platform);
    await set.log.append({ topic: 'orders', properties: withId('a') });
    await set.window.snapshot();
    await set.topics.delete('orders', set.log.visibleOffset);
    await set.topics.create('orders', { readQueueNums: 1, writeQueueNums: 1 }, set.log.visibleOffset);
    await set.topics.setDedup('orders', { windowMillis: MINUTE, count: 10 }, set.log.visibleOffset);
    expect(known(set, 'orders', 'a')).toBeUndefined();
    const again = await DedupWindow.open(platform, STATE, set.topics, PLENTY, SEGMENT);
    expect(again.stats.ids).toBe(0);
    await set.window.flush();
    expect(set.window.stats.ids).toBe(0);
  });

  it('writes a large snapshot only when the log has grown by a segment, a small one always', async () => {
    const platform = await memoryWorld();
    const set = await fresh(platform, { count: 10_000 });
    await set.log.append({ topic: 'orders', properties: withId('a') });
    await set.window.flush();
    expect(set.window.safeOffset).toBe(100);
    for (let at = 0; at < 2_500; at++) void set.log.append({ topic: 'orders', properties: withId(`id-${at}`) });
    await platform.clock.settle();
    await set.window.flush();
    expect(set.window.safeOffset).toBe(100);
    for (let at = 0; at < 9_000; at++) void set.log.append({ topic: 'plain' });
    await platform.clock.settle();
    await set.window.flush();
    expect(set.window.safeOffset).toBe(1_150_100);
  });

  it('restores a state that it had after a crash at every operation of a snapshot', async () => {
    const disk = new SimulatedFileSystem();
    await disk.makeDirectory(STATE);
    const platform = world(disk);
    const set = await fresh(platform);
    const random = new SeededRandom(2);
    const images: { image: SimulatedFileSystem; atLeast: number }[] = [];
    disk.onOperation(() => {
      for (const policy of CRASH_POLICIES)
        images.push({ image: disk.crashImage(policy, random), atLeast: set.window.safeOffset });
    });
    let sent = 0;
    for (let round = 0; round < 4; round++) {
      for (let at = 0; at < 20; at++) await set.log.append({ topic: 'orders', properties: withId(`id-${sent++}`) });
      await set.window.snapshot();
    }
    expect(images.length).toBeGreaterThan(60);
    for (const { image, atLeast } of images) {
      const restored = await DedupWindow.open(world(image, platform.clock), STATE, set.topics, PLENTY, SEGMENT);
      expect(restored.safeOffset).toBeGreaterThanOrEqual(atLeast);
      set.log.replay(restored);
      for (let at = 0; at < sent; at++)
        expect(known({ topics: set.topics, window: restored }, 'orders', `id-${at}`)).toEqual(
          known(set, 'orders', `id-${at}`),
        );
    }
  });
});
