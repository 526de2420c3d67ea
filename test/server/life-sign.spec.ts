import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { NodeFileSystem } from '../../lib/platform/index.js';
import { giveLifeSign, isDead, sweepLifeSigns } from '../../lib/server/sharing/life-sign.js';

describe('the sign of life of a joined process', () => {
  const fileSystem = new NodeFileSystem();
  let store: string;
  beforeEach(async () => {
    store = await mkdtemp(join(tmpdir(), 'nestmq-sign-'));
  });
  afterEach(() => rm(store, { recursive: true, force: true }));

  it('shows that it lives until its lock goes, and is removed then', async () => {
    const sign = await giveLifeSign(fileSystem, store, 'a1');
    expect(await isDead(fileSystem, store, 'a1')).toBe(false);
    await sweepLifeSigns(fileSystem, store);
    expect(await isDead(fileSystem, store, 'a1')).toBe(false);
    await sign!.release();
    expect(await readdir(`${store}/local`)).toEqual(['a1.joined']);
    expect(await isDead(fileSystem, store, 'a1')).toBe(true);
    expect(await readdir(`${store}/local`)).toEqual([]);
  });

  it('is swept away by the next host when both have died', async () => {
    const [living, dead] = [await giveLifeSign(fileSystem, store, 'a1'), await giveLifeSign(fileSystem, store, 'b2')];
    await dead!.release();
    await sweepLifeSigns(fileSystem, store);
    expect(await readdir(`${store}/local`)).toEqual(['a1.joined']);
    await living!.release();
  });

  it('is given on the file that its name leads to, however often a sweep removes another one in between', async () => {
    let sweeps = 0;
    const swept = new Proxy(fileSystem, {
      get(target, name) {
        if (name !== 'lock') return (Reflect.get(target, name) as (...args: unknown[]) => unknown).bind(target);
        return async (path: string) => {
          const lock = await target.lock(path);
          // Whoever removes a file has its lock: so this happens to one that is open here and not locked yet.
          if (sweeps++ === 0) await rm(path);
          return lock;
        };
      },
    });
    const sign = await giveLifeSign(swept, store, 'a1');
    expect(sweeps).toBeGreaterThan(2);
    expect(await isDead(fileSystem, store, 'a1')).toBe(false);
    await sign!.release();
  });

  it.each(['', '../lock', 'A1', 'a1/b', '123456789'])(
    'has no name like "%s", and nothing is done with it',
    async (id) => {
      expect(await isDead(fileSystem, store, id)).toBe(false);
      expect(await readdir(store)).toEqual([]);
    },
  );
});
