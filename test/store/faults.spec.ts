import { describe, expect, it } from '@jest/globals';
import { type DiskSpace, MemoryFileSystem, SeededRandom, SimulatedFileSystem } from '../../lib/platform/index.js';
import { message, openStore, putAll, readTexts, texts, TOPIC, VirtualClock } from './support.js';

const inLog = (path: string): boolean => /commitlog\/\d{20}$/.test(path);

describe('a failing disk', () => {
  it.each(['datasync', 'write'] as const)('fences the store when a %s of the log fails', async (operation) => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    const fenced: unknown[] = [];
    store.onFenced((error) => fenced.push(error.code));
    await putAll(store, ['before']);
    disk.inject({ kind: 'EIO', at: disk.operations.length, lasts: 'from', operations: [operation], path: inLog });
    const failed = await Promise.allSettled(texts(5).map((each) => store.putAsync(message(each))));
    for (const each of failed) expect(each).toMatchObject({ status: 'rejected', reason: { code: 'STORE_FENCED' } });
    expect(fenced).toEqual(['STORE_FENCED']);
    expect(store.state).toBe('fenced');
    expect(store.health()).toMatchObject({ state: 'fenced', problem: expect.stringContaining('offset') });
    disk.clearFaults();
    await expect(store.putAsync(message('after'))).rejects.toMatchObject({ code: 'STORE_FENCED' });
    expect(await readTexts(store)).toEqual(['before']);
    await store.close();
  });

  it('does not sync again after a failed sync', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    disk.inject({ kind: 'EIO', at: disk.operations.length, lasts: 'from', operations: ['datasync'], path: inLog });
    await expect(store.putAsync(message('lost'))).rejects.toMatchObject({ code: 'STORE_FENCED' });
    const syncs = () => disk.operations.filter((each) => each.name === 'datasync' && inLog(each.path)).length;
    const before = syncs();
    await store.checkpoint();
    await store.close();
    expect(syncs()).toBe(before);
  });

  it('recovers what was acknowledged, and only that, after a fence', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    await putAll(store, texts(20));
    disk.inject({ kind: 'EIO', at: disk.operations.length, lasts: 'from', operations: ['datasync'], path: inLog });
    await expect(store.putAsync(message('lost'))).rejects.toMatchObject({ code: 'STORE_FENCED' });
    await store.close();
    const image = disk.crashImage('none', new SeededRandom(1));
    const again = await openStore(image);
    expect(await readTexts(again.store)).toEqual(texts(20));
    expect(again.store.cleanStart).toBe(false);
    await again.store.close();
  });

  it('goes on with a failed preparation of the next segment', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    disk.inject({ kind: 'EIO', at: 0, lasts: 'from', path: (path) => path.endsWith('/prepared') });
    await putAll(store, texts(200, 900));
    expect(await readTexts(store)).toEqual(texts(200, 900));
    expect(store.health()).toMatchObject({ state: 'open', extendedSegments: 3 });
    await store.close();
  });

  it('keeps going when a checkpoint cannot be written, and says so', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    disk.inject({ kind: 'EIO', at: 0, lasts: 'from', path: (path) => path.includes('/consumequeue/') });
    await putAll(store, texts(5));
    await store.checkpoint();
    expect(store.health().checkpointProblem).toContain('EIO');
    await putAll(store, texts(5, 20, 5));
    disk.clearFaults();
    await store.checkpoint();
    expect(store.health()).toMatchObject({ checkpointProblem: undefined, checkpointOffset: store.visibleOffset });
    expect(await readTexts(store)).toEqual(texts(10));
    await store.close();
  });
});

describe('a full disk', () => {
  class TightDisk extends MemoryFileSystem {
    space: DiskSpace = { freeBytes: 500, totalBytes: 1000 };
    override diskSpace(): Promise<DiskSpace> {
      return Promise.resolve(this.space);
    }
  }

  it('refuses sends above the hard limit, keeps reading, and accepts again once there is room', async () => {
    const clock = new VirtualClock();
    const disk = new TightDisk();
    const { store } = await openStore(disk, { batchBytes: 512 }, { clock });
    await putAll(store, ['before']);
    disk.space = { freeBytes: 50, totalBytes: 1000 };
    await clock.advance(1_000);
    await expect(store.putAsync(message('refused'))).rejects.toMatchObject({ code: 'DISK_FULL', retryable: true });
    expect(store.health()).toMatchObject({ diskFull: true, state: 'open' });
    expect(await readTexts(store)).toEqual(['before']);
    disk.space = { freeBytes: 5_000, totalBytes: 10_000 };
    await clock.advance(1_000);
    await putAll(store, ['after']);
    expect(await readTexts(store)).toEqual(['before', 'after']);
    await store.close();
  });

  it('refuses sends when memory in the place of a disk is nearly full, and accepts again once some is given back', async () => {
    const clock = new VirtualClock();
    const { store } = await openStore(new MemoryFileSystem(1024 * 1024), {}, { clock });
    const fill = async (): Promise<unknown> => {
      for (let turn = 0; turn < 100; turn++) {
        try {
          await putAll(store, texts(20, 900));
        } catch (error) {
          return error;
        }
        await clock.advance(1_000);
      }
      return undefined;
    };
    expect(await fill()).toMatchObject({ code: 'DISK_FULL' });
    for (let deleted = 0; deleted < 5; deleted++) await store.log.deleteOldestSegment();
    await clock.advance(1_000);
    await store.putAsync(message('goes on'));
    await store.close();
  });

  it('does not refuse anything on a large disk that is nearly full but has room', async () => {
    const clock = new VirtualClock();
    const disk = new TightDisk();
    disk.space = { freeBytes: 50 * 1024 ** 3, totalBytes: 1024 ** 4 };
    const { store } = await openStore(disk, {}, { clock });
    await putAll(store, ['accepted']);
    await store.close();
  });

  it('refuses what finds no room, keeps none of it, and goes on by itself', async () => {
    const clock = new VirtualClock();
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk, {}, { clock });
    await putAll(store, texts(3));
    disk.inject({ kind: 'short', at: disk.operations.length, lasts: 'from', operations: ['write'], path: inLog });
    const refused = texts(4).map((each) => store.putAsync(message(each)));
    disk.onOperation((operation) => {
      // Overwriting finds room where growing does not.
      if (operation.name === 'size') disk.clearFaults();
    });
    for (const each of await Promise.allSettled(refused)) expect(each).toMatchObject({ reason: { code: 'DISK_FULL' } });
    await expect(store.putAsync(message('still full'))).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(store.state).toBe('open');
    const image = disk.crashImage('all', new SeededRandom(1));
    await clock.advance(1_000);
    await putAll(store, texts(3, 20, 3));
    expect(await readTexts(store)).toEqual(texts(6));
    await store.close();
    const afterCrash = await openStore(image);
    expect(await readTexts(afterCrash.store)).toEqual(texts(3));
    expect(afterCrash.store.maxOffset(TOPIC, 0)).toBe(3);
    await afterCrash.store.close();
  });
});
