import { describe, expect, it } from '@jest/globals';
import {
  CRASH_POLICIES,
  type FileSystem,
  MemoryFileSystem,
  SeededRandom,
  SimulatedFileSystem,
  VirtualClock,
} from '../../../lib/platform/index.js';
import { decodeRecord, encodeProperties, TIMER_TOPIC } from '../../../lib/protocol/index.js';
import { HandlePool } from '../../../lib/store/handle-pool.js';
import { type IndexedLog, MessageIndex } from '../../../lib/store/message-index/message-index.js';
import type { IndexQuery, MessageStore, StoreMessage } from '../../../lib/store/index.js';
import { indexedLog } from '../../../lib/store/log-faces.js';
import type { LogAccess } from '../../../lib/store/log-access.js';
import { flip } from '../state/world.js';
import { message, openStore, putAll, TOPIC } from '../support.js';

const FOREVER = { from: 0, to: Number.MAX_SAFE_INTEGER, max: 64 };
const FILE = 8;

const keyed = (id: string, keys = '', more: Partial<StoreMessage> = {}): StoreMessage => {
  const properties: [string, string][] = [['UNIQ_KEY', id]];
  if (keys !== '') properties.push(['KEYS', keys]);
  return message(id, { properties: encodeProperties(properties), ...more });
};

const bodiesOf = async (index: MessageIndex, key: string, more: Partial<IndexQuery> = {}): Promise<string[]> => {
  const found = await index.find({ topic: TOPIC, key, unique: false, ...FOREVER, ...more });
  return found.map((bytes) => decodeRecord(bytes).body.toString());
};

/** What the store's own index is given, for one with files of a few entries. */
const faceOf = (store: MessageStore): IndexedLog => {
  const { parts } = store as unknown as { parts: { access: LogAccess; log: { syncNow(): Promise<void> } } };
  return indexedLog(parts.access, () => parts.log.syncNow());
};

interface Small {
  readonly store: MessageStore;
  readonly index: MessageIndex;
}

/** An index whose files are full after eight entries, beside a store. */
async function small(fileSystem: FileSystem = new MemoryFileSystem(), start = true): Promise<Small> {
  const { store, platform } = await openStore(fileSystem);
  const index = new MessageIndex(platform, new HandlePool(fileSystem, 8), '/store/index', store.topics, FILE);
  const { parts } = store as unknown as { parts: { dispatcher: { add(target: unknown): void } } };
  parts.dispatcher.add(index);
  if (start) index.start(faceOf(store));
  return { store, index };
}

const put = async (store: MessageStore, count: number, first = 0): Promise<void> => {
  for (let at = first; at < first + count; at++) await store.putAsync(keyed(`id-${at}`, `k-${at % 3} all`));
};

const ids = (from: number, to: number): string[] => Array.from({ length: from - to + 1 }, (_, at) => `id-${from - at}`);

describe('the index of a store', () => {
  it('finds messages by unique id and by each of their keys, the youngest first', async () => {
    const { store } = await openStore(undefined, { index: true });
    await store.putAsync(keyed('A', 'order-1 customer-7'));
    await store.putAsync(keyed('B', 'order-2 customer-7'));
    await store.putAsync(keyed('C'));
    const index = store.index!;
    expect(await bodiesOf(index, 'customer-7')).toEqual(['B', 'A']);
    expect(await bodiesOf(index, 'order-1')).toEqual(['A']);
    expect(await bodiesOf(index, 'C', { unique: true })).toEqual(['C']);
    expect(await bodiesOf(index, 'C')).toEqual([]);
    expect(await bodiesOf(index, 'order-1', { unique: true })).toEqual([]);
    expect(await bodiesOf(index, 'order')).toEqual([]);
    expect(await bodiesOf(index, 'order-1', { topic: 'other' })).toEqual([]);
    await store.close();
  });

  it('is not there unless it is asked for', async () => {
    const { store, fileSystem } = await openStore();
    expect(store.index).toBeUndefined();
    await store.close();
    expect(await fileSystem.list('/store/index')).toEqual([]);
  });

  it('goes by time, to the millisecond and inclusive, and by number', async () => {
    const clock = new VirtualClock();
    const { store } = await openStore(undefined, { index: true }, { clock });
    const times: number[] = [];
    for (let at = 0; at < 5; at++) {
      await clock.advance(300);
      times.push(clock.now());
      await store.putAsync(keyed(`${at}`, 'k'));
    }
    const index = store.index!;
    expect(await bodiesOf(index, 'k', { from: times[1]!, to: times[3]! })).toEqual(['3', '2', '1']);
    expect(await bodiesOf(index, 'k', { from: times[1]! + 1, to: times[3]! - 1 })).toEqual(['2']);
    expect(await bodiesOf(index, 'k', { max: 2 })).toEqual(['4', '3']);
    await store.close();
  });

  it('finds neither waiting nor half messages, nor those of a topic of the same name that was deleted', async () => {
    const { store } = await openStore(undefined, { index: true });
    await store.createTopic(TIMER_TOPIC, { readQueueNums: 1, writeQueueNums: 1 });
    await store.putAsync(keyed('waiting', 'k', { topic: TIMER_TOPIC }));
    await store.putAsync(keyed('before', 'k'));
    expect(await bodiesOf(store.index!, 'k', { topic: TIMER_TOPIC })).toEqual([]);
    await store.topics.delete(TOPIC, store.visibleOffset);
    expect(await bodiesOf(store.index!, 'k')).toEqual([]);
    await store.createTopic(TOPIC, { readQueueNums: 4, writeQueueNums: 4 });
    await store.putAsync(keyed('after', 'k'));
    expect(await bodiesOf(store.index!, 'k')).toEqual(['after']);
    await store.close();
  });

  it('answers with as many messages as fit, and with one however large', async () => {
    const { store } = await openStore(undefined, {
      index: true,
      segmentBytes: 32 * 1024 * 1024,
      batchBytes: 8 * 1024 * 1024,
    });
    for (let at = 0; at < 4; at++) await store.putAsync(keyed('x', 'k', { body: Buffer.alloc(3 * 1024 * 1024, 'x') }));
    expect(await store.index!.find({ topic: TOPIC, key: 'k', unique: false, ...FOREVER })).toHaveLength(2);
    await store.close();
  });
});

describe('MessageIndex', () => {
  it('finds what is in files, in tables that wait to be written, and in the youngest one', async () => {
    const { store, index } = await small();
    await put(store, 100);
    expect(index.stats.files).toBeGreaterThan(10);
    expect(await bodiesOf(index, 'all')).toEqual(ids(99, 36));
    expect(await bodiesOf(index, 'k-1', { max: 3 })).toEqual(['id-97', 'id-94', 'id-91']);
    for (const at of [0, 1, 50, 98, 99])
      expect(await bodiesOf(index, `id-${at}`, { unique: true })).toEqual([`id-${at}`]);
    expect(await bodiesOf(index, 'id-100', { unique: true })).toEqual([]);
    await index.close();
    await store.close();
  });

  it('goes on after a start in order with what is on the disk, and reads nothing of the log again', async () => {
    const fileSystem = new MemoryFileSystem();
    const before = await small(fileSystem);
    await put(before.store, 30);
    await before.index.close();
    await before.store.close();
    const names = await fileSystem.list('/store/index');
    const after = await small(fileSystem, false);
    const face = faceOf(after.store);
    let scans = 0;
    after.index.start(Object.assign(Object.create(face) as IndexedLog, { scan: () => Promise.resolve(void scans++) }));
    expect(await bodiesOf(after.index, 'all')).toEqual(ids(29, 0));
    expect(scans).toBe(0);
    await put(after.store, 10, 30);
    expect(await bodiesOf(after.index, 'all')).toEqual(ids(39, 0));
    expect((await fileSystem.list('/store/index')).length).toBeGreaterThanOrEqual(names.length);
    await after.index.close();
    await after.store.close();
  });

  it('is built from the log when it is switched on, while messages come', async () => {
    const { store, index } = await small(undefined, false);
    await put(store, 40);
    index.start(faceOf(store));
    expect(index.stats.lagging).toBe(true);
    await put(store, 40, 40);
    expect(await bodiesOf(index, 'k-2', { max: 2 })).toEqual(['id-77', 'id-74']);
    expect(await bodiesOf(index, 'id-3', { unique: true })).toEqual(['id-3']);
    expect(index.stats).toMatchObject({ lagging: false, indexedTo: store.visibleOffset, problem: undefined });
    await index.close();
    await store.close();
  });

  it('catches up when the disk was too slow for it, and keeps to its memory meanwhile', async () => {
    const { store, index } = await small();
    await put(store, 3);
    await bodiesOf(index, 'all');
    const { files } = index as unknown as { files: { write(table: unknown): Promise<unknown> } };
    const write = files.write.bind(files);
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    files.write = async (table) => {
      await gate;
      return write(table);
    };
    await put(store, 200, 3);
    const { full } = index as unknown as { full: unknown[] };
    expect(full.length).toBeLessThanOrEqual(5);
    expect(index.stats.lagging).toBe(true);
    open();
    await index.flush();
    expect(await bodiesOf(index, 'all', { max: 64 })).toEqual(ids(202, 139));
    for (const at of [0, 60, 120, 180])
      expect(await bodiesOf(index, `id-${at}`, { unique: true })).toEqual([`id-${at}`]);
    await index.close();
    await store.close();
  });

  it('tries again after a disk without room, and says meanwhile that it cannot be searched', async () => {
    const { store, index } = await small();
    await put(store, 3);
    await bodiesOf(index, 'all');
    const { files } = index as unknown as { files: { write(table: unknown): Promise<unknown> } };
    const write = files.write.bind(files);
    files.write = () => Promise.reject(new Error('no room'));
    await put(store, 200, 3);
    await expect(bodiesOf(index, 'all')).rejects.toMatchObject({ code: 'BROKER_BUSY', retryable: true });
    expect(index.stats.problem).toBe('no room');
    files.write = write;
    await index.flush();
    expect(await bodiesOf(index, 'all', { max: 3 })).toEqual(ids(202, 200));
    expect(index.stats.problem).toBeUndefined();
    await index.close();
    await store.close();
  });

  it.each([
    ['a flipped bit in a block', (fileSystem: FileSystem, path: string) => flip(fileSystem, path, 4096 + 2100)],
    ['a flipped bit in the header', (fileSystem: FileSystem, path: string) => flip(fileSystem, path, 70)],
    ['a file that is gone', (fileSystem: FileSystem, path: string) => fileSystem.remove(path)],
    [
      'a file that was cut',
      async (fileSystem: FileSystem, path: string) => {
        const file = await fileSystem.open(path, 'write');
        await file.truncate(4500);
        await file.close();
      },
    ],
  ])('makes a file anew after %s, found by a search or at the next start', async (_what, harm) => {
    for (const restarted of [false, true]) {
      const fileSystem = new MemoryFileSystem();
      let { store, index } = await small(fileSystem);
      await put(store, 60);
      if (restarted) {
        await index.close();
        await store.close();
      }
      const [, second] = (await fileSystem.list('/store/index')).filter((name) => /^\d+$/.test(name));
      if (!restarted) {
        const { files } = index as unknown as { files: { pool: HandlePool } };
        await files.pool.forget(`/store/index/${second!}`);
      }
      await harm(fileSystem, `/store/index/${second!}`);
      if (restarted) ({ store, index } = await small(fileSystem));
      for (let at = 0; at < 60; at++) expect(await bodiesOf(index, `id-${at}`, { unique: true })).toEqual([`id-${at}`]);
      expect(await bodiesOf(index, 'k-0')).toEqual(ids(59, 0).filter((_, at) => (59 - at) % 3 === 0));
      await index.close();
      await store.close();
    }
  });

  it('lets files go with the log that they describe', async () => {
    const { store, index } = await small();
    await put(store, 1_000);
    const before = index.stats.files;
    while (store.log.segments().length > 2) await store.log.deleteOldestSegment();
    await index.flush();
    await bodiesOf(index, 'none');
    await (index as unknown as { work: Promise<void> }).work;
    expect(index.stats.files).toBeLessThan(before);
    const [oldest] = (index as unknown as { files: { all: { from: number; to: number }[] } }).files.all;
    expect(oldest!.to).toBeGreaterThan(store.log.startOffset);
    expect(await bodiesOf(index, 'id-0', { unique: true })).toEqual([]);
    expect(await bodiesOf(index, 'id-999', { unique: true })).toEqual(['id-999']);
    await index.close();
    await store.close();
  });

  it('stops in the middle of catching up when it is closed', async () => {
    const { store, index } = await small(undefined, false);
    await put(store, 200);
    index.start(faceOf(store));
    await index.close();
    await expect(bodiesOf(index, 'all')).rejects.toMatchObject({ code: 'BROKER_BUSY' });
    await store.close();
  });

  it('refuses more searches at a time than it should hold in memory', async () => {
    const { store, index } = await small();
    await put(store, 20);
    const searches = Array.from({ length: 70 }, () =>
      bodiesOf(index, 'all').then(
        () => 'found',
        (error: { code: string }) => error.code,
      ),
    );
    const outcomes = await Promise.all(searches);
    expect(outcomes.filter((outcome) => outcome === 'found')).toHaveLength(64);
    expect(outcomes.filter((outcome) => outcome === 'BROKER_BUSY')).toHaveLength(6);
    await index.close();
    await store.close();
  });

  it('finds every message that survives a crash at any operation of the disk, and none that does not', async () => {
    const disk = new SimulatedFileSystem();
    const random = new SeededRandom(9);
    const images: { image: SimulatedFileSystem; acknowledged: number }[] = [];
    let acknowledged = 0;
    disk.onOperation(() => {
      if (random.below(4) > 0) return;
      const policy = CRASH_POLICIES[random.below(CRASH_POLICIES.length)]!;
      images.push({ image: disk.crashImage(policy, random), acknowledged });
    });
    const { store, index } = await small(disk);
    for (let at = 0; at < 40; at++) {
      await store.putAsync(keyed(`id-${at}`, 'all'));
      acknowledged = at + 1;
      if (at % 10 === 9) await store.checkpoint();
    }
    await index.close();
    await store.close();
    expect(images.length).toBeGreaterThan(20);
    for (const { image, acknowledged: sure } of images) {
      const after = await small(image);
      const found = await bodiesOf(after.index, 'all');
      expect(found.length).toBeGreaterThanOrEqual(sure);
      expect(found).toEqual(ids(found.length - 1, 0));
      expect(found.length).toBe(after.store.maxOffset(TOPIC, 0));
      await putAll(after.store, ['later']);
      await after.index.close();
      await after.store.close();
    }
  });
});
