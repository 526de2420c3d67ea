import { describe, expect, it } from '@jest/globals';
import {
  CRASH_POLICIES,
  type FileHandle,
  MemoryFileSystem,
  SeededRandom,
  SimulatedFileSystem,
} from '../../lib/platform/index.js';
import type { MessageStore, PutOutcomes, StoreMessage } from '../../lib/store/index.js';
import {
  holdingBack,
  lyingAboutSyncs,
  message,
  openStore,
  putAll,
  readAll,
  readTexts,
  text,
  texts,
  TOPIC,
  until,
  VirtualClock,
} from './support.js';

const inLog = (path: string): boolean => /commitlog\/\d{20}$/.test(path);

function putMany(store: MessageStore, messages: readonly StoreMessage[]): Promise<PutOutcomes> {
  return new Promise((resolve) => store.putMany(messages, resolve));
}

function manyOf(all: readonly string[], queueId = 0): StoreMessage[] {
  return all.map((each) => message(each, { queueId }));
}

function codesOf(outcomes: PutOutcomes): (string | undefined)[] {
  return Array.from({ length: outcomes.count }, (_, index) => outcomes.error(index)?.code);
}

describe('many independent messages in one call', () => {
  it('are stored in their order, each told where it lies', async () => {
    const { store } = await openStore();
    const all = Array.from({ length: 40 }, (_, index) => message(text(index), { queueId: index % 4 }));
    const outcomes = await putMany(store, all);
    expect(outcomes.count).toBe(40);
    expect(outcomes.failed).toBe(false);
    const records = (await Promise.all([0, 1, 2, 3].map((queueId) => readAll(store, queueId)))).flat();
    for (const record of records) {
      const index = record.queueId + record.queueOffset * 4;
      expect(record.body.toString()).toBe(text(index));
      expect([outcomes.physicalOffset(index), outcomes.queueOffset(index)]).toEqual([
        record.physicalOffset,
        record.queueOffset,
      ]);
      expect([outcomes.storeTimestamp(index), outcomes.size(index), outcomes.error(index)]).toEqual([
        record.storeTimestamp,
        record.size,
        undefined,
      ]);
    }
    expect(records).toHaveLength(40);
    await store.close();
  });

  it('are acknowledged together, once the sync of the last one has ended', async () => {
    const disk = holdingBack(new MemoryFileSystem());
    const { store } = await openStore(disk, { batchBytes: 8 * 1024 });
    disk.hold();
    let told = 0;
    // Three batches of the log: what is told after the first would be told too early for the others.
    store.putMany(manyOf(texts(20, 1000)), () => told++);
    await until(() => disk.held === 1);
    expect([told, store.visibleOffset]).toEqual([0, 0]);
    disk.letGo();
    disk.hold();
    await until(() => disk.held === 2);
    expect(store.maxOffset(TOPIC, 0)).toBeGreaterThan(0);
    expect(told).toBe(0);
    disk.letGo();
    await until(() => told === 1);
    expect(store.maxOffset(TOPIC, 0)).toBe(20);
    await store.close();
    expect(told).toBe(1);
  });

  it('keep the order of the log with single messages before and behind them', async () => {
    const { store } = await openStore();
    const order: string[] = [];
    store.put(message('before'), () => order.push('before'));
    store.putMany(manyOf(texts(3)), () => order.push('many'));
    await new Promise<void>((resolve) => store.put(message('behind'), () => resolve(void order.push('behind'))));
    expect(order).toEqual(['before', 'many', 'behind']);
    expect(await readTexts(store)).toEqual(['before', ...texts(3), 'behind']);
    await store.close();
  });

  it('become visible in larger portions than messages with an acknowledgement each', async () => {
    const { store } = await openStore(new MemoryFileSystem(), { segmentBytes: 1024 * 1024, batchBytes: 512 * 1024 });
    const seen: number[] = [];
    store.onVisible((arrivals) => seen.push(...arrivals.map(({ maxOffset }) => maxOffset)));
    await putMany(store, manyOf(texts(600)));
    expect(seen).toEqual([256, 512, 600]);
    await putAll(store, texts(300));
    expect(seen.slice(3)).toEqual([728, 856, 900]);
    await putMany(store, manyOf(texts(700)));
    expect(seen.slice(6)).toEqual([1156, 1412, 1600]);
    // An acknowledgement of its own in front of many that share one, and behind them.
    const last = store.putAsync(message('one'));
    const many = putMany(store, manyOf(texts(300)));
    await Promise.all([last, many, store.putAsync(message('another'))]);
    expect(seen.slice(9)).toEqual([1856, 1902]);
    await store.close();
  });

  it('fail each for itself: what is invalid among good ones harms nobody', async () => {
    const { store } = await openStore();
    const outcomes = await putMany(store, [
      message('good 0'),
      message('no such topic', { topic: 'nowhere' }),
      message('good 1'),
      message('no such queue', { queueId: 9 }),
      message('x'.repeat(5 * 1024 * 1024)),
      message('good 2'),
      message('too many properties', { properties: `a\x01${'x'.repeat(40_000)}\x02` }),
    ]);
    expect(codesOf(outcomes)).toEqual([
      undefined,
      'TOPIC_NOT_FOUND',
      undefined,
      'BAD_ARGUMENT',
      'MESSAGE_TOO_LARGE',
      undefined,
      'PROPERTIES_INVALID',
    ]);
    expect(outcomes.failed).toBe(true);
    expect([0, 2, 5].map((index) => outcomes.queueOffset(index))).toEqual([0, 1, 2]);
    expect(await readTexts(store)).toEqual(['good 0', 'good 1', 'good 2']);
    await store.close();
  });

  it('are answered in a later turn when none can be stored, and when there are none', async () => {
    const { store } = await openStore();
    const told: number[] = [];
    store.putMany([message('x', { topic: 'nowhere' })], (outcomes) => told.push(outcomes.count));
    store.putMany([], (outcomes) => told.push(outcomes.count));
    expect(told).toEqual([]);
    await until(() => told.length === 2);
    expect(told).toEqual([1, 0]);
    await store.close();
    const after = await putMany(store, manyOf(texts(2)));
    expect(codesOf(after)).toEqual(['STORE_CLOSED', 'STORE_CLOSED']);
  });

  it('take more from within the answer, and go on when the answer throws', async () => {
    const { store } = await openStore();
    store.putMany(manyOf(texts(2)), () => {
      throw new Error('not the store’s fault');
    });
    await new Promise<void>((resolve) => {
      store.putMany(manyOf(texts(2, 20, 2)), () => store.putMany(manyOf(texts(2, 20, 4)), () => resolve()));
    });
    expect(await readTexts(store)).toEqual(texts(6));
    await store.close();
  });

  it('are refused from the one on that finds too much waiting for the disk', async () => {
    const disk = holdingBack(new MemoryFileSystem());
    const { store } = await openStore(disk, { segmentBytes: 16 * 1024 * 1024 });
    disk.hold();
    const large = 'x'.repeat(1024 * 1024);
    const many = putMany(store, manyOf(Array.from({ length: 70 }, () => large)));
    disk.letGo();
    const codes = codesOf(await many);
    expect(codes.slice(0, 60)).toEqual(new Array(60).fill(undefined));
    expect(codes.at(-1)).toBe('BROKER_BUSY');
    expect(store.maxOffset(TOPIC, 0)).toBe(codes.filter((code) => code === undefined).length);
    await store.close();
  });

  it.each(['datasync', 'write'] as const)('are all refused when the %s fails, with the fence', async (operation) => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    await putAll(store, ['before']);
    disk.inject({ kind: 'EIO', at: disk.operations.length, lasts: 'from', operations: [operation], path: inLog });
    expect(codesOf(await putMany(store, manyOf(texts(3))))).toEqual(new Array(3).fill('STORE_FENCED'));
    disk.clearFaults();
    expect(codesOf(await putMany(store, manyOf(texts(2))))).toEqual(new Array(2).fill('STORE_FENCED'));
    expect(await readTexts(store)).toEqual(['before']);
    await store.close();
  });

  it('are stored as far as the disk has room; the others are refused and do not come back', async () => {
    const clock = new VirtualClock();
    const disk = new RoomOnce();
    const { store } = await openStore(disk, { batchBytes: 8 * 1024 }, { clock });
    await putAll(store, ['before']);
    // The first batch of the log finds room, the second one does not.
    disk.writesLeft = 1;
    const outcomes = await putMany(store, manyOf(texts(20, 1000)));
    const codes = codesOf(outcomes);
    const stored = codes.indexOf('DISK_FULL');
    expect(stored).toBeGreaterThan(0);
    expect(codes).toEqual([...new Array(stored).fill(undefined), ...new Array(20 - stored).fill('DISK_FULL')]);
    disk.writesLeft = Number.POSITIVE_INFINITY;
    await clock.advance(1_000);
    const rest = await putMany(store, manyOf(texts(20 - stored, 1000, stored)));
    expect(rest.failed).toBe(false);
    expect(rest.queueOffset(0)).toBe(stored + 1);
    expect(await readTexts(store)).toEqual(['before', ...texts(20, 1000)]);
    await store.close();
  });

  it.each(CRASH_POLICIES)('that were acknowledged survive a power loss at any moment: %s', async (policy) => {
    expect(await lostAnywhere(new SimulatedFileSystem(), (disk) => disk, policy)).toBe(0);
  });

  it('would be missed on a disk that only says that it synced', async () => {
    expect(await lostAnywhere(new SimulatedFileSystem(), lyingAboutSyncs, 'none')).toBeGreaterThan(0);
  });
});

/** Messages that were acknowledged and are not there, or not in their place, over all images of the disk; all where it does not open. */
async function lostAnywhere(
  disk: SimulatedFileSystem,
  seen: (disk: SimulatedFileSystem) => Parameters<typeof openStore>[0],
  policy: (typeof CRASH_POLICIES)[number],
): Promise<number> {
  const sizes = { segmentBytes: 16 * 1024, batchBytes: 4 * 1024 };
  const { store } = await openStore(seen(disk), sizes);
  const images: { disk: SimulatedFileSystem; acknowledged: number }[] = [];
  let acknowledged = 0;
  disk.onOperation(({ number }) => {
    if (number % 4 === 0) images.push({ disk: disk.crashImage(policy, new SeededRandom(number)), acknowledged });
  });
  for (let index = 0; index < 60; index += 12) {
    await putMany(store, manyOf(texts(12, 500, index)));
    acknowledged += 12;
  }
  await store.close();
  let lost = 0;
  for (const image of images) {
    const again = await openStore(image.disk, sizes).catch(() => undefined);
    if (again === undefined) {
      lost += image.acknowledged + 1;
      continue;
    }
    const found = await readTexts(again.store);
    for (let index = 0; index < image.acknowledged; index++) if (found[index] !== text(index, 500)) lost++;
    await again.store.close();
  }
  return lost;
}

/** A disk that takes so many further writes of the log. */
class RoomOnce extends SimulatedFileSystem {
  writesLeft = Number.POSITIVE_INFINITY;
  override async open(path: string, mode: 'create' | 'write' | 'read'): Promise<FileHandle> {
    const handle = await super.open(path, mode);
    if (!inLog(path)) return handle;
    const write = handle.write.bind(handle);
    handle.write = (bytes, position) => {
      if (this.writesLeft > 0) {
        this.writesLeft--;
        return write(bytes, position);
      }
      this.writesLeft = Number.POSITIVE_INFINITY;
      return Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }));
    };
    return handle;
  }
}
