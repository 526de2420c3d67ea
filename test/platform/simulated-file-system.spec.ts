import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  CRASH_POLICIES,
  type FileHandle,
  SeededRandom,
  SimulatedFileSystem,
  VirtualClock,
} from '../../lib/platform/index.js';

const random = (seed = 1): SeededRandom => new SeededRandom(seed);

describe('SimulatedFileSystem', () => {
  let disk: SimulatedFileSystem;

  beforeEach(async () => {
    disk = new SimulatedFileSystem();
    await disk.makeDirectory('/d');
  });

  async function durableFile(path: string, text: string): Promise<FileHandle> {
    const file = await disk.open(path, 'create');
    await file.write(Buffer.from(text), 0);
    await file.datasync();
    await disk.syncDirectory('/d');
    return file;
  }

  it('loses unsynced data and keeps synced data', async () => {
    const file = await durableFile('/d/a', 'synced');
    await file.write(Buffer.from(' and not'), 6);
    expect(disk.contents('/d/a').toString()).toBe('synced and not');
    expect(disk.crashImage('none', random()).contents('/d/a').toString()).toBe('synced');
    expect(disk.crashImage('all', random()).contents('/d/a').toString()).toBe('synced and not');
    await file.datasync();
    expect(disk.crashImage('none', random()).contents('/d/a').toString()).toBe('synced and not');
  });

  it('loses the name of a synced file whose directory was not synced', async () => {
    const file = await disk.open('/d/a', 'create');
    await file.write(Buffer.from('x'), 0);
    await file.datasync();
    expect(disk.crashImage('none', random()).paths()).toEqual([]);
    expect(disk.crashImage('all', random()).paths()).toEqual(['/d/a']);
    await disk.syncDirectory('/d');
    expect(disk.crashImage('none', random()).paths()).toEqual(['/d/a']);
  });

  it('takes back a rename and a removal that were not synced, never half of a rename', async () => {
    await durableFile('/d/a', 'old');
    await durableFile('/d/a.tmp', 'new');
    await durableFile('/d/b', 'kept');
    await disk.rename('/d/a.tmp', '/d/a');
    await disk.remove('/d/b');
    const before = disk.crashImage('none', random());
    expect(before.paths()).toEqual(['/d/a', '/d/a.tmp', '/d/b']);
    expect(before.contents('/d/a').toString()).toBe('old');
    const seen = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const image = disk.crashImage('random-pages', random(seed));
      const renamed = !image.paths().includes('/d/a.tmp');
      expect(image.contents('/d/a').toString()).toBe(renamed ? 'new' : 'old');
      seen.add(image.paths().join());
    }
    expect(seen.size).toBe(4);
    await disk.syncDirectory('/d');
    expect(disk.crashImage('none', random()).paths()).toEqual(['/d/a']);
  });

  it('renames between directories as a whole', async () => {
    await disk.makeDirectory('/e');
    await durableFile('/d/a', 'x');
    await disk.rename('/d/a', '/e/a');
    for (let seed = 0; seed < 20; seed++) expect(disk.crashImage('random-pages', random(seed)).paths()).toHaveLength(1);
    await disk.syncDirectory('/e');
    expect(disk.crashImage('none', random()).paths()).toEqual(['/e/a']);
  });

  it('keeps a prefix of the unsynced operations across files, the last write in part', async () => {
    const a = await durableFile('/d/a', '');
    const b = await durableFile('/d/b', '');
    for (let i = 0; i < 10; i++) {
      await a.write(Buffer.from('1111'), 4 * i);
      await b.write(Buffer.from('2222'), 4 * i);
    }
    const lengths = new Set<number>();
    for (let seed = 0; seed < 200; seed++) {
      const image = disk.crashImage('prefix', random(seed));
      const [inA, inB] = [image.contents('/d/a').length, image.contents('/d/b').length];
      expect(inA - inB).toBeGreaterThanOrEqual(0);
      expect(inA - inB).toBeLessThanOrEqual(4);
      lengths.add(inA + inB);
    }
    expect(lengths.size).toBeGreaterThan(30);
  });

  it('keeps random pages of 4 KiB, and tears one at sectors of 512 bytes', async () => {
    const file = await durableFile('/d/a', '');
    await file.write(Buffer.alloc(8 * 4096, 1), 0);
    let torn = 0;
    for (let seed = 0; seed < 200; seed++) {
      const bytes = disk.crashImage('random-pages', random(seed)).contents('/d/a');
      let tornPages = 0;
      for (let page = 0; page < bytes.length; page += 4096) {
        const sectors = [];
        for (let at = page; at < Math.min(page + 4096, bytes.length); at += 512) {
          const sector = bytes.subarray(at, at + 512);
          expect(sector.every((byte) => byte === sector[0])).toBe(true);
          sectors.push(sector[0]);
        }
        if (new Set(sectors).size > 1) tornPages++;
      }
      expect(tornPages).toBeLessThanOrEqual(1);
      torn += tornPages;
    }
    expect(torn).toBeGreaterThan(10);
  });

  it('forgets what a failed sync should have kept, and lets the next sync succeed', async () => {
    const file = await durableFile('/d/a', 'a');
    await file.write(Buffer.from('b'), 1);
    disk.inject({ kind: 'EIO', at: disk.operations.length, operations: ['datasync'] });
    await expect(file.datasync()).rejects.toMatchObject({ code: 'EIO' });
    await file.write(Buffer.from('c'), 2);
    await file.datasync();
    expect(disk.contents('/d/a').toString()).toBe('abc');
    for (const policy of CRASH_POLICIES)
      expect(disk.crashImage(policy, random()).contents('/d/a').toString('latin1')).toBe('a\0c');
    expect(disk.faultHits).toBe(1);
  });

  describe('whose writes can be synced', () => {
    beforeEach(async () => {
      disk = new SimulatedFileSystem({ syncsWrites: true });
      await disk.makeDirectory('/d');
    });

    const kept = (): string => disk.crashImage('none', random()).contents('/d/a').toString('latin1');
    const mayBe = (): Set<string> =>
      new Set(
        Array.from({ length: 60 }, (_, seed) =>
          disk.crashImage('random-pages', random(seed)).contents('/d/a').toString('latin1'),
        ),
      );

    it('keeps what such a write has written, and the size that it needs, but nothing else of the file', async () => {
      const file = await durableFile('/d/a', '0123456789');
      await file.write(Buffer.from('ABCDEFGH'), 1);
      await file.writeSynced!([Buffer.from('x'), Buffer.from('yz')], 3);
      expect(disk.contents('/d/a').toString()).toBe('0ABxyzFGH9');
      expect(kept()).toBe('012xyz6789');
      expect(mayBe()).toEqual(new Set(['012xyz6789', '0ABxyz6789', '0ABxyzFGH9']));
      await file.write(Buffer.from('lost'), 10);
      await file.writeSynced!([Buffer.from('!')], 14);
      expect(kept()).toBe('012xyz6789\0\0\0\0!');
      await file.datasync();
      expect(kept()).toBe('0ABxyzFGH9lost!');
    });

    it('keeps the sizes that the file had before, where what is synced lies behind them', async () => {
      const file = await durableFile('/d/a', '0123456789');
      await file.write(Buffer.from('AB'), 1);
      await file.truncate(2);
      await file.writeSynced!([Buffer.from('1')], 1);
      expect(kept()).toBe('0123456789');
      await file.writeSynced!([Buffer.from('z')], 4);
      expect(kept()).toBe('01\0\0z');
      expect(mayBe()).toEqual(new Set(['01\0\0z']));
    });

    it('may lose it, or a part of it, when the power fails within the call', async () => {
      const file = await durableFile('/d/a', '');
      const within: string[] = [];
      disk.onOperation(({ name }) => {
        if (name === 'syncRange') within.push(kept(), disk.crashImage('all', random()).contents('/d/a').toString());
      });
      await file.writeSynced!([Buffer.from('ab')], 0);
      expect(within).toEqual(['', 'ab']);
      disk.crashAt({ at: disk.operations.length + 1, done: true });
      let answered = false;
      void file.writeSynced!([Buffer.from('cd')], 2).then(() => (answered = true));
      await disk.whenCrashed;
      await new VirtualClock().settle();
      expect([answered, kept()]).toEqual([false, 'abcd']);
    });

    it.each(['EIO', 'ENOSPC'] as const)('forgets what it could not sync (%s), for the next sync too', async (kind) => {
      const file = await durableFile('/d/a', 'abcdef');
      await file.write(Buffer.from('B'), 1);
      disk.inject({ kind, at: 0, lasts: 'from', operations: ['syncRange'] });
      await expect(file.writeSynced!([Buffer.from('DE')], 3)).rejects.toMatchObject({ code: kind });
      disk.clearFaults();
      await file.datasync();
      expect(disk.contents('/d/a').toString()).toBe('aBcDEf');
      expect(kept()).toBe('aBcdef');
    });

    it('can fail before anything is written, or half way', async () => {
      const file = await durableFile('/d/a', '');
      disk.inject({ kind: 'short', at: disk.operations.length + 1 });
      await expect(file.writeSynced!([Buffer.from('ab'), Buffer.from('cd')], 0)).rejects.toMatchObject({
        code: 'ENOSPC',
      });
      expect([disk.contents('/d/a').toString(), kept()]).toEqual(['ab', '']);
      disk.inject({ kind: 'EIO', at: disk.operations.length, operations: ['write'] });
      await expect(file.writeSynced!([Buffer.from('x')], 0)).rejects.toMatchObject({ code: 'EIO' });
      expect(disk.contents('/d/a').toString()).toBe('ab');
    });

    it('needs the file where it was opened, and open', async () => {
      const file = await durableFile('/d/a', '');
      await disk.rename('/d/a', '/d/b');
      await expect(file.writeSynced!([Buffer.from('x')], 0)).rejects.toMatchObject({ code: 'ENOENT' });
      await disk.rename('/d/b', '/d/a');
      await file.writeSynced!([Buffer.from('x')], 0);
      await file.close();
      await expect(file.writeSynced!([Buffer.from('x')], 0)).rejects.toMatchObject({ code: 'EBADF' });
    });
  });

  it('fails with ENOSPC, or after half of a write, from an operation on until the disk is well again', async () => {
    const file = await durableFile('/d/a', '');
    disk.inject({ kind: 'short', at: disk.operations.length });
    await expect(file.write(Buffer.from('abcd'), 0)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(disk.contents('/d/a').toString()).toBe('ab');
    disk.inject({ kind: 'ENOSPC', at: disk.operations.length, lasts: 'from', path: (path) => path.startsWith('/d') });
    await expect(file.write(Buffer.from('abcd'), 0)).rejects.toMatchObject({ code: 'ENOSPC' });
    await expect(disk.open('/d/b', 'create')).rejects.toMatchObject({ code: 'ENOSPC' });
    await file.datasync();
    await file.truncate(1);
    expect(await file.read(Buffer.alloc(4), 0)).toBe(1);
    disk.clearFaults();
    await file.write(Buffer.from('abcd'), 0);
  });

  it('is full when its capacity is reached and has room again after a removal', async () => {
    disk = new SimulatedFileSystem({ capacityBytes: 16_384 });
    await disk.makeDirectory('/d');
    const file = await durableFile('/d/a', '');
    await file.write(Buffer.alloc(12_288), 0);
    expect(await disk.diskSpace('/d')).toEqual({ freeBytes: 4096, totalBytes: 16_384 });
    await expect(file.write(Buffer.alloc(8192), 12_288)).rejects.toMatchObject({ code: 'ENOSPC' });
    await file.write(Buffer.alloc(4096), 8192);
    await disk.remove('/d/a');
    expect((await disk.diskSpace('/d')).freeBytes).toBe(16_384);
  });

  it.each([false, true])('stops for ever at the crash (operation itself done: %s)', async (done) => {
    const file = await durableFile('/d/a', '');
    await file.write(Buffer.from('x'), 0);
    disk.crashAt({ at: disk.operations.length, done });
    let answered = false;
    void file.datasync().then(() => {
      answered = true;
    });
    await disk.whenCrashed;
    void file.write(Buffer.from('later'), 0);
    await new VirtualClock().settle();
    expect(answered).toBe(false);
    expect(disk.crashed).toBe(true);
    expect(disk.crashImage('none', random()).contents('/d/a').toString()).toBe(done ? 'x' : '');
  });

  it('can answer EIO after the crash instead', async () => {
    const file = await durableFile('/d/a', '');
    disk.crash('EIO');
    await expect(file.datasync()).rejects.toMatchObject({ code: 'EIO' });
    await expect(disk.list('/d')).rejects.toMatchObject({ code: 'EIO' });
  });

  it('shows every boundary between operations, and images of them live apart', async () => {
    const images: SimulatedFileSystem[] = [];
    disk.onOperation(() => images.push(disk.crashImage('all', random())));
    const file = await disk.open('/d/a', 'create');
    for (let i = 0; i < 5; i++) await file.write(Buffer.from([65 + i]), i);
    expect(images[0]!.paths()).toEqual([]);
    expect(images.slice(1).map((image) => image.contents('/d/a').toString())).toEqual(['', 'A', 'AB', 'ABC', 'ABCD']);
    const other = await images[3]!.open('/d/a', 'write');
    await other.write(Buffer.from('zz'), 0);
    expect(disk.contents('/d/a').toString()).toBe('ABCDE');
    expect(images[4]!.contents('/d/a').toString()).toBe('ABC');
  });

  it('is the same image for the same seed', async () => {
    const file = await durableFile('/d/a', '');
    for (let i = 0; i < 20; i++) await file.write(Buffer.alloc(3000, i), 3000 * i);
    for (const policy of CRASH_POLICIES) {
      const [one, two] = [disk.crashImage(policy, random(3)), disk.crashImage(policy, random(3))];
      expect(one.contents('/d/a').equals(two.contents('/d/a'))).toBe(true);
    }
  });

  it('takes the time that it is told to, in order', async () => {
    const clock = new VirtualClock();
    disk = new SimulatedFileSystem({ latency: { clock, of: (name) => (name === 'datasync' ? 5 : 0) } });
    await disk.makeDirectory('/d');
    const file = await disk.open('/d/a', 'create');
    const seen: string[] = [];
    void file.write(Buffer.from('1'), 0).then(() => seen.push('write 1'));
    void file.datasync().then(() => seen.push('sync'));
    void file.write(Buffer.from('2'), 1).then(() => seen.push('write 2'));
    await clock.advance(4);
    expect(seen).toEqual(['write 1']);
    await clock.advance(1);
    expect(seen).toEqual(['write 1', 'sync', 'write 2']);
  });

  it('damages and cuts the disk itself', async () => {
    await durableFile('/d/a', 'abcdef');
    disk.damage('/d/a', 2, Buffer.from('!'));
    disk.cut('/d/a', 4);
    expect(disk.crashImage('none', random()).contents('/d/a').toString()).toBe('ab!d');
  });

  it('forgets locks at a crash', async () => {
    await disk.lock('/d/lock');
    expect(await disk.lock('/d/lock')).toHaveProperty('holder');
    expect(await disk.crashImage('all', random()).lock('/d/lock')).not.toHaveProperty('holder');
  });
});
