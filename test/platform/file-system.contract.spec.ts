import { constants } from 'node:fs';
import { mkdtemp, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type FileHandle,
  type FileSystem,
  MemoryFileSystem,
  NodeFileSystem,
  SimulatedFileSystem,
} from '../../lib/platform/index.js';
import { LoopWaits } from '../../lib/platform/loop-waits.js';

interface Place {
  readonly fileSystem: FileSystem;
  readonly root: string;
  clear(): Promise<void>;
}

const places: [string, () => Promise<Place>][] = [
  [
    'NodeFileSystem',
    async () => {
      const root = await mkdtemp(join(tmpdir(), 'nestmq-fs-'));
      return { fileSystem: new NodeFileSystem(), root, clear: () => rm(root, { recursive: true }) };
    },
  ],
  ['MemoryFileSystem', () => inMemory(new MemoryFileSystem())],
  ['SimulatedFileSystem', () => inMemory(new SimulatedFileSystem())],
];

async function inMemory(fileSystem: FileSystem): Promise<Place> {
  await fileSystem.makeDirectory('/disk');
  return { fileSystem, root: '/disk', clear: async () => {} };
}

describe.each(places)('%s', (_name, make) => {
  let place: Place;
  let fileSystem: FileSystem;
  const at = (name: string): string => join(place.root, name);

  beforeEach(async () => {
    place = await make();
    fileSystem = place.fileSystem;
  });
  afterEach(() => place.clear());

  async function writeFile(name: string, text: string): Promise<void> {
    const file = await fileSystem.open(at(name), 'create');
    await file.write(Buffer.from(text), 0);
    await file.close();
  }

  async function readFile(name: string): Promise<string> {
    const file = await fileSystem.open(at(name), 'read');
    const target = Buffer.alloc(await file.size());
    await file.read(target, 0);
    await file.close();
    return target.toString();
  }

  it('reads what was written at its position, with zeros in between', async () => {
    const file = await fileSystem.open(at('a'), 'create');
    await file.write(Buffer.from('hello'), 0);
    await file.write(Buffer.from('far'), 100_000);
    await file.datasync();
    expect(await file.size()).toBe(100_003);
    const target = Buffer.alloc(10, 0xff);
    expect(await file.read(target, 0)).toBe(10);
    expect(target.toString('latin1')).toBe('hello\0\0\0\0\0');
    expect(await file.read(target, 99_998)).toBe(5);
    expect(target.toString('latin1', 0, 5)).toBe('\0\0far');
    expect(await file.read(target, 200_000)).toBe(0);
    expect(await file.read(Buffer.alloc(0), 0)).toBe(0);
    await file.close();
  });

  it('shrinks and grows a file; what grows again is zeros', async () => {
    const file = await fileSystem.open(at('a'), 'create');
    await file.write(Buffer.from('abcdef'), 0);
    await file.truncate(3);
    await file.truncate(6);
    const target = Buffer.alloc(6);
    expect(await file.read(target, 0)).toBe(6);
    expect(target.toString('latin1')).toBe('abc\0\0\0');
    await file.close();
  });

  it('creates only what is not there and opens only what is', async () => {
    await writeFile('a', 'x');
    await expect(fileSystem.open(at('a'), 'create')).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(fileSystem.open(at('b'), 'write')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fileSystem.open(at('b'), 'read')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fileSystem.open(at('no/b'), 'create')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses to write to what was opened for reading, and anything after closing', async () => {
    await writeFile('a', 'x');
    const file = await fileSystem.open(at('a'), 'read');
    await expect(file.write(Buffer.from('y'), 0)).rejects.toMatchObject({ code: 'EBADF' });
    await file.close();
    const again = await fileSystem.open(at('a'), 'write');
    await again.write(Buffer.from('y'), 0);
    await again.close();
    await expect(again.close()).rejects.toMatchObject({ code: 'EBADF' });
    expect(await readFile('a')).toBe('y');
  });

  it('lists names in order and takes an absent directory for an empty one', async () => {
    await writeFile('b', '');
    await writeFile('a', '');
    await fileSystem.makeDirectory(at('c/d/e'));
    await fileSystem.makeDirectory(at('c/d/e'));
    expect(await fileSystem.list(place.root)).toEqual(['a', 'b', 'c']);
    expect(await fileSystem.list(at('c/d'))).toEqual(['e']);
    expect(await fileSystem.list(at('none'))).toEqual([]);
    expect(await fileSystem.exists(at('c/d/e'))).toBe(true);
    expect(await fileSystem.exists(at('a'))).toBe(true);
    expect(await fileSystem.exists(at('none'))).toBe(false);
  });

  it('renames over an existing file', async () => {
    await writeFile('a', 'new');
    await writeFile('b', 'old');
    await fileSystem.rename(at('a'), at('b'));
    await fileSystem.syncDirectory(place.root);
    expect(await fileSystem.list(place.root)).toEqual(['b']);
    expect(await readFile('b')).toBe('new');
    await expect(fileSystem.rename(at('none'), at('b'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('removes files and empty directories, absent ones too; an open file lives on', async () => {
    await fileSystem.makeDirectory(at('d'));
    await writeFile('d/a', 'still here');
    const file = await fileSystem.open(at('d/a'), 'read');
    await expect(fileSystem.removeDirectory(at('d'))).rejects.toMatchObject({ code: 'ENOTEMPTY' });
    await fileSystem.remove(at('d/a'));
    await fileSystem.remove(at('d/a'));
    await fileSystem.removeDirectory(at('d'));
    await fileSystem.removeDirectory(at('d'));
    const target = Buffer.alloc(10);
    await file.read(target, 0);
    expect(target.toString()).toBe('still here');
    await file.close();
    expect(await fileSystem.list(place.root)).toEqual([]);
  });

  it('knows the space of the disk', async () => {
    const space = await fileSystem.diskSpace(place.root);
    expect(space.totalBytes).toBeGreaterThan(0);
    expect(space.freeBytes).toBeLessThanOrEqual(space.totalBytes);
  });

  it('gives a lock to one holder, names it to others, and gives it again after release', async () => {
    const lock = await fileSystem.lock(at('lock'));
    if ('holder' in lock) throw new Error('not locked');
    expect(await fileSystem.lock(at('lock'))).toMatchObject({ holder: expect.stringContaining(String(process.pid)) });
    await lock.describe('the broker of shop');
    expect(await fileSystem.lock(at('lock'))).toEqual({ holder: 'the broker of shop' });
    await lock.describe('short');
    expect(await fileSystem.lock(at('lock'))).toEqual({ holder: 'short' });
    await lock.release();
    const next = await fileSystem.lock(at('lock'));
    if ('holder' in next) throw new Error('not locked again');
    await next.release();
    expect(await fileSystem.exists(at('lock'))).toBe(true);
  });
});

/** The loop may wait for any write that is small enough: it never runs out of time. */
const ownLoop = (): NodeFileSystem => new NodeFileSystem(new LoopWaits(() => 0));

describe.each([
  ['the machine', () => new NodeFileSystem()],
  ['the machine, where the loop makes small ones itself', ownLoop],
])('a synced write of %s', (_name, machine) => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'nestmq-synced-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  const open = (mode: 'create' | 'write' | 'read'): Promise<FileHandle> => machine().open(`${root}/a`, mode);

  it('puts its parts one behind the other, beside what others write', async () => {
    const file = await open('create');
    await file.write(Buffer.from('0123456789'), 0);
    await file.writeSynced!([Buffer.from('ab'), Buffer.from('c')], 3);
    await file.writeSynced!([Buffer.from('xyz')], 8);
    await file.writeSynced!([], 2);
    expect(await readFile(`${root}/a`, 'latin1')).toBe('012abc67xyz');
    await file.close();
  });

  it('takes more parts than one call of the kernel does', async () => {
    const file = await open('create');
    const parts = Array.from({ length: 3000 }, (_, n) => Buffer.from(String(n % 10)));
    await file.writeSynced!(parts, 0);
    expect(await readFile(`${root}/a`, 'latin1')).toBe(parts.join(''));
    await file.close();
  });

  it('leaves no descriptor open, and fails when the file has gone', async () => {
    await (await open('create')).close();
    const before = await readdir('/proc/self/fd').catch(() => []);
    const file = await open('write');
    await file.writeSynced!([Buffer.from('a')], 0);
    await file.close();
    expect(await readdir('/proc/self/fd').catch(() => [])).toHaveLength(before.length);
    const gone = await open('write');
    await rm(`${root}/a`);
    await expect(gone.writeSynced!([Buffer.from('a')], 0)).rejects.toMatchObject({ code: 'ENOENT' });
    await gone.close();
  });

  it('goes through a descriptor of which the kernel knows that it syncs, on Linux', async () => {
    if (process.platform !== 'linux') return console.warn('not shown: only Linux says how a descriptor was opened');
    const file = await open('create');
    await file.writeSynced!([Buffer.from('a')], 0);
    const kinds: boolean[] = [];
    for (const fd of await readdir('/proc/self/fd')) {
      const path = await readlink(`/proc/self/fd/${fd}`).catch(() => '');
      if (path !== (await realpath(`${root}/a`))) continue;
      const [, flags] = /^flags:\s*(\d+)/m.exec(await readFile(`/proc/self/fdinfo/${fd}`, 'latin1'))!;
      kinds.push((Number.parseInt(flags!, 8) & constants.O_DSYNC) !== 0);
    }
    expect(kinds.toSorted()).toEqual([false, true]);
    await file.close();
  });
});

describe('a small synced write', () => {
  it('is done when the call returns where the loop makes it itself, and not before that where it does not', async () => {
    const root = await mkdtemp(join(tmpdir(), 'nestmq-own-'));
    try {
      for (const [fileSystem, own] of [
        [ownLoop(), true],
        [new NodeFileSystem(), false],
      ] as const) {
        const file = await fileSystem.open(`${root}/${own}`, 'create');
        // Opens the second descriptor.
        await file.writeSynced!([Buffer.from('a')], 0);
        const writing = file.writeSynced!([Buffer.alloc(8192, 'b')], 1);
        // Nothing else had a turn since: the thread pool would tell that it is done in a later one.
        const settled = await Promise.race([writing.then(() => true), Promise.resolve().then(noMore)]);
        expect(settled).toBe(own);
        await writing;
        await file.close();
        expect(await readFile(`${root}/${own}`, 'latin1')).toBe(`a${'b'.repeat(8192)}`);
      }
    } finally {
      await rm(root, { recursive: true });
    }
  });
});

/** False, after as many microtasks as what needs no turn of the loop may take. */
async function noMore(): Promise<boolean> {
  for (let n = 0; n < 20; n++) await Promise.resolve();
  return false;
}
