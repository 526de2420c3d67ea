import { describe, expect, it } from '@jest/globals';
import { type FileSystem, SimulatedFileSystem } from '../../lib/platform/index.js';
import { HandlePool } from '../../lib/store/handle-pool.js';
import { ENTRY_BYTES, QueueFiles } from '../../lib/store/queue/queue-files.js';

const DIRECTORY = '/queues/1/0';
const entries = (count: number): Buffer => Buffer.alloc(count * ENTRY_BYTES, 7);

describe('QueueFiles', () => {
  it('adds to a file that an earlier process has left', async () => {
    const disk = new SimulatedFileSystem();
    const before = new QueueFiles(disk, new HandlePool(disk, 8), DIRECTORY, 10);
    await before.sync(await before.write(0, entries(4)));
    const files = new QueueFiles(disk, new HandlePool(disk, 8), DIRECTORY, 10);
    await files.sync(await files.write(0, entries(2)));
    await files.sync(await files.write(4, entries(8)));
    expect(await files.hold(0, 12)).toBe(true);
    expect(await disk.list(DIRECTORY)).toHaveLength(2);
    await files.removeAll();
    expect(await disk.list('/queues/1')).toEqual([]);
  });

  it('goes on with a file whose directory could not be synced, and syncs it then', async () => {
    const disk = new SimulatedFileSystem();
    let failures = 1;
    const synced: string[] = [];
    const failing = new Proxy<FileSystem>(disk, {
      get: (target, name) => {
        if (name !== 'syncDirectory') return Reflect.get(target, name).bind(target);
        return (path: string) => {
          if (path === DIRECTORY && failures-- > 0) return Promise.reject(new Error('EIO'));
          synced.push(path);
          return target.syncDirectory(path);
        };
      },
    });
    const files = new QueueFiles(failing, new HandlePool(failing, 8), DIRECTORY, 10);
    await expect(files.write(0, entries(1))).rejects.toThrow('EIO');
    await files.sync(await files.write(0, entries(1)));
    expect(synced).toContain(DIRECTORY);
    expect(await files.hold(0, 1)).toBe(true);
  });
});
