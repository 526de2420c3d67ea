import { describe, expect, it } from '@jest/globals';
import { MemoryFileSystem, SimulatedFileSystem } from '../../../lib/platform/index.js';
import { ConsumerProgress } from '../../../lib/store/state/consumer-progress.js';
import { memoryWorld, STATE, world } from './world.js';

const one = (): number => 1;

describe('ConsumerProgress', () => {
  it('answers what was committed, at once', async () => {
    const progress = await ConsumerProgress.open(await memoryWorld(), STATE, one);
    expect(progress.query('g', 'orders', 0)).toBeUndefined();
    expect(progress.commit('g', 'orders', 3, 17)).toBe(true);
    expect(progress.query('g', 'orders', 3)).toBe(17);
    expect(progress.query('g', 'orders', 2)).toBeUndefined();
    expect(progress.commit('g', 'orders', 0, 0)).toBe(true);
    expect(progress.query('g', 'orders', 0)).toBe(0);
  });

  it('knows nothing of a group and topic whose position it refused', async () => {
    const progress = await ConsumerProgress.open(await memoryWorld(), STATE, one);
    for (const [queueId, offset] of [
      [-1, 5],
      [0.5, 5],
      [1e9, 5],
      [0, -1],
    ] as const) {
      expect(() => progress.commit('g', 'orders', queueId, offset)).toThrow(
        expect.objectContaining({ code: 'BAD_ARGUMENT' }),
      );
    }
    expect(progress.groupsOf('orders')).toEqual([]);
    expect(progress.topicsOf('g')).toEqual([]);
  });

  it('never goes down by a commit, only by a reset', async () => {
    const progress = await ConsumerProgress.open(await memoryWorld(), STATE, one);
    progress.commit('g', 'orders', 0, 17);
    expect(progress.commit('g', 'orders', 0, 16)).toBe(false);
    expect(progress.query('g', 'orders', 0)).toBe(17);
    progress.reset('g', 'orders', 0, 5);
    expect(progress.query('g', 'orders', 0)).toBe(5);
    progress.reset('g', 'orders', 0, undefined);
    expect(progress.query('g', 'orders', 0)).toBeUndefined();
  });

  it('is on the disk a second after a commit, and at close', async () => {
    const platform = await memoryWorld();
    const progress = await ConsumerProgress.open(platform, STATE, one);
    progress.commit('g', 'orders', 1, 10);
    await platform.clock.advance(1_000);
    expect((await ConsumerProgress.open(platform, STATE, one)).query('g', 'orders', 1)).toBe(10);
    progress.commit('g', 'orders', 1, 11);
    await progress.close();
    expect((await ConsumerProgress.open(platform, STATE, one)).query('g', 'orders', 1)).toBe(11);
    expect((await ConsumerProgress.open(platform, STATE, one)).query('g', 'orders', 0)).toBeUndefined();
  });

  it('writes once a second however much is committed, and not at all when nothing is', async () => {
    const disk = new SimulatedFileSystem();
    await disk.makeDirectory(STATE);
    const platform = world(disk);
    const progress = await ConsumerProgress.open(platform, STATE, one);
    for (let second = 0; second < 3; second++) {
      for (let commit = 0; commit < 1_000; commit++)
        progress.commit('g', 'orders', commit % 8, second * 1_000 + commit);
      await platform.clock.advance(1_000);
    }
    const writes = (): number => disk.operations.filter(({ name }) => name === 'datasync').length;
    expect(writes()).toBe(3);
    await platform.clock.advance(60_000);
    expect(writes()).toBe(3);
  });

  it('tries again after a failed write, and says so once', async () => {
    const disk = new SimulatedFileSystem();
    await disk.makeDirectory(STATE);
    const platform = world(disk);
    const progress = await ConsumerProgress.open(platform, STATE, one);
    disk.inject({ kind: 'ENOSPC', at: 0, lasts: 'from' });
    progress.commit('g', 'orders', 0, 10);
    await platform.clock.advance(10_000);
    expect(platform.logger.at('error')).toHaveLength(1);
    await expect(progress.flush()).rejects.toMatchObject({ code: 'DISK_FULL' });
    disk.clearFaults();
    await platform.clock.advance(1_000);
    expect((await ConsumerProgress.open(platform, STATE, one)).query('g', 'orders', 0)).toBe(10);
  });

  it("writes nothing once it is closed, not even what the disk did not take then: the store may be another one's", async () => {
    const disk = new SimulatedFileSystem();
    await disk.makeDirectory(STATE);
    const platform = world(disk);
    const progress = await ConsumerProgress.open(platform, STATE, one);
    disk.inject({ kind: 'ENOSPC', at: 0, lasts: 'from' });
    progress.commit('g', 'orders', 0, 10);
    await expect(progress.close()).rejects.toMatchObject({ code: 'DISK_FULL' });
    disk.clearFaults();
    progress.commit('g', 'orders', 0, 11);
    await platform.clock.advance(10_000);
    expect((await ConsumerProgress.open(platform, STATE, one)).query('g', 'orders', 0)).toBeUndefined();
  });

  it('sets positions beyond the end of a queue back to it and names them', async () => {
    const platform = await memoryWorld();
    const progress = await ConsumerProgress.open(platform, STATE, one);
    progress.commit('g', 'orders', 0, 100);
    progress.commit('g', 'orders', 1, 50);
    await progress.clampTo(() => 60);
    expect((await ConsumerProgress.open(platform, STATE, one)).query('g', 'orders', 0)).toBe(60);
    expect(progress.query('g', 'orders', 0)).toBe(60);
    expect(progress.query('g', 'orders', 1)).toBe(50);
    expect(platform.logger.at('warn')).toEqual([expect.stringContaining('position 100 in orders queue 0')]);
  });

  it('does not take over the positions in a deleted topic of the same name', async () => {
    const platform = await memoryWorld();
    const progress = await ConsumerProgress.open(platform, STATE, () => 3);
    progress.commit('g', 'orders', 0, 100);
    await progress.close();
    const again = await ConsumerProgress.open(platform, STATE, () => 4);
    expect(again.query('g', 'orders', 0)).toBeUndefined();
  });

  it('forgets groups and topics', async () => {
    const platform = await memoryWorld();
    const progress = await ConsumerProgress.open(platform, STATE, one);
    progress.commit('g', 'a', 0, 1);
    progress.commit('g', 'b', 0, 1);
    progress.commit('h', 'a', 0, 1);
    expect(progress.groupsOf('a')).toEqual(['g', 'h']);
    progress.removeTopic('a');
    expect(progress.topicsOf('g')).toEqual(['b']);
    progress.removeGroup('g');
    expect(progress.query('g', 'b', 0)).toBeUndefined();
  });

  it.each([
    ['a queue below 0', -1, 5],
    ['a forged queue', 2 ** 31, 5],
    ['half an offset', 0, 0.5],
    ['a negative offset', 0, -1],
  ])('refuses %s', async (_what, queueId, offset) => {
    const progress = await ConsumerProgress.open(await memoryWorld(), STATE, one);
    expect(() => progress.commit('g', 'orders', queueId, offset)).toThrow(
      expect.objectContaining({ code: 'BAD_ARGUMENT' }),
    );
  });

  it('keeps names apart that are special to JavaScript', async () => {
    const fileSystem = new MemoryFileSystem();
    await fileSystem.makeDirectory(STATE);
    const platform = world(fileSystem);
    const progress = await ConsumerProgress.open(platform, STATE, one);
    progress.commit('__proto__', '__proto__', 0, 3);
    await progress.close();
    expect((await ConsumerProgress.open(platform, STATE, one)).query('__proto__', '__proto__', 0)).toBe(3);
  });
});
