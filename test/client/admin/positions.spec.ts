import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConsumeMode, type MessagingClient } from '../../../lib/client/index.js';
import { MemoryFileSystem } from '../../../lib/platform/index.js';
import { RequestCode } from '../../../lib/protocol/index.js';
import { ACK, bodies, gate, retry, text, World } from '../support.js';

let world: World;
let client: MessagingClient;
beforeEach(async () => {
  world = await World.start({ topics: [{ name: 't', queues: 2 }] });
  client = await world.client();
});
afterEach(() => world.stop());

async function send(...texts: string[]): Promise<void> {
  for (const body of texts) await world.drive(client.producer.send(text('t', body)));
}

const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, at) => `m${from + at}`);
const lag = (group = 'g') => client.admin.groups.lag(group, { topic: 't' });

describe('admin.groups', () => {
  it('says how far a group is and since when its first message waits', async () => {
    const { consumer } = await world.consume(client, { group: 'g' }, { topic: 't' });
    await world.drive(consumer.stop(1000));
    await send('a', 'b', 'c');
    await world.clock.advance(60_000);
    await send('d');
    const found = await client.admin.groups.lag('g');
    expect(found).toMatchObject({ group: 'g', lag: 4, members: [] });
    expect(found.oldestAgeMillis).toBeGreaterThanOrEqual(60_000);
    expect(found.queues.map(({ topic, queueId, position, end }) => [topic, queueId, position, end])).toEqual([
      ['%RETRY%g', 0, 0, 0],
      ['t', 0, 0, 2],
      ['t', 1, 0, 2],
    ]);
    expect(await client.admin.groups.lag('g', { ages: false })).toMatchObject({ lag: 4, oldestAgeMillis: 0 });
    await world.consume(client, { group: 'g' }, { topic: 't' });
    await world.clock.advance(10_000);
    expect(await lag()).toMatchObject({ lag: 0, oldestAgeMillis: 0, members: [client.clientId] });
  });

  it('counts retries from the moment that they are due', async () => {
    const { consumer } = await world.consume(
      client,
      { group: 'g' },
      { topic: 't', backoff: [60_000], handle: () => retry() },
    );
    await send('a');
    await world.until(() => client.counters.retried === 1);
    await world.drive(consumer.stop(1000));
    expect((await client.admin.groups.lag('g')).lag).toBe(0);
    await world.clock.advance(60_000);
    const { lag: waiting, queues } = await client.admin.groups.lag('g');
    expect([waiting, queues[0]]).toMatchObject([1, { topic: '%RETRY%g', lag: 1 }]);
  });

  it('lists all groups with what they read, their members and their lag', async () => {
    expect(await client.admin.groups.list()).toEqual([]);
    const { consumer } = await world.consume(client, { group: 'away' }, { topic: 't' }, { topic: 'other' });
    await world.drive(consumer.stop(0));
    await world.consume(client, { group: 'works' }, { topic: 't' });
    await world.consume(client, { group: 'hears', mode: ConsumeMode.BROADCAST }, { topic: 't' });
    await send('a', 'b', 'c');
    await world.drive(client.producer.send(text('other', 'd')));
    await world.clock.advance(10_000);
    expect(await client.admin.groups.list()).toEqual([
      { group: 'away', members: [], topics: ['other', 't'], lag: 4 },
      { group: 'hears', members: [client.clientId], topics: [], lag: 0 },
      { group: 'works', members: [client.clientId], topics: ['t'], lag: 0 },
    ]);
  });

  it('lists only the groups of its namespace', async () => {
    const apart = await world.client({ namespace: 'apart' });
    await world.consume(client, { group: 'here' }, { topic: 't' });
    await world.consume(apart, { group: 'there' }, { topic: 'own' });
    await world.drive(apart.producer.send(text('own', 'x')));
    await world.clock.advance(10_000);
    expect((await client.admin.groups.list()).map(({ group }) => group)).toContain('here');
    expect(await apart.admin.groups.list()).toEqual([
      { group: 'there', members: expect.any(Array), topics: ['own'], lag: 0 },
    ]);
    expect(await apart.admin.groups.of('own')).toEqual(['there']);
    expect(await apart.admin.groups.lag('there')).toMatchObject({ lag: 0 });
    await world.drive(apart.admin.backlog.resetPosition('there', 'own', 'earliest'));
    expect(await apart.admin.backlog.replay({ topic: 'own' }, { group: 'there' })).toMatchObject({ replayed: 1 });
    expect(await world.drive(apart.admin.topics.widen('own', 6, { keys: true }))).toMatchObject({ orderedQueues: 6 });
  });

  it('names the groups of a topic', async () => {
    await world.consume(client, { group: 'b' }, { topic: 't' });
    const { consumer } = await world.consume(client, { group: 'a' }, { topic: 't' });
    await world.drive(consumer.stop(0));
    await world.consume(client, { group: 'c', mode: ConsumeMode.BROADCAST }, { topic: 't' });
    await world.consume(client, { group: 'elsewhere' }, { topic: 'u' });
    expect(await client.admin.groups.of('t')).toEqual(['a', 'b', 'c']);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['a group that nobody knows', () => client.admin.groups.lag('nobody'), 'GROUP_NOT_FOUND'],
    ['a topic that is not there', () => client.admin.groups.of('nowhere'), 'TOPIC_NOT_FOUND'],
    ['an unknown option', () => client.admin.groups.lag('g', { age: true } as object), 'BAD_ARGUMENT'],
  ])('refuses %s', async (_, ask, code) => {
    await expect(ask()).rejects.toMatchObject({ code });
  });
});

describe('admin.backlog.resetPosition', () => {
  const reset = (...args: Parameters<MessagingClient['admin']['backlog']['resetPosition']>) =>
    world.drive(client.admin.backlog.resetPosition(...args));

  describe.each([ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY])('of a group at work in %s mode', (mode) => {
    it('goes back to the beginning and handles everything again', async () => {
      const { seen } = await world.consume(client, { group: 'g', mode }, { topic: 't' });
      await send(...numbers(10));
      await world.until(() => seen.length === 10);
      expect(await reset('g', 't', 'earliest')).toEqual([
        { brokerName: 'nestmq', queueId: 0, offset: 0 },
        { brokerName: 'nestmq', queueId: 1, offset: 0 },
      ]);
      await world.until(() => seen.length === 20);
      await send('more');
      await world.until(() => seen.length === 21);
      await world.clock.advance(60_000);
      expect(bodies(seen).slice(10, 20).sort()).toEqual(numbers(10).sort());
      expect(await lag()).toMatchObject({ lag: 0 });
    });

    it('jumps to the end over what it has fetched and not begun', async () => {
      const { open, opened } = gate();
      const handle = async () => (await opened, ACK);
      const { seen } = await world.consume(client, { group: 'g', mode }, { topic: 't', concurrency: 1, handle });
      await send(...numbers(40));
      await world.until(() => seen.length > 0);
      const begun = seen.length;
      await client.admin.backlog.resetPosition('g', 't', 'latest');
      open();
      await world.clock.advance(30_000);
      await send('after');
      await world.until(() => bodies(seen).includes('after'));
      expect(seen).toHaveLength(begun + 1);
      expect(await lag()).toMatchObject({ lag: 0 });
    });

    it('stores nothing of the old position, even of a handler that ends late', async () => {
      const { open, opened } = gate();
      let wait = Promise.resolve();
      const handle = () => wait.then(() => ACK);
      const { seen } = await world.consume(client, { group: 'g', mode }, { topic: 't', handle });
      await send(...numbers(10));
      await world.until(() => seen.length === 10);
      wait = opened;
      await send('late', 'later');
      await world.until(() => seen.length === 12);
      await reset('g', 't', 'earliest');
      // Held until the handler ends or ten seconds are over.
      await world.clock.advance(2_000);
      expect((await lag()).queues.map(({ position }) => position)).toEqual([0, 0]);
      wait = Promise.resolve();
      open();
      await world.until(() => seen.length === 24);
      expect(await lag()).toMatchObject({ lag: expect.any(Number) });
      await world.clock.advance(30_000);
      expect(await lag()).toMatchObject({ lag: 0 });
    });
  });

  it('shares the new position out among all members', async () => {
    const one = await world.consume(client, { group: 'g' }, { topic: 't' });
    const two = await world.consume(await world.client(), { group: 'g' }, { topic: 't' });
    await world.until(() =>
      [one, two].every(({ consumer }) => consumer.state().queues.some(({ topic }) => topic === 't')),
    );
    await send(...numbers(10));
    await world.until(() => one.seen.length + two.seen.length === 10);
    await reset('g', 't', 'earliest');
    await world.until(() => one.seen.length + two.seen.length === 20);
    expect([one.seen.length, two.seen.length]).toEqual([10, 10]);
  });

  it('moves a group that is not at work, to a date, an offset, one queue', async () => {
    const { seen, consumer } = await world.consume(client, { group: 'g' }, { topic: 't' });
    await send('a', 'b');
    await world.clock.advance(60_000);
    const noon = new Date(world.clock.now());
    await send('c', 'd', 'e', 'f');
    await world.until(() => seen.length === 6);
    await world.drive(consumer.stop(1000));
    const positions = async () => (await lag()).queues.map(({ position }) => position);
    expect(await positions()).toEqual([3, 3]);
    await reset('g', 't', noon);
    expect(await positions()).toEqual([1, 1]);
    await reset('g', 't', 2, { queueId: 1 });
    expect(await positions()).toEqual([1, 2]);
    await reset('g', 't', 'earliest', { queueId: 0, brokerName: 'nestmq' });
    expect(await positions()).toEqual([0, 2]);
    const again = await world.consume(client, { group: 'g' }, { topic: 't' });
    await world.until(() => again.seen.length === 4);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['a group that nobody knows', () => reset('nobody', 't', 'latest'), 'GROUP_NOT_FOUND'],
    ['a topic that is not there', () => reset('g', 'nowhere', 'latest'), 'TOPIC_NOT_FOUND'],
    ['a topic of which the group wants nothing', () => reset('g', 'other', 'latest'), 'BAD_ARGUMENT'],
    ['an offset without a queue', () => reset('g', 't', 5), 'BAD_ARGUMENT'],
    ['an offset beyond the end', () => reset('g', 't', 5, { queueId: 0 }), 'OFFSET_OUT_OF_RANGE'],
    ['a queue that is not there', () => reset('g', 't', 'latest', { queueId: 7 }), 'BAD_ARGUMENT'],
    ['a broker that is not there', () => reset('g', 't', 'latest', { brokerName: 'b' }), 'BAD_ARGUMENT'],
    ['a date that is none', () => reset('g', 't', new Date('?')), 'BAD_ARGUMENT'],
    ['a negative offset', () => reset('g', 't', -1, { queueId: 0 }), 'BAD_ARGUMENT'],
    ['a place that is none', () => reset('g', 't', 'middle' as 'latest'), 'BAD_ARGUMENT'],
  ])('refuses %s', async (_, ask, code) => {
    await world.consume(client, { group: 'g' }, { topic: 't' });
    await client.admin.topics.create('other', 1);
    await expect(ask()).rejects.toMatchObject({ code });
  });

  it('is stored by the members when the broker leaves that to them', async () => {
    await client.admin.topics.create('one', 1);
    const { open, opened } = gate();
    const handle = async () => (await opened, ACK);
    const { consumer, seen } = await world.consume(client, { group: 'g' }, { topic: 'one', concurrency: 1, handle });
    for (const body of numbers(10)) await world.drive(client.producer.send(text('one', body)));
    await world.until(() => seen.length > 0);
    consumer.moved([{ queue: { topic: 'one', brokerName: 'nestmq', queueId: 0 }, offset: 4 }]);
    open();
    await world.clock.advance(10_000);
    expect(bodies(seen)).toEqual(['m0', ...numbers(6, 4)]);
    expect(await client.admin.groups.lag('g', { topic: 'one' })).toMatchObject({ lag: 0 });
  });

  it('refuses a broadcast group, which keeps its positions itself', async () => {
    await world.consume(client, { group: 'b', mode: ConsumeMode.BROADCAST }, { topic: 't' });
    await expect(reset('b', 't', 'earliest')).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });

  it('is not undone by a member that commits before it has heard of it', async () => {
    const { seen } = await world.consume(client, { group: 'g' }, { topic: 't' });
    await send(...numbers(10));
    await world.until(() => seen.length === 10);
    const other = await world.client();
    // The group's own client is deaf: what it asks next comes late.
    const { open, opened } = gate();
    const requests: number[] = [];
    world.intercept = (request) => {
      if (request.code !== RequestCode.QUERY_CONSUMER_OFFSET) return undefined;
      requests.push(request.code);
      return opened.then(() => {
        throw new Error('not yet');
      });
    };
    await world.drive(other.admin.backlog.resetPosition('g', 't', 'earliest'));
    await world.clock.advance(30_000);
    expect((await other.admin.groups.lag('g', { topic: 't' })).queues.map(({ position }) => position)).toEqual([0, 0]);
    world.intercept = () => undefined;
    open();
    await world.until(() => seen.length === 20);
  });
});

it('a reset outlives the broker', async () => {
  const other = await World.start(
    { memory: false, store: '/store', topics: [{ name: 't', queues: 1 }] },
    new MemoryFileSystem(),
  );
  const own = await other.client();
  const { seen, consumer } = await other.consume(own, { group: 'g' }, { topic: 't' });
  for (const body of numbers(5)) await other.drive(own.producer.send(text('t', body)));
  await other.until(() => seen.length === 5);
  await other.drive(consumer.stop(1000));
  await other.drive(own.admin.backlog.resetPosition('g', 't', 2, { queueId: 0 }));
  await other.restart();
  const again = await other.consume(await other.client(), { group: 'g' }, { topic: 't' });
  await other.until(() => again.seen.length === 3);
  expect(bodies(again.seen)).toEqual(['m2', 'm3', 'm4']);
  await other.stop();
});
