import { describe, expect, it } from '@jest/globals';
import {
  type DiskSpace,
  type FileHandle,
  MemoryFileSystem,
  SeededRandom,
  SimulatedFileSystem,
} from '../../lib/platform/index.js';
import type { MessageStore } from '../../lib/store/index.js';
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

  it('is not misled by the sync of a preparation that fails when the segment is already taken', async () => {
    const disk = new LateFailure();
    const { store } = await openStore(disk);
    for (let at = 0; at < 400; at += 10) await putAll(store, texts(10, 900, at));
    expect(disk.failures).toBe(1);
    expect(await readTexts(store)).toEqual(texts(400, 900));
    expect(store.health()).toMatchObject({ state: 'open' });
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

/**
 * The first sync of a prepared segment fails late, and what tidies up behind it comes when the next one is in the making,
 * if nobody waits for it.
 */
class LateFailure extends SimulatedFileSystem {
  failures = 0;
  private created = 0;
  private slow = true;

  override async open(path: string, mode: 'create' | 'write' | 'read'): Promise<FileHandle> {
    const handle = await super.open(path, mode);
    if (!path.endsWith('/prepared') || mode !== 'create') return handle;
    if (this.created++ > 0) return handle;
    handle.datasync = async () => {
      await turns(100);
      this.failures++;
      throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
    };
    return handle;
  }

  override async remove(path: string): Promise<void> {
    if (path.endsWith('/prepared') && this.failures > 0 && this.slow) {
      this.slow = false;
      for (let turn = 0; turn < 200 && this.created === 1; turn++) await turns(1);
    }
    return super.remove(path);
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

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
    const results = await new Promise<readonly { physicalOffset: number }[]>((resolve, reject) =>
      store.putBatch(batch, (error, stored) => (error ? reject(error) : resolve(stored!))),
    );
    expect(results[0]!.physicalOffset).toBe(64 * 1024);
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

describe('a store that cannot be opened', () => {
  it.each(['read', 'list', 'open'] as const)('leaves no file open when any %s fails', async (operation) => {
    const disk = new CountingHandles();
    const { store } = await openStore(disk);
    await putAll(store, texts(100, 900));
    await store.close();
    expect(disk.handles).toBe(0);
    const before = disk.operations.length;
    const again = await openStore(disk);
    await again.store.close();
    const numbers = disk.operations
      .slice(before)
      .filter((each) => each.name === operation)
      .map((each) => each.number - before);
    expect(numbers.length).toBeGreaterThan(0);
    for (const number of numbers) {
      disk.inject({ kind: 'EIO', at: disk.operations.length + number });
      const opened = await openStore(disk).catch(() => undefined);
      disk.clearFaults();
      await opened?.store.close();
      expect({ number, open: disk.handles }).toEqual({ number, open: 0 });
    }
  });
});

class CountingHandles extends SimulatedFileSystem {
  handles = 0;
  override async open(path: string, mode: 'create' | 'write' | 'read'): Promise<FileHandle> {
    const handle = await super.open(path, mode);
    this.handles++;
    const close = handle.close.bind(handle);
    let closed = false;
    handle.close = async () => {
      if (!closed) this.handles--;
      closed = true;
      await close();
    };
    return handle;
  }
}
