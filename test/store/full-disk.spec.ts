import { describe, expect, it } from '@jest/globals';
import {
  type DiskSpace,
  type FileHandle,
  MemoryFileSystem,
  SeededRandom,
  SimulatedFileSystem,
} from '../../lib/platform/index.js';
import type { MessageStore, PutOutcomes } from '../../lib/store/index.js';
import { message, openStore, putAll, readTexts, texts, TOPIC, VirtualClock } from './support.js';

const inLog = (path: string): boolean => /commitlog\/\d{20}$/.test(path);

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

  const fill = async (store: MessageStore, clock: VirtualClock): Promise<unknown> => {
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

  it('is not seen in a memory without a limit, which takes all that the test below writes', async () => {
    const clock = new VirtualClock();
    const { store } = await openStore(new MemoryFileSystem(), {}, { clock });
    expect(await fill(store, clock)).toBeUndefined();
    await store.close();
  });

  it('refuses sends when memory in the place of a disk is nearly full, and accepts again once some is given back', async () => {
    const clock = new VirtualClock();
    const { store } = await openStore(new MemoryFileSystem(1024 * 1024), {}, { clock });
    expect(await fill(store, clock)).toMatchObject({ code: 'DISK_FULL' });
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

  it.each([1, 9, 17])(
    'keeps none of a batch when the disk has room for its first %i KiB only, so that the next attempt doubles nothing',
    async (kib) => {
      const clock = new VirtualClock();
      const disk = new RoomForOnly();
      const { store } = await openStore(disk, { batchBytes: 8 * 1024 }, { clock });
      // Too little for zeros ahead, which would be room for the batch.
      disk.room = 1024;
      await putAll(store, ['before']);
      const batch = texts(20, 1000).map((each) => message(each));
      const put = (): Promise<unknown> =>
        new Promise((resolve, reject) =>
          store.putBatch(batch, (error, results) => (error ? reject(error) : resolve(results))),
        );
      disk.room = kib * 1024;
      await expect(put()).rejects.toMatchObject({ code: 'DISK_FULL' });
      disk.room = Number.POSITIVE_INFINITY;
      await clock.advance(1_000);
      await put();
      expect(await readTexts(store)).toEqual(['before', ...texts(20, 1000)]);
      await store.close();
    },
  );

  it('puts a batch that does not fit into the rest of a segment into the next one, whole', async () => {
    const { store } = await openStore();
    await putAll(store, texts(40, 1000));
    const batch = texts(40, 1000, 40).map((each) => message(each));
    const outcomes = await new Promise<PutOutcomes>((resolve, reject) =>
      store.putBatch(batch, (error, stored) => (error ? reject(error) : resolve(stored!))),
    );
    expect(outcomes.physicalOffset(0)).toBe(64 * 1024);
    expect(await readTexts(store)).toEqual(texts(80, 1000));
    await store.close();
  });

  it('refuses a batch that no segment could hold, and appends nothing of it', async () => {
    const { store } = await openStore();
    const batch = texts(70, 1000).map((each) => message(each));
    await expect(
      new Promise((resolve, reject) => store.putBatch(batch, (error) => (error ? reject(error) : resolve(undefined)))),
    ).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    expect(await readTexts(store)).toEqual([]);
    await store.close();
  });
});

/** A disk that takes so many further bytes of the log. */
class RoomForOnly extends SimulatedFileSystem {
  room = Number.POSITIVE_INFINITY;
  override async open(path: string, mode: 'create' | 'write' | 'read'): Promise<FileHandle> {
    const handle = await super.open(path, mode);
    if (!inLog(path)) return handle;
    const write = handle.write.bind(handle);
    handle.write = async (bytes, position) => {
      const end = position + bytes.length;
      const size = await handle.size();
      // Overwriting needs no room.
      const growth = Math.max(0, end - Math.max(size, position));
      if (growth > this.room) {
        if (this.room > 0) await write(bytes.subarray(0, bytes.length - growth + this.room), position);
        this.room = 0;
        throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      }
      this.room -= growth;
      return write(bytes, position);
    };
    return handle;
  }
}

describe('a start on a full disk', () => {
  // Directories that are there and bytes of the log that are there need no room.
  const full = {
    kind: 'ENOSPC',
    at: 0,
    lasts: 'from',
    operations: ['create', 'write', 'truncate'],
    path: (path: string) => !inLog(path),
  } as const;

  async function filled(end: 'in order' | 'by a crash'): Promise<SimulatedFileSystem> {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    await putAll(store, texts(5));
    store.progress.commit('group', TOPIC, 0, 2);
    await store.progress.flush();
    if (end === 'by a crash') return disk.crashImage('none', new SeededRandom(1));
    await store.close();
    return disk;
  }

  it.each(['in order', 'by a crash'] as const)(
    'after an end %s reads, commits, refuses sends, and takes them again once there is room',
    async (end) => {
      const clock = new VirtualClock();
      const disk = await filled(end);
      disk.inject(full);
      const { store } = await openStore(disk, {}, { clock });
      expect(await readTexts(store)).toEqual(texts(5));
      expect(store.progress.query('group', TOPIC, 0)).toBe(2);
      store.progress.commit('group', TOPIC, 0, 3);
      await expect(store.putAsync(message('refused'))).rejects.toMatchObject({ code: 'DISK_FULL', retryable: true });
      expect(store.health()).toMatchObject({ state: 'open', diskFull: true });
      await clock.advance(5_000);
      await expect(store.putAsync(message('still'))).rejects.toMatchObject({ code: 'DISK_FULL' });
      disk.clearFaults();
      await clock.advance(2_000);
      expect(store.epoch).toBe(end === 'in order' ? 1 : 2);
      await putAll(store, texts(1, 20, 5));
      const crashed = disk.crashImage('none', new SeededRandom(1));
      await store.close();
      const after = await openStore(crashed);
      expect(after.store.cleanStart).toBe(false);
      expect(await readTexts(after.store)).toEqual(texts(6));
      expect(after.store.progress.query('group', TOPIC, 0)).toBe(3);
      await after.store.close();
    },
  );

  it('loses nothing when it ends again before there was room', async () => {
    const disk = await filled('in order');
    disk.inject(full);
    const { store } = await openStore(disk);
    const crashed = disk.crashImage('none', new SeededRandom(1));
    await store.close();
    disk.clearFaults();
    for (const image of [disk, crashed]) {
      const again = await openStore(image);
      expect(await readTexts(again.store)).toEqual(texts(5));
      await again.store.close();
    }
  });
});

describe('a disk without a single free byte', () => {
  const OPTIONS = { reserveBytes: 64 * 1024, batchBytes: 8 * 1024 };
  const FILLER = '/filler';

  /** Somebody else takes all that is left. */
  async function fill(disk: SimulatedFileSystem): Promise<void> {
    const handle = await disk.open(FILLER, 'create');
    for (let at = 0, size = 1024 * 1024; size >= 1;) {
      try {
        await handle.write(Buffer.alloc(size, 1), at);
        at += size;
      } catch {
        size >>= 1;
      }
    }
    await handle.datasync();
    await handle.close();
    await disk.syncDirectory('/');
    expect((await disk.diskSpace('/')).freeBytes).toBeLessThan(4096);
  }

  async function filled(): Promise<SimulatedFileSystem> {
    const disk = new SimulatedFileSystem({ capacityBytes: 8 * 1024 * 1024 });
    const { store } = await openStore(disk, OPTIONS);
    await putAll(store, texts(100, 900));
    await store.groups.ensure('billing', [TOPIC], 0);
    store.progress.commit('billing', TOPIC, 0, 2);
    await store.progress.flush();
    await fill(disk);
    await store.close();
    return disk;
  }
  const crashed = (disk: SimulatedFileSystem): SimulatedFileSystem => disk.crashImage('none', new SeededRandom(1));

  it.each(['in order', 'by a crash'])(
    'keeps commits and settings durable, also after an end %s, lets retention work, and recovers by itself',
    async (end) => {
      const clock = new VirtualClock();
      const disk = end === 'in order' ? await filled() : crashed(await filled());
      const { store } = await openStore(
        disk,
        { ...OPTIONS, retention: { ageMillis: 1_000, checkMillis: 1e9 } },
        { clock },
      );
      await expect(store.putAsync(message('refused'))).rejects.toMatchObject({ code: 'DISK_FULL' });
      for (let position = 3; position <= 100; position++) {
        store.progress.commit('billing', TOPIC, 0, position);
        await store.progress.flush();
      }
      await store.createTopic('born on a full disk', { readQueueNums: 1, writeQueueNums: 1 });
      await store.checkpoint();
      expect(store.health()).toMatchObject({ diskFull: true, checkpointProblem: undefined });
      await clock.advance(5_000);
      expect(await store.expire()).toBe(1);
      const left = (await readTexts(store)).length;
      const image = crashed(disk);
      await disk.remove(FILLER);
      await clock.advance(2_000);
      await putAll(store, ['again']);
      expect(disk.contents('/store/reserve')).toHaveLength(OPTIONS.reserveBytes);
      await store.close();
      const again = await openStore(image, OPTIONS);
      expect(again.store.progress.query('billing', TOPIC, 0)).toBe(100);
      expect(again.store.topics.get('born on a full disk')).toBeDefined();
      expect(await readTexts(again.store)).toHaveLength(left);
      await again.store.close();
    },
  );

  it('is said by name and path when there has never been a store', async () => {
    const disk = new SimulatedFileSystem({ capacityBytes: 64 * 1024 });
    await fill(disk);
    await expect(openStore(disk, OPTIONS)).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringMatching(/\/store.*Free some/),
    });
  });

  it.each([true, false])(
    'is opened also when positions have to be set back with the lost end of the log (with a reserve: %s)',
    async (reserved) => {
      const options = { ...OPTIONS, flush: 'async', reserveBytes: reserved ? OPTIONS.reserveBytes : 0 } as const;
      const disk = new SimulatedFileSystem({ capacityBytes: 8 * 1024 * 1024 });
      const { store } = await openStore(disk, options);
      await putAll(store, texts(5));
      await store.checkpoint();
      await putAll(store, texts(5, 20, 5));
      store.progress.commit('billing', TOPIC, 0, 10);
      await store.progress.flush();
      const image = crashed(disk);
      await fill(image);
      const clock = new VirtualClock();
      const again = await openStore(image, options, { clock });
      expect(again.store.maxOffset(TOPIC, 0)).toBe(5);
      expect(again.store.progress.query('billing', TOPIC, 0)).toBe(5);
      await expect(again.store.putAsync(message('refused'))).rejects.toMatchObject({ code: 'DISK_FULL' });
      await image.remove(FILLER);
      await clock.advance(2_000);
      await putAll(again.store, texts(5, 20, 5));
      const last = await openStore(crashed(image), options);
      expect(last.store.progress.query('billing', TOPIC, 0)).toBeLessThanOrEqual(last.store.maxOffset(TOPIC, 0));
      await again.store.close();
      await last.store.close();
    },
  );
});
