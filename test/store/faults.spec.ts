import { describe, expect, it } from '@jest/globals';
import {
  type FileHandle,
  type OperationName,
  SeededRandom,
  silentLogger,
  SimulatedFileSystem,
} from '../../lib/platform/index.js';
import { Segments } from '../../lib/store/commitlog/segments.js';
import { HandlePool } from '../../lib/store/handle-pool.js';
import { StorePaths } from '../../lib/store/paths.js';
import { message, openStore, platformOn, putAll, readTexts, texts, VirtualClock } from './support.js';

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

  it.each(['EIO', 'ENOSPC', 'short'] as const)('goes on when zeros cannot be written ahead (%s)', async (kind) => {
    const disk = new SimulatedFileSystem();
    const warnings: string[] = [];
    const { store } = await openStore(disk, {}, { logger: { ...silentLogger, warn: (line) => warnings.push(line) } });
    // The write behind the next one, which is the message itself.
    disk.inject({ kind, at: disk.operations.length + 1, operations: ['write'], path: inLog });
    await putAll(store, texts(1, 900));
    expect(warnings.join()).toContain('Writing ahead in the log segment at 0 failed');
    for (let at = 1; at < 20; at++) await putAll(store, texts(10, 900, at));
    expect(store.health().state).toBe('open');
    await store.close();
    const again = await openStore(disk);
    expect(await readTexts(again.store)).toHaveLength(191);
    await again.store.close();
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

describe('a disk that writes and syncs in one call', () => {
  const oneCall = (): SimulatedFileSystem => new SimulatedFileSystem({ syncsWrites: true });
  const count = (disk: SimulatedFileSystem, name: OperationName): number =>
    disk.operations.filter((each) => each.name === name && inLog(each.path)).length;

  it('is asked for nothing else once there is room ahead, and for one call a batch', async () => {
    const disk = oneCall();
    const { store } = await openStore(disk);
    await putAll(store, ['first']);
    const before = disk.operations.length;
    const writes = count(disk, 'write');
    for (let at = 0; at < 20; at++) await putAll(store, texts(1, 100, at));
    expect([count(disk, 'write') - writes, count(disk, 'syncRange')]).toEqual([20, 20]);
    const others = disk.operations.slice(before).filter(({ name }) => name !== 'write' && name !== 'syncRange');
    // The descriptor for such calls.
    expect(others.map(({ name }) => name)).toEqual(['open']);
    await store.close();
  });

  it.each(['open', 'write', 'syncRange'] as const)('fences the store when the %s of the call fails', async (name) => {
    const disk = oneCall();
    const { store } = await openStore(disk);
    await putAll(store, texts(3));
    disk.inject({ kind: 'EIO', at: disk.operations.length, lasts: 'from', operations: [name], path: inLog });
    await expect(store.putAsync(message('lost'))).rejects.toMatchObject({ code: 'STORE_FENCED' });
    await store.close();
    const again = await openStore(disk.crashImage('none', new SeededRandom(1)));
    expect(await readTexts(again.store)).toEqual(texts(3));
    await again.store.close();
  });

  it.each([
    ['short', 'write'],
    ['ENOSPC', 'syncRange'],
  ] as const)(
    'refuses what finds no room (%s in its %s), goes on once there is some, and nothing of the refused comes back',
    async (kind, name) => {
      const disk = oneCall();
      const clock = new VirtualClock();
      const { store } = await openStore(disk, {}, { clock });
      await putAll(store, texts(3));
      let hit = false;
      disk.onOperation((operation) => {
        if (hit || operation.name !== name || !inLog(operation.path)) return;
        hit = true;
        disk.inject({ kind, at: operation.number });
      });
      await expect(store.putAsync(message('refused'))).rejects.toMatchObject({ code: 'DISK_FULL' });
      await clock.advance(1_000);
      await putAll(store, ['after']);
      for (const policy of ['none', 'all'] as const) {
        const again = await openStore(disk.crashImage(policy, new SeededRandom(1)));
        expect(await readTexts(again.store)).toEqual([...texts(3), 'after']);
        await again.store.close();
      }
      await store.close();
    },
  );

  it('keeps what a process that died had not synced before anything is appended behind it', async () => {
    const disk = oneCall();
    const before = await openStore(disk);
    // This writes zeros ahead, so that whoever goes on needs no other sync than that of its own messages.
    await putAll(before.store, texts(3));
    await before.store.close();
    const dead = await openStore(disk, { flush: 'async' }, { clock: new VirtualClock() });
    await putAll(dead.store, texts(3, 20, 3));
    const { store } = await openStore(disk);
    expect(await readTexts(store)).toEqual(texts(6));
    const syncs = count(disk, 'datasync');
    await putAll(store, ['after']);
    expect(count(disk, 'datasync')).toBe(syncs);
    const again = await openStore(disk.crashImage('none', new SeededRandom(1)));
    expect(await readTexts(again.store)).toEqual([...texts(6), 'after']);
    await again.store.close();
    await store.close();
  });

  it('is not taken at its word for what was written before without a sync', async () => {
    const disk = oneCall();
    const platform = platformOn(disk);
    await disk.makeDirectory('/store/commitlog');
    const segments = new Segments(platform, new StorePaths('/store'), new HandlePool(disk, 4), 1024 * 1024, []);
    await segments.open(0);
    // Large ones, for which nothing is written ahead.
    const part = Buffer.alloc(100 * 1024, 'x');
    await segments.write(0, [part], false);
    await segments.write(part.length, [part], true);
    expect(count(disk, 'syncRange')).toBe(0);
    await segments.write(2 * part.length, [part], true);
    expect(count(disk, 'syncRange')).toBe(1);
    await segments.close();
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
