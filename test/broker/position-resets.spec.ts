import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryFileSystem } from '../../lib/platform/index.js';
import { decodeQueueOffsets, PullSysFlag, RequestCode, ResponseCode } from '../../lib/protocol/index.js';
import { TestBroker, type TestClient } from './harness.js';

const OUTSIDE = '10.0.0.9:50000';

describe('a position that is moved by order', () => {
  let fileSystem: MemoryFileSystem;
  let world: TestBroker;
  beforeEach(async () => {
    fileSystem = new MemoryFileSystem();
    world = await TestBroker.start({}, fileSystem);
    const client = world.client('sender');
    for (let at = 0; at < 10; at++) await client.sent('t', `m${at}`);
  });
  afterEach(() => world.stop());

  async function member(name: string, address?: string): Promise<TestClient> {
    const client = world.client(name, address);
    await client.join('g', 't');
    return client;
  }

  const commit = (client: TestClient, commitOffset: number) =>
    client.invoke(RequestCode.UPDATE_CONSUMER_OFFSET, { consumerGroup: 'g', topic: 't', queueId: 0, commitOffset });
  const query = (client: TestClient) =>
    client.invoke(RequestCode.QUERY_CONSUMER_OFFSET, { consumerGroup: 'g', topic: 't', queueId: 0 });
  const reset = (client: TestClient, more: object = {}) =>
    client.invoke(RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, {
      topic: 't',
      group: 'g',
      timestamp: 0,
      isForce: true,
      queueId: 0,
      ...more,
    });
  const position = () => world.store.progress.query('g', 't', 0);

  it('is held against the commits and pulls of members until they have asked where to go on', async () => {
    const client = await member('a');
    const admin = world.client('admin');
    await commit(client, 8);
    const answer = await reset(admin);
    expect(decodeQueueOffsets(answer.body!)).toEqual([
      { queue: { topic: 't', brokerName: 'nestmq', queueId: 0 }, offset: 0 },
    ]);
    expect((await commit(client, 9)).code).toBe(0);
    expect(position()).toBe(0);
    const pulled = await client.pull('g', 't', 0, 8, { sysFlag: PullSysFlag.COMMIT_OFFSET, commitOffset: 9 });
    expect(pulled).toMatchObject({ code: ResponseCode.PULL_OFFSET_MOVED, remark: 'OFFSET_RESET' });
    expect(pulled.header).toMatchObject({ nextBeginOffset: 0, minOffset: 0, maxOffset: 10 });
    expect(position()).toBe(0);
    expect((await query(client)).header).toMatchObject({ offset: 0 });
    expect((await client.pull('g', 't', 0, 0)).records).toHaveLength(10);
    await commit(client, 3);
    expect(position()).toBe(3);
  });

  it('wakes a pull that waits at the old one', async () => {
    const client = await member('a');
    const waiting = client.waitingPull('g', 't', 0, 10);
    await reset(world.client('admin'));
    expect(await waiting).toMatchObject({ code: ResponseCode.PULL_OFFSET_MOVED, remark: 'OFFSET_RESET' });
  });

  it('is told to members by RocketMQ’s own request as well', async () => {
    const client = await member('a');
    const told: unknown[] = [];
    client.channel.onRequest((request) => {
      if (request.code === RequestCode.RESET_CONSUMER_CLIENT_OFFSET)
        told.push(request.header, request.body?.toString());
    });
    await reset(world.client('admin'), { timestamp: -1, queueId: -1 });
    await world.clock.advance(1);
    expect(told).toEqual([
      { topic: 't', group: 'g', timestamp: -1, stored: true },
      expect.stringMatching(/^\{"offsetTable":\{\{"brokerName":"nestmq","queueId":0,"topic":"t"\}:10,/),
    ]);
  });

  it('is nothing to members that come afterwards, nor to other groups', async () => {
    const other = world.client('other');
    await other.join('h', 't');
    await member('a');
    await reset(world.client('admin'));
    const late = await member('b');
    await commit(late, 7);
    expect(position()).toBe(7);
    expect((await other.pull('h', 't', 0, 0)).code).toBe(0);
  });

  it('is held against a client outside over a restart of the broker, and not against one that said good-bye', async () => {
    const stays = await member('stays', OUTSIDE);
    await member('leaves', OUTSIDE);
    await commit(stays, 9);
    await reset(world.client('admin'));
    await world.stop();
    world = await TestBroker.start({}, fileSystem);
    const back = await member('stays', OUTSIDE);
    await commit(back, 9);
    expect(position()).toBe(0);
    const gone = world.client('leaves', OUTSIDE);
    await gone.join('g', 't');
    await gone.invoke(RequestCode.UNREGISTER_CLIENT, { clientID: 'leaves', consumerGroup: 'g' });
    await gone.join('g', 't');
    await commit(gone, 4);
    expect(position()).toBe(4);
    await query(back);
    await commit(back, 6);
    expect(position()).toBe(6);
  });

  it('is forgotten with its topic', async () => {
    const client = await member('a', OUTSIDE);
    await reset(world.client('admin'));
    await world.broker.topics.delete('t');
    for (let at = 0; at < 3; at++) await world.client('s').sent('t', `n${at}`);
    await commit(client, 2);
    expect(position()).toBe(2);
  });

  it.each([
    ['a group that is none', { group: 'nobody' }, /GROUP_NOT_FOUND/],
    ['a topic that is none', { topic: 'nowhere' }, /TOPIC_NOT_FOUND/],
    ['a queue that is none', { queueId: 99 }, /BAD_ARGUMENT/],
    ['an offset of all queues', { queueId: -1, offset: 3 }, /BAD_ARGUMENT/],
    ['an offset beyond the end', { offset: 11 }, /OFFSET_OUT_OF_RANGE/],
    ['a negative offset', { offset: -1 }, /OFFSET_OUT_OF_RANGE/],
  ])('is refused for %s', async (_, header, remark) => {
    await member('a');
    expect((await reset(world.client('admin'), header)).remark).toMatch(remark);
  });
});
