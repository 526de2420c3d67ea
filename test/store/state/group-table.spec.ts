import { describe, expect, it } from '@jest/globals';
import { SimulatedFileSystem } from '../../../lib/platform/index.js';
import { GroupTable } from '../../../lib/store/state/group-table.js';
import { memoryWorld, STATE, world } from './world.js';

describe('GroupTable', () => {
  it('has a registration with its log offset once the promise resolves, and after a restart', async () => {
    const platform = await memoryWorld();
    const groups = await GroupTable.open(platform, STATE);
    const registering = groups.ensure('billing', ['orders'], 700, { retryMaxTimes: 5 });
    expect(groups.get('billing')).toBeUndefined();
    await registering;
    await groups.ensure('billing', ['orders', 'payments'], 900, { retryMaxTimes: 99 });
    await groups.close();
    const again = await GroupTable.open(platform, STATE);
    expect(again.registeredAt('billing', 'orders')).toBe(700);
    expect(again.registeredAt('billing', 'payments')).toBe(900);
    expect(again.registeredAt('billing', 'constructor')).toBeUndefined();
    expect(again.get('billing')?.retryMaxTimes).toBe(5);
  });

  it('merges registrations that arrive at the same time', async () => {
    const platform = await memoryWorld();
    const groups = await GroupTable.open(platform, STATE);
    await Promise.all([groups.ensure('g', ['a'], 1), groups.ensure('g', ['b'], 2), groups.ensure('h', ['a'], 3)]);
    expect(groups.get('g')?.topics).toEqual({ a: 1, b: 2 });
    expect(groups.get('h')?.topics).toEqual({ a: 3 });
  });

  it('makes who registers the same thing a moment later wait until it is durable', async () => {
    const disk = new SimulatedFileSystem();
    await disk.makeDirectory(STATE);
    const groups = await GroupTable.open(world(disk), STATE);
    const first = groups.ensure('g', ['a'], 1);
    await Promise.resolve();
    const second = await groups.ensure('g', ['a'], 1);
    expect(second.topics).toEqual({ a: 1 });
    expect(groups.get('g')).toBeDefined();
    await first;
  });

  it('writes nothing for what is registered already', async () => {
    const disk = new SimulatedFileSystem();
    await disk.makeDirectory(STATE);
    const groups = await GroupTable.open(world(disk), STATE);
    await groups.ensure('g', ['a'], 1);
    const before = disk.operations.length;
    await groups.ensure('g', ['a'], 2);
    expect(disk.operations.length).toBe(before);
    expect(groups.registeredAt('g', 'a')).toBe(1);
  });

  it('remembers signs of life over a restart, and nobody is online then', async () => {
    const platform = await memoryWorld();
    const groups = await GroupTable.open(platform, STATE);
    await groups.ensure('g', ['a'], 1);
    groups.touch('g', true);
    await platform.clock.advance(7_200_000);
    groups.touch('g');
    const seen = platform.clock.now();
    expect(groups.activityOf('g')).toEqual({ lastSeen: seen, online: true });
    await groups.close();
    expect((await GroupTable.open(platform, STATE)).activityOf('g')).toEqual({ lastSeen: seen, online: false });
  });

  it('stores a sign of life within the hour, so that a crash does not make an active group look dead', async () => {
    const platform = await memoryWorld();
    const groups = await GroupTable.open(platform, STATE);
    await groups.ensure('g', ['a'], 1);
    await platform.clock.advance(3_600_000);
    groups.touch('g');
    await platform.clock.settle();
    expect((await GroupTable.open(platform, STATE)).activityOf('g')?.lastSeen).toBe(platform.clock.now());
  });

  it('forgets a deleted topic, and a deleted group', async () => {
    const platform = await memoryWorld();
    const groups = await GroupTable.open(platform, STATE);
    await groups.ensure('g', ['a', 'b'], 1);
    await groups.forgetTopic('a');
    expect(groups.get('g')?.topics).toEqual({ b: 1 });
    await groups.delete('g');
    await groups.delete('never');
    expect((await GroupTable.open(platform, STATE)).list()).toEqual([]);
  });

  it('brings registrations back to the end of a log that lost its end', async () => {
    const platform = await memoryWorld();
    const groups = await GroupTable.open(platform, STATE);
    await groups.ensure('g', ['a'], 500);
    await groups.ensure('h', ['a'], 100);
    await groups.clampTo(300);
    const again = await GroupTable.open(platform, STATE);
    expect([again.registeredAt('g', 'a'), again.registeredAt('h', 'a')]).toEqual([300, 100]);
  });

  it('refuses settings that cannot be', async () => {
    const groups = await GroupTable.open(await memoryWorld(), STATE);
    await expect(groups.ensure('g', [], 0, { retryMaxTimes: 0.5 })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await expect(groups.update('none', {})).rejects.toMatchObject({ code: 'GROUP_NOT_FOUND' });
  });
});
