import { describe, expect, it } from '@jest/globals';
import { MemoryFileSystem, SimulatedFileSystem } from '../../lib/platform/index.js';
import { message, openStore, putAll, readAll, readTexts, texts, TOPIC, until, VirtualClock } from './support.js';

const KIB = 1024;

describe('segments', () => {
  it('are named after their first byte and end with an end record where the next message does not fit', async () => {
    const { store, fileSystem } = await openStore();
    await putAll(store, texts(150, 900));
    expect((await fileSystem.list('/store/commitlog')).filter((name) => /^\d+$/.test(name))).toEqual([
      '00000000000000000000',
      '00000000000000065536',
      '00000000000000131072',
    ]);
    const records = await readAll(store);
    const last = records.filter((record) => record.physicalOffset < 64 * KIB).at(-1)!;
    const end = last.physicalOffset + last.size;
    const file = await fileSystem.open('/store/commitlog/00000000000000000000', 'read');
    const bytes = Buffer.alloc(8);
    await file.read(bytes, end);
    await file.close();
    expect(bytes.readInt32BE(0)).toBe(64 * KIB - end);
    expect(bytes.readUInt32BE(4)).toBe(0xcbd43194);
    await store.close();
  });

  it('have zeros written ahead by small synced writes, so that the next ones do not extend the file', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk, { segmentBytes: 1024 * KIB });
    const path = '/store/commitlog/00000000000000000000';
    await putAll(store, ['first']);
    const size = disk.contents(path).length;
    expect(size).toBeGreaterThan(512 * KIB);
    const writes = () => disk.operations.filter((each) => each.name === 'write' && each.path === path).length;
    const before = writes();
    for (let at = 0; at < 50; at++) await putAll(store, texts(1, 900, at));
    expect(writes()).toBe(before + 50);
    expect(disk.contents(path).length).toBe(size);
    await store.close();
  });

  it('are only extended by large writes: they pay for the bytes, not for the journal', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk, { segmentBytes: 1024 * KIB, batchBytes: 1024 * KIB });
    await putAll(store, texts(200, 900));
    expect(disk.contents('/store/commitlog/00000000000000000000').length).toBeLessThan(256 * KIB);
    await store.close();
  });

  it('never grow beyond their size by what is written ahead', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    for (let at = 0; at < 10; at++) await putAll(store, texts(10, 900, at * 10));
    expect(store.health()).toMatchObject({ segments: 2, createdSegments: 2, recycledSegments: 0 });
    for (const name of ['00000000000000000000', '00000000000000065536'])
      expect(disk.contents(`/store/commitlog/${name}`).length).toBe(64 * KIB);
    await store.close();
  });

  it('go with the oldest messages: minimum offsets move, what is left stays readable, also after restarts', async () => {
    const { store, fileSystem } = await openStore();
    await putAll(store, texts(100, 900));
    await putAll(store, texts(5), 1);
    const before = store.log.segments();
    await store.log.deleteOldestSegment();
    expect(store.log.startOffset).toBe(64 * KIB);
    expect(store.log.segments()).toHaveLength(before.length - 1);
    const min = store.minOffset(TOPIC, 0);
    expect(min).toBeGreaterThan(0);
    expect(await readTexts(store)).toEqual(texts(100 - min, 900, min));
    const gone = await store.read({ topic: TOPIC, queueId: 0, offset: 0, maxMessages: 1, maxBytes: 1 });
    expect(gone).toMatchObject({ status: 'OFFSET_TOO_SMALL', nextBeginOffset: min });
    await store.close();
    for (const name of ['checkpoint', 'checkpoint.previous', 'nothing']) {
      const again = await openStore(fileSystem);
      expect(again.store.minOffset(TOPIC, 0)).toBe(min);
      expect(await readTexts(again.store)).toEqual(texts(100 - min, 900, min));
      expect(await readTexts(again.store, 1)).toEqual(texts(5));
      await again.store.close();
      await fileSystem.remove(`/store/${name}`);
      await fileSystem.remove('/store/checkpoint');
    }
  });

  it('stay while a group stands in a stretch that damage has swallowed: what follows is still before it', async () => {
    const fileSystem = new MemoryFileSystem();
    const clock = new VirtualClock();
    const { store } = await openStore(fileSystem, {}, { clock });
    await putAll(store, texts(100, 900));
    const records = await readAll(store);
    await store.close();
    const file = await fileSystem.open('/store/commitlog/00000000000000000000', 'write');
    for (const at of [20, 21, 22]) await file.write(Buffer.from([0xff]), records[at]!.physicalOffset + 100);
    await file.close();
    for (const name of ['checkpoint', 'state/timers'])
      for (const version of ['', '.previous']) await fileSystem.remove(`/store/${name}${version}`);
    const options = { acceptDamage: true, retention: { ageMillis: 60_000, checkMillis: 1e9 } };
    const { store: again } = await openStore(fileSystem, options, { clock });
    await again.groups.ensure('billing', [TOPIC], 0);
    for (let queueId = 1; queueId < 4; queueId++) again.progress.commit('billing', TOPIC, queueId, 0);
    again.progress.commit('billing', TOPIC, 0, 21);
    await clock.advance(120_000);
    expect(await again.expire()).toBe(0);
    expect(again.retentionStats.heldBack).toEqual({ group: 'billing', topic: TOPIC, queueId: 0 });
    again.progress.commit('billing', TOPIC, 0, 100);
    expect(await again.expire()).toBe(1);
    await again.close();
  });

  it('keep the next offset of a queue whose messages have all gone, even if all derived files are lost', async () => {
    const { store, fileSystem } = await openStore();
    await putAll(store, texts(5), 2);
    await putAll(store, texts(150, 900));
    await store.log.deleteOldestSegment();
    expect(store.minOffset(TOPIC, 2)).toBe(5);
    await store.close();
    await fileSystem.remove('/store/checkpoint');
    await fileSystem.remove('/store/checkpoint.previous');
    const again = await openStore(fileSystem);
    expect(again.store.maxOffset(TOPIC, 2)).toBe(5);
    expect((await again.store.putAsync(message('next', { queueId: 2 }))).queueOffset).toBe(5);
    await again.store.close();
  });

  it('are used again, with their old bytes, without those ever being read as new ones', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    await putAll(store, texts(100, 900));
    let deleted = 0;
    for (let round = 0; round < 6; round++) {
      await putAll(store, texts(70, 900, 100 + round * 70));
      await store.log.deleteOldestSegment();
      deleted++;
    }
    expect(deleted).toBe(6);
    expect(store.health().recycledSegments).toBeGreaterThan(0);
    const min = store.minOffset(TOPIC, 0);
    expect(await readTexts(store)).toEqual(texts(520 - min, 900, min));
    await store.close();
    await disk.remove('/store/checkpoint');
    const again = await openStore(disk);
    expect(await readTexts(again.store)).toEqual(texts(520 - min, 900, min));
    await again.store.close();
  });

  it('are used again only once they are out of the log: nothing is written where it is not found again', async () => {
    const disk = new SimulatedFileSystem();
    let hold = false;
    let letGo: (() => void) | undefined;
    const holding = new Proxy(disk, {
      get(target, name) {
        if (name !== 'open') return Reflect.get(target, name).bind(target);
        return async (path: string, mode: 'create' | 'write' | 'read') => {
          if (hold && mode === 'read' && path.endsWith('/00000000000000000000'))
            await new Promise<void>((resolve) => (letGo = resolve));
          return target.open(path, mode);
        };
      },
    });
    const { store } = await openStore(holding);
    await putAll(store, texts(70, 900));
    hold = true;
    const deleted = store.log.deleteOldestSegment();
    await until(() => letGo !== undefined);
    // Meanwhile the writer comes so far that it wants the next segment.
    for (let at = 70; at < 90; at++) await putAll(store, texts(1, 900, at));
    hold = false;
    letGo!();
    await deleted;
    await putAll(store, texts(60, 900, 90));
    await store.close();
    const again = await openStore(disk);
    const min = again.store.minOffset(TOPIC, 0);
    expect(await readTexts(again.store)).toEqual(texts(150 - min, 900, min));
    await again.store.close();
  });

  it('never go while they are appended to', async () => {
    const { store } = await openStore(new MemoryFileSystem());
    await putAll(store, texts(3));
    await expect(store.log.deleteOldestSegment()).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await store.close();
  });

  it('know the store times of their messages, also after a restart', async () => {
    const { store, fileSystem } = await openStore();
    await putAll(store, texts(150, 900));
    const described = store.log.segments();
    for (const segment of described) {
      expect(segment.firstStoreTimestamp).toBeGreaterThan(0);
      expect(segment.lastStoreTimestamp).toBeGreaterThanOrEqual(segment.firstStoreTimestamp);
    }
    await store.close();
    const again = await openStore(fileSystem);
    const after = again.store.log.segments();
    expect(after.map((segment) => segment.firstStoreTimestamp)).toEqual(
      described.map((segment) => segment.firstStoreTimestamp),
    );
    expect(after[0]!.lastStoreTimestamp).toBeGreaterThanOrEqual(after[0]!.firstStoreTimestamp);
    await again.store.close();
  });

  it('are walked through in log order by a scan', async () => {
    const { store } = await openStore();
    await putAll(store, texts(150, 900));
    const seen: string[] = [];
    await store.log.scan(0, store.visibleOffset, async (record) => {
      await Promise.resolve();
      seen.push(record.body.toString());
    });
    expect(seen).toEqual(texts(150, 900));
    await store.close();
  });
});
