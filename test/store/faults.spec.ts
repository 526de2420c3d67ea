import { describe, expect, it } from '@jest/globals';
import { type FileHandle, SeededRandom, SimulatedFileSystem } from '../../lib/platform/index.js';
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
