import { describe, expect, it } from '@jest/globals';
import { CRASH_POLICIES, SeededRandom, SimulatedFileSystem } from '../../../lib/platform/index.js';
import { TopicTable } from '../../../lib/store/state/topic-table.js';
import { flip, memoryWorld, STATE, world } from './world.js';

const FOUR = { readQueueNums: 4, writeQueueNums: 4 };

describe('TopicTable', () => {
  it('has a topic after a restart, with its number, incarnation and frozen count of ordered queues', async () => {
    const platform = await memoryWorld();
    const topics = await TopicTable.open(platform, STATE);
    await topics.create('orders', FOUR, 100);
    await topics.update('orders', { writeQueueNums: 8, readQueueNums: 8 });
    await topics.close();
    const again = await TopicTable.open(platform, STATE);
    expect(again.get('orders')).toEqual({
      name: 'orders',
      number: 1,
      readQueueNums: 8,
      writeQueueNums: 8,
      perm: 6,
      topicSysFlag: 0,
      order: false,
      orderedQueues: 4,
      createdAt: 0,
    });
    expect(again.ofNumber(1)?.name).toBe('orders');
  });

  it('says after its close that it is closed, and takes no change', async () => {
    const platform = await memoryWorld();
    const topics = await TopicTable.open(platform, STATE);
    await topics.close();
    await expect(topics.create('orders', FOUR, 0)).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    expect((await TopicTable.open(platform, STATE)).list()).toEqual([]);
  });

  it('shows a topic only once it is durable', async () => {
    const platform = await memoryWorld();
    const topics = await TopicTable.open(platform, STATE);
    const creating = topics.create('orders', FOUR, 0);
    expect(topics.get('orders')).toBeUndefined();
    await creating;
    expect(topics.get('orders')?.number).toBe(1);
  });

  it('gives one topic to all who create it at the same time, and what exists to who comes later', async () => {
    const platform = await memoryWorld();
    const topics = await TopicTable.open(platform, STATE);
    const all = await Promise.all([
      topics.create('a', FOUR, 5),
      topics.create('a', FOUR, 6),
      topics.create('a', FOUR, 7),
    ]);
    expect(new Set(all).size).toBe(1);
    expect(await topics.create('a', { readQueueNums: 9, writeQueueNums: 9 }, 8)).toBe(all[0]);
  });

  it('gives a recreated topic a new number and incarnation, also over restarts', async () => {
    const platform = await memoryWorld();
    let topics = await TopicTable.open(platform, STATE);
    await topics.create('orders', FOUR, 0);
    await topics.create('other', FOUR, 0);
    await topics.delete('orders', 50);
    expect(topics.get('orders')).toBeUndefined();
    expect(topics.ofNumber(1)).toBeUndefined();
    await topics.delete('other', 50);
    await topics.close();
    topics = await TopicTable.open(platform, STATE);
    await topics.forgetBefore(1000);
    await topics.close();
    topics = await TopicTable.open(platform, STATE);
    expect(await topics.create('orders', FOUR, 2000)).toMatchObject({ number: 3, createdAt: 0 });
    const [, created] = await Promise.all([topics.delete('orders', 3000), topics.create('orders', FOUR, 3001)]);
    expect(created).toMatchObject({ number: 4, createdAt: 3001 });
    expect(topics.get('orders')).toBe(created);
  });

  it('brings creations back to the end of a log that lost its end', async () => {
    const platform = await memoryWorld();
    const topics = await TopicTable.open(platform, STATE);
    await topics.create('orders', FOUR, 0);
    await topics.delete('orders', 400);
    await topics.create('orders', FOUR, 500);
    expect(topics.get('orders')?.createdAt).toBe(500);
    await topics.clampTo(300);
    expect(topics.get('orders')?.createdAt).toBe(300);
  });

  it.each([
    ['no queues', { readQueueNums: 0, writeQueueNums: 4 }],
    ['half a queue', { readQueueNums: 1.5, writeQueueNums: 4 }],
    ['a forged count', { readQueueNums: 4, writeQueueNums: 2 ** 31 }],
    ['a wrong perm', { ...FOUR, perm: 9 }],
  ])('refuses %s', async (_what, settings) => {
    const topics = await TopicTable.open(await memoryWorld(), STATE);
    await expect(topics.create('orders', settings, 0)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });

  it('refuses to change or delete what is not there', async () => {
    const topics = await TopicTable.open(await memoryWorld(), STATE);
    await expect(topics.update('nothing', { perm: 4 })).rejects.toMatchObject({ code: 'TOPIC_NOT_FOUND' });
    await expect(topics.delete('nothing', 0)).rejects.toMatchObject({ code: 'TOPIC_NOT_FOUND' });
  });

  it('creates 10,000 topics one after the other without writing 10,000 snapshots', async () => {
    const disk = new SimulatedFileSystem();
    await disk.makeDirectory(STATE);
    const platform = world(disk);
    const topics = await TopicTable.open(platform, STATE);
    for (let at = 0; at < 10_000; at++) await topics.create(`topic-${at}`, FOUR, at);
    const renames = disk.operations.filter(({ name }) => name === 'rename').length;
    expect(renames).toBeLessThan(30);
    await topics.close();
    expect((await TopicTable.open(platform, STATE)).size).toBe(10_000);
  });

  it('creates 10,000 topics at once with a handful of syncs', async () => {
    const disk = new SimulatedFileSystem();
    await disk.makeDirectory(STATE);
    const topics = await TopicTable.open(world(disk), STATE);
    await Promise.all(Array.from({ length: 10_000 }, (_, at) => topics.create(`topic-${at}`, FOUR, at)));
    expect(topics.size).toBe(10_000);
    expect(disk.operations.filter(({ name }) => name === 'datasync').length).toBeLessThan(10);
  });

  it('says that the disk is full, keeps what it had, and goes on when there is room', async () => {
    const disk = new SimulatedFileSystem();
    await disk.makeDirectory(STATE);
    const platform = world(disk);
    const topics = await TopicTable.open(platform, STATE);
    await topics.create('before', FOUR, 0);
    disk.inject({ kind: 'ENOSPC', at: disk.operations.length, lasts: 'from' });
    await expect(topics.create('lost', FOUR, 0)).rejects.toMatchObject({ code: 'DISK_FULL', retryable: true });
    expect(topics.get('lost')).toBeUndefined();
    disk.clearFaults();
    await topics.create('after', FOUR, 0);
    expect((await TopicTable.open(platform, STATE)).list().map(({ name }) => name)).toEqual(['before', 'after']);
  });

  it('loses nothing after a sync that failed, although the descriptor pretends to be well again', async () => {
    const disk = new SimulatedFileSystem();
    await disk.makeDirectory(STATE);
    const topics = await TopicTable.open(world(disk), STATE);
    await topics.create('a', FOUR, 0);
    disk.inject({ kind: 'EIO', at: disk.operations.length, lasts: 'from', operations: ['datasync'] });
    await expect(topics.create('b', FOUR, 0)).rejects.toMatchObject({ code: 'BROKER_ERROR' });
    disk.clearFaults();
    await topics.create('c', FOUR, 0);
    const image = disk.crashImage('none', new SeededRandom(1));
    expect((await TopicTable.open(world(image), STATE)).list().map(({ name }) => name)).toEqual(['a', 'c']);
  });

  it('reports damage in front of later changes instead of dropping those', async () => {
    const platform = await memoryWorld();
    const topics = await TopicTable.open(platform, STATE);
    await topics.create('a', FOUR, 0);
    await topics.create('b', FOUR, 0);
    await topics.close();
    await flip(platform.fileSystem, `${STATE}/topics.journal.0`, 30);
    await expect(TopicTable.open(platform, STATE)).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
      message: expect.stringContaining('topics.journal.0'),
    });
  });

  it('needs neither of the two snapshots alone: a damaged newest loses no change', async () => {
    const platform = await memoryWorld();
    const topics = await TopicTable.open(platform, STATE);
    const names: string[] = [];
    for (let at = 0; at < 3_000; at++) {
      const { name } = await topics.create(`topic-${at}`, FOUR, at);
      names.push(name);
    }
    await topics.close();
    await flip(platform.fileSystem, `${STATE}/topics`, 50);
    for (let round = 0; round < 2; round++) {
      const again = await TopicTable.open(platform, STATE);
      expect(again.list().map(({ name }) => name)).toEqual(names);
      await again.create(`extra-${round}`, FOUR, 0);
      names.push(`extra-${round}`);
      await again.close();
    }
  });

  it('has every acknowledged topic and none that was not asked for after a crash at every operation, twice', async () => {
    const random = new SeededRandom(3);
    const disk = new SimulatedFileSystem();
    await disk.makeDirectory(STATE);
    const acknowledged = new Map<string, number>();
    const deleted = new Set<string>();
    const asked = new Set<string>();
    const open = new Set<string>();
    const checks: Promise<void>[] = [];
    let images = 0;
    const check = async (
      image: SimulatedFileSystem,
      expected: Map<string, number>,
      may: Set<string>,
    ): Promise<void> => {
      const topics = await TopicTable.open(world(image), STATE);
      for (const [name, number] of expected) expect(topics.get(name)?.number).toBe(number);
      for (const { name } of topics.list()) expect(expected.has(name) || may.has(name)).toBe(true);
      const numbers = topics.list().map(({ number }) => number);
      expect(new Set(numbers).size).toBe(numbers.length);
      const fresh = await topics.create('fresh', FOUR, 9_999);
      for (const number of expected.values()) expect(fresh.number).toBeGreaterThan(number);
    };
    disk.onOperation(() => {
      const expected = new Map([...acknowledged].filter(([name]) => !open.has(name)));
      const may = new Set([...asked].filter((name) => !deleted.has(name)));
      for (const policy of CRASH_POLICIES) {
        const image = disk.crashImage(policy, random);
        const second = random.below(12);
        images++;
        checks.push(
          (async () => {
            image.crashAt({ at: second, answers: 'EIO' });
            const names = new Set(may);
            try {
              const topics = await TopicTable.open(world(image), STATE);
              names.add('second');
              await topics.create('second', FOUR, 1);
            } catch {
              // The crash during recovery, or after it.
            }
            await check(image.crashImage(policy, random), expected, names);
          })(),
        );
      }
    });
    const topics = await TopicTable.open(world(disk), STATE);
    const create = async (name: string): Promise<void> => {
      asked.add(name);
      deleted.delete(name);
      acknowledged.set(name, (await topics.create(name, FOUR, 0)).number);
    };
    // Long names: the journal is folded into a snapshot within few operations.
    const padding = 'x'.repeat(6_000);
    for (let at = 0; at < 20; at++) {
      await Promise.all([create(`${padding}-${at}-a`), create(`${padding}-${at}-b`)]);
      if (at % 10 !== 5) continue;
      const gone = `${padding}-${at}-a`;
      open.add(gone);
      await topics.delete(gone, 0);
      acknowledged.delete(gone);
      deleted.add(gone);
      open.delete(gone);
    }
    await Promise.all(checks);
    expect(disk.operations.some(({ name }) => name === 'rename')).toBe(true);
    expect(images).toBeGreaterThan(250);
  });
});
