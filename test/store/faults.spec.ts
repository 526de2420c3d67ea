import { describe, expect, it } from '@jest/globals';
import { type FileHandle, SeededRandom, silentLogger, SimulatedFileSystem } from '../../lib/platform/index.js';
import { message, openStore, putAll, readTexts, texts } from './support.js';

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
