import { describe, expect, it } from '@jest/globals';
import { type FileSystem, MemoryFileSystem, SeededRandom, SimulatedFileSystem } from '../../lib/platform/index.js';
import { MessageStore } from '../../lib/store/index.js';
import {
  contentsBelow,
  message,
  openStore,
  platformOn,
  putAll,
  readAll,
  readTexts,
  SMALL,
  texts,
  TOPIC,
} from './support.js';

const FIRST_SEGMENT = '/store/commitlog/00000000000000000000';

async function overwrite(fileSystem: FileSystem, path: string, position: number, bytes: Buffer): Promise<void> {
  const file = await fileSystem.open(path, 'write');
  await file.write(bytes, position);
  await file.close();
}

/** A store that was not closed: what a crash leaves when nothing unsynced survives. */
async function crashed(disk: SimulatedFileSystem, seed = 1): Promise<SimulatedFileSystem> {
  await Promise.resolve();
  return disk.crashImage('none', new SeededRandom(seed));
}

function forget(fileSystem: FileSystem): Promise<unknown> {
  return Promise.all([
    fileSystem.remove('/store/checkpoint'),
    fileSystem.remove('/store/checkpoint.previous'),
    fileSystem.remove('/store/state/timers'),
    fileSystem.remove('/store/state/timers.previous'),
  ]);
}

describe('recovery', () => {
  it('finds everything that was acknowledged after a crash without any checkpoint in between', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    await putAll(store, texts(150, 900));
    const again = await openStore(await crashed(disk));
    expect(again.store.cleanStart).toBe(false);
    expect(again.store.epoch).toBe(store.epoch + 1);
    expect(await readTexts(again.store)).toEqual(texts(150, 900));
    await putAll(again.store, ['after']);
    expect((await readAll(again.store)).at(-1)).toMatchObject({ queueOffset: 150 });
    await again.store.close();
  });

  it('begins at the checkpoint and gives no queue offset twice', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    await putAll(store, texts(100, 900));
    await store.checkpoint();
    await putAll(store, texts(50, 900, 100));
    const again = await openStore(await crashed(disk));
    await putAll(again.store, texts(10, 900, 150));
    const records = await readAll(again.store);
    expect(records.map((record) => record.body.toString())).toEqual(texts(160, 900));
    expect(records.map((record) => record.queueOffset)).toEqual(Array.from({ length: 160 }, (_, index) => index));
    await again.store.close();
  });

  it('does not begin a new epoch after an orderly end', async () => {
    const { store, fileSystem } = await openStore();
    await store.close();
    const again = await openStore(fileSystem);
    expect(again.store).toMatchObject({ cleanStart: true, epoch: store.epoch });
    await again.store.close();
  });

  it('cuts a torn record at the end, clears what lies behind it, and appends in its place', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    await putAll(store, texts(10));
    const end = store.visibleOffset;
    const image = await crashed(disk);
    const torn = disk.contents(FIRST_SEGMENT).subarray(0, 100);
    image.damage(FIRST_SEGMENT, end, torn);
    image.damage(FIRST_SEGMENT, end + 3_000, torn);
    const again = await openStore(image);
    expect(again.store.visibleOffset).toBe(end);
    expect(
      image
        .contents(FIRST_SEGMENT)
        .subarray(end)
        .every((byte) => byte === 0),
    ).toBe(true);
    await putAll(again.store, ['in place']);
    expect((await readAll(again.store)).at(-1)).toMatchObject({ physicalOffset: end, queueOffset: 10 });
    await again.store.close();
  });

  it('takes valid records within one batch behind a torn one for pieces of that batch', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    await putAll(store, texts(30));
    const records = await readAll(store);
    const image = await crashed(disk);
    image.damage(FIRST_SEGMENT, records[20]!.physicalOffset + 90, Buffer.from([1]));
    const again = await openStore(image);
    expect(await readTexts(again.store)).toEqual(texts(20));
    const third = await openStore(image.crashImage('none', new SeededRandom(2)));
    expect(await readTexts(third.store)).toEqual(texts(20));
    await third.store.close();
  });

  it('survives a second crash right after the first recovery', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    await putAll(store, texts(100, 900));
    let image = await crashed(disk);
    for (let round = 0; round < 3; round++) {
      const again = await openStore(image);
      await putAll(again.store, texts(5, 900, 100 + round * 5));
      image = await crashed(image, round);
    }
    const last = await openStore(image);
    expect(await readTexts(last.store)).toEqual(texts(115, 900));
    await last.store.close();
  });

  it('is not misled by records of another place in a re-used segment', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    await putAll(store, texts(70, 900));
    const old = disk.contents(FIRST_SEGMENT);
    const image = await crashed(disk);
    const base = 64 * 1024;
    const end = store.visibleOffset - base;
    const second = '/store/commitlog/00000000000000065536';
    image.damage(second, end, old.subarray(end, base));
    const again = await openStore(image);
    expect(await readTexts(again.store)).toEqual(texts(70, 900));
    await putAll(again.store, texts(5, 900, 70));
    const third = await openStore(await crashed(image));
    expect(await readTexts(third.store)).toEqual(texts(75, 900));
    await third.store.close();
  });

  it('builds consume queues that are byte-equal to those it had written', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    for (let queueId = 0; queueId < 4; queueId++) await putAll(store, texts(90, 300, queueId * 100), queueId);
    await store.close();
    const before = await contentsBelow(disk, '/store/consumequeue');
    const rebuilt = disk.crashImage('all', new SeededRandom(1));
    for (const path of before.keys()) await rebuilt.remove(path);
    await forget(rebuilt);
    const again = await openStore(rebuilt);
    expect(await readTexts(again.store, 3)).toEqual(texts(90, 300, 300));
    await again.store.close();
    const after = await contentsBelow(rebuilt, '/store/consumequeue');
    expect([...after.keys()]).toEqual([...before.keys()]);
    for (const [path, bytes] of before) expect(after.get(path)!.equals(bytes)).toBe(true);
  });

  it('drops queue entries of records that the crash took back', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    await putAll(store, texts(10));
    await store.checkpoint();
    const image = await crashed(disk);
    const file = '/store/consumequeue/1/0/00000000000000000000';
    image.damage(file, 200, Buffer.alloc(60, 7));
    const again = await openStore(image);
    expect(again.store.maxOffset(TOPIC, 0)).toBe(10);
    await again.store.close();
    expect(image.contents(file)).toHaveLength(200);
  });

  describe('damage in the middle', () => {
    async function damaged(byte: number): Promise<{ fileSystem: MemoryFileSystem; clean: boolean }> {
      const fileSystem = new MemoryFileSystem();
      const { store } = await openStore(fileSystem);
      await putAll(store, texts(150, 900));
      const records = await readAll(store);
      await store.close();
      await overwrite(fileSystem, FIRST_SEGMENT, records[20]!.physicalOffset + byte, Buffer.from([0xff]));
      await forget(fileSystem);
      return { fileSystem, clean: true };
    }

    it.each([0, 5, 21, 29, 100, 500])('is reported and nothing is cut (byte %d of a record)', async (byte) => {
      const { fileSystem } = await damaged(byte);
      const before = await contentsBelow(fileSystem, '/store/commitlog');
      await expect(openStore(fileSystem)).rejects.toMatchObject({
        code: 'STORE_DAMAGED',
        message: expect.stringContaining('acceptDamage'),
      });
      const after = await contentsBelow(fileSystem, '/store/commitlog');
      for (const [path, bytes] of before) expect(after.get(path)!.equals(bytes)).toBe(true);
      expect(await fileSystem.list('/store/quarantine')).toHaveLength(1);
    });

    it('is passed over when that is asked for: both sides are served, the gap stays known', async () => {
      const { fileSystem } = await damaged(100);
      const { store } = await openStore(fileSystem, { acceptDamage: true });
      const expected = texts(150, 900);
      expected.splice(20, 1);
      expect(await readTexts(store)).toEqual(expected);
      expect(store.health().damagedRanges).toHaveLength(1);
      const records = await readAll(store);
      expect(records[20]).toMatchObject({ queueOffset: 21 });
      await store.close();
      await forget(fileSystem);
      const again = await openStore(fileSystem);
      expect(await readTexts(again.store)).toEqual(expected);
      await again.store.close();
    });

    it('is reported below the checkpoint even when nothing valid follows', async () => {
      const { store, fileSystem } = await openStore();
      await putAll(store, texts(10));
      const records = await readAll(store);
      await store.close();
      await overwrite(fileSystem, FIRST_SEGMENT, records[9]!.physicalOffset + 50, Buffer.from([0xff]));
      await fileSystem.remove('/store/state/timers');
      await fileSystem.remove('/store/state/timers.previous');
      await expect(openStore(fileSystem)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    });

    it('is reported when a segment is missing', async () => {
      const { store, fileSystem } = await openStore();
      await putAll(store, texts(200, 900));
      await store.close();
      await fileSystem.remove('/store/commitlog/00000000000000065536');
      await expect(openStore(fileSystem)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    });

    it.each([
      ['the newest segment is', ['00000000000000065536']],
      ['all segments are', ['00000000000000000000', '00000000000000065536']],
    ])('is reported when %s missing, also after an orderly end', async (_which, names) => {
      const { store, fileSystem } = await openStore();
      await putAll(store, texts(100, 900));
      await store.close();
      for (const name of names) await fileSystem.remove(`/store/commitlog/${name}`);
      await expect(openStore(fileSystem)).rejects.toMatchObject({
        code: 'STORE_DAMAGED',
        message: expect.stringContaining('Restore the missing files of /store/commitlog'),
      });
    });

    it('that appears while the store runs is left out of an answer, counted and logged', async () => {
      const fileSystem = new MemoryFileSystem();
      const { store } = await openStore(fileSystem);
      await putAll(store, texts(150, 900));
      const record = (await readAll(store))[20]!;
      await store.close();
      const errors: string[] = [];
      const logger = { error: (text: string) => errors.push(text), warn() {}, log() {}, debug() {}, verbose() {} };
      const again = await openStore(fileSystem, {}, { logger });
      await overwrite(fileSystem, FIRST_SEGMENT, record.physicalOffset + 100, Buffer.from([0xff]));
      const expected = texts(150, 900);
      expected.splice(20, 1);
      expect(await readTexts(again.store)).toEqual(expected);
      expect(again.store.health().damagedRecords).toBe(1);
      expect(errors).toEqual([expect.stringContaining('Message 20 of orders')]);
      await again.store.close();
    });
  });

  it.each([
    ['cut', 40],
    ['removed', undefined],
  ])('rebuilds consume queues from the log when a file of one was %s behind its back', async (_how, size) => {
    for (const end of ['in order', 'by a crash']) {
      const disk = new SimulatedFileSystem();
      const { store } = await openStore(disk);
      await putAll(store, texts(150, 900));
      await putAll(store, texts(20), 2);
      await store.checkpoint();
      const image = end === 'in order' ? disk : await crashed(disk);
      await store.close();
      const file = image.paths().find((path) => /consumequeue\/\d+\/0\/\d{20}$/.test(path))!;
      if (size === undefined) await image.remove(file);
      else image.cut(file, size);
      const again = await openStore(image);
      expect(await readTexts(again.store)).toEqual(texts(150, 900));
      expect(await readTexts(again.store, 2)).toEqual(texts(20));
      await putAll(again.store, ['after']);
      expect((await readAll(again.store)).at(-1)!.queueOffset).toBe(150);
      await again.store.close();
    }
  });

  it('rebuilds from the log when the checkpoint cannot be read', async () => {
    const { store, fileSystem } = await openStore();
    await putAll(store, texts(100, 900));
    await store.close();
    await overwrite(fileSystem, '/store/checkpoint', 30, Buffer.from([1, 2, 3]));
    await fileSystem.remove('/store/checkpoint.previous');
    const again = await openStore(fileSystem);
    expect(await readTexts(again.store)).toEqual(texts(100, 900));
    await again.store.close();
  });

  it('loses of an async store at most what was not synced, and keeps the rest usable', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const disk = new SimulatedFileSystem();
      const { store } = await openStore(disk, { flush: 'async' });
      await putAll(store, texts(40, 900));
      await store.checkpoint();
      await putAll(store, texts(10, 900, 40));
      const image = disk.crashImage('random-pages', new SeededRandom(seed));
      const again = await openStore(image, { flush: 'async' });
      const kept = await readTexts(again.store);
      expect(kept.length).toBeGreaterThanOrEqual(40);
      expect(kept).toEqual(texts(kept.length, 900));
      await again.store.close();
    }
  });

  it('answers the first message quickly on an empty directory: no segment is filled beforehand', async () => {
    const disk = new SimulatedFileSystem();
    const store = await MessageStore.open(
      { path: '/store', storeHost: '127.0.0.1:10911', ...SMALL, segmentBytes: 64 * 1024 * 1024 },
      platformOn(disk),
    );
    await store.createTopic(TOPIC, { readQueueNums: 1, writeQueueNums: 1 });
    await store.putAsync(message('first'));
    expect(disk.contents(FIRST_SEGMENT).length).toBeLessThan(1024 * 1024);
    await store.close();
  });
});
