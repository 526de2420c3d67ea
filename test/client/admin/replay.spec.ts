import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ConsumeMode,
  type MessagingClient,
  type ReplayOptions,
  type ReplayRange,
  type ReplayTarget,
} from '../../../lib/client/index.js';
import { ExtensionProperty, MessagingError, RequestCode } from '../../../lib/protocol/index.js';
import { bodies, retry, type Seen, text, World } from '../support.js';

let world: World;
let client: MessagingClient;
beforeEach(async () => {
  world = await World.start({ topics: [{ name: 't', queues: 2 }] });
  client = await world.client();
});
afterEach(() => world.stop());

const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, at) => `m${from + at}`);
const replay = (range: ReplayRange, to: ReplayTarget, options?: ReplayOptions) =>
  world.drive(client.admin.backlog.replay(range, to, options));
const stamps = (seen: readonly Seen[]) => seen.map(({ message }) => message.systemProperty(ExtensionProperty.REPLAYED));

async function send(...texts: string[]): Promise<void> {
  for (const body of texts) await world.drive(client.producer.send(text('t', body)));
}

async function listen(group: string, topic = 't', mode = ConsumeMode.CONCURRENT) {
  const { seen } = await world.consume(client, { group, mode }, { topic });
  return seen;
}

describe('admin.backlog.move', () => {
  /** A group at rest with a backlog of a hundred, of which it has handled some. */
  async function backlog() {
    const { consumer, seen } = await world.consume(client, { group: 'g' }, { topic: 't' });
    await send(...numbers(10));
    await world.until(() => seen.length === 10);
    await world.drive(consumer.stop(1000));
    await send(...numbers(100, 10));
  }
  const move = (to: ReplayTarget, options?: ReplayOptions) =>
    world.drive(client.admin.backlog.move('g', 't', to, options));

  it('spreads a backlog over a wider topic, and what is left of it comes back', async () => {
    await backlog();
    await client.admin.topics.create('wide', 16);
    expect(await move({ topic: 'wide' })).toMatchObject({ complete: true, replayed: 100, next: [] });
    expect(await client.admin.groups.lag('g', { topic: 't' })).toMatchObject({ lag: 0 });
    const { queues } = await client.admin.topics.stats('wide');
    expect(queues.every(({ maxOffset }) => maxOffset > 0)).toBe(true);
    // A group of many handles a part of it.
    const part = await world.consume(client, { group: 'helpers', from: 'earliest' }, { topic: 'wide' });
    await world.until(() => part.seen.length === 100);
    await world.drive(part.consumer.stop(1000));
    await world.drive(client.admin.backlog.resetPosition('helpers', 'wide', 3, { queueId: 7 }));
    const { lag } = await client.admin.groups.lag('helpers', { topic: 'wide' });
    expect(lag).toBeGreaterThan(0);
    const back = client.admin.backlog.move('helpers', 'wide', { group: 'g', as: 't' });
    expect(await world.drive(back)).toMatchObject({ complete: true, replayed: lag });
    await send('new');
    const { seen } = await world.consume(client, { group: 'g' }, { topic: 't' });
    await world.until(() => seen.length === lag + 1);
    await world.clock.advance(10_000);
    expect(seen).toHaveLength(lag + 1);
    expect(new Set(seen.map(({ message }) => message.topic))).toEqual(new Set(['t']));
  });

  it('loses nothing when it dies in the middle; what comes twice carries one stamp', async () => {
    await backlog();
    const copies = await listen('h', 'wide');
    const dying = await world.client();
    dying.admin.backlog.move('g', 't', { topic: 'wide' }, { id: 'm', ratePerSecond: 20 }).catch(() => undefined);
    await world.clock.advance(2500);
    world.vanish(dying);
    const { lag } = await client.admin.groups.lag('g', { topic: 't' });
    expect(await move({ topic: 'wide' }, { id: 'm' })).toMatchObject({ complete: true, replayed: lag });
    await world.clock.advance(10_000);
    expect(new Set(bodies(copies))).toEqual(new Set(numbers(100, 10)));
    expect(new Set(stamps(copies)).size).toBe(100);
  });

  it('ends when a member comes to work meanwhile, and leaves the rest to it', async () => {
    await backlog();
    const copies = await listen('h', 'wide');
    const going = client.admin.backlog.move('g', 't', { topic: 'wide' }, { ratePerSecond: 20 });
    await world.clock.advance(2500);
    const { seen } = await world.consume(await world.client(), { group: 'g' }, { topic: 't' });
    expect(await world.drive(going)).toMatchObject({ complete: false, error: { code: 'BAD_ARGUMENT' } });
    await world.clock.advance(30_000);
    expect(new Set([...bodies(copies), ...bodies(seen)])).toEqual(new Set(numbers(100, 10)));
    expect(await client.admin.groups.lag('g', { topic: 't' })).toMatchObject({ lag: 0 });
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['a group at both ends', () => move({ group: 'g', topic: 'wide' } as never), 'BAD_ARGUMENT'],
    ['a group that is at work', () => client.admin.backlog.move('works', 't', { topic: 'wide' }), 'BAD_ARGUMENT'],
    ['the topic where it is', () => move({ topic: 't' }), 'BAD_ARGUMENT'],
    ['a group that is none', () => client.admin.backlog.move('no', 't', { topic: 'wide' }), 'GROUP_NOT_FOUND'],
    ['a topic that it does not read', () => client.admin.backlog.move('g', 'u', { topic: 'wide' }), 'BAD_ARGUMENT'],
    ['a target that would not know it', () => move({ group: 'other' }), 'BAD_ARGUMENT'],
    ['a broadcast group', () => client.admin.backlog.move('b', 't', { topic: 'wide' }), 'NOT_SUPPORTED'],
  ])('refuses %s', async (_, ask, code) => {
    await backlog();
    await listen('works');
    await listen('other', 'u');
    await client.admin.topics.create('u', 1);
    await world.consume(client, { group: 'b', mode: ConsumeMode.BROADCAST }, { topic: 't' });
    await expect(ask()).rejects.toMatchObject({ code });
    expect(await client.admin.groups.lag('g', { topic: 't' })).toMatchObject({ lag: 100 });
  });
});

describe('admin.backlog.replay', () => {
  it('brings what is stored to one group once more, and to no other', async () => {
    const [billing, mail] = [await listen('billing'), await listen('mail')];
    await send(...numbers(100));
    await world.until(() => billing.length === 100 && mail.length === 100);
    const report = await replay({ topic: 't' }, { group: 'billing' });
    expect(report).toMatchObject({ complete: true, replayed: 100, passedOver: 0, failed: 0, next: [] });
    await world.until(() => billing.length === 200);
    await world.clock.advance(60_000);
    expect(bodies(billing).slice(100).toSorted()).toEqual(numbers(100).toSorted());
    expect(mail).toHaveLength(100);
    const [first, again] = [billing[0]!.message, billing.slice(100).find(({ body }) => body === 'm0')!.message];
    expect([first.replayed, again.replayed, again.resent, again.attempt]).toEqual([false, true, false, 1]);
    expect(again).toMatchObject({ topic: 't', originId: first.messageId });
    expect(again.messageId).not.toBe(first.messageId);
    // Nobody was moved.
    expect(await client.admin.groups.lag('billing')).toMatchObject({ lag: 0 });
  });

  it('keeps the order of each queue for an orderly group, with bodies of any size', async () => {
    await client.admin.topics.create('one', 1);
    const seen = await listen('g', 'one', ConsumeMode.ORDERLY);
    for (const [at, body] of numbers(70).entries())
      await world.drive(client.producer.send(text('one', at % 7 === 3 ? `${body}${' '.repeat(9000)}` : body)));
    await world.until(() => seen.length === 70);
    expect(await replay({ topic: 'one' }, { group: 'g' })).toMatchObject({ complete: true, replayed: 70 });
    await world.until(() => seen.length === 140);
    expect(bodies(seen).map((body) => body.trim())).toEqual([...numbers(70), ...numbers(70)]);
  });

  it('brings it to another topic with all its groups, with keys, tags, properties and the order of keys', async () => {
    const keys = ['a', 'b', 'c'];
    for (let n = 0; n < 30; n++) {
      const message = text('t', `${keys[n % 3]}${n}`, { tag: 'paid', keys: [`k${n}`], properties: { n: String(n) } });
      await world.drive(client.producer.send({ ...message, shardingKey: keys[n % 3]! }));
    }
    await client.admin.topics.create('copy', 3);
    const seen = await listen('g', 'copy', ConsumeMode.ORDERLY);
    expect(await replay({ topic: 't' }, { topic: 'copy' })).toMatchObject({ complete: true, replayed: 30 });
    await world.until(() => seen.length === 30);
    for (const key of keys) {
      const own = seen.filter(({ body }) => body.startsWith(key));
      expect(own.map(({ message }) => Number(message.properties.n))).toEqual(
        Array.from({ length: 10 }, (_, at) => at * 3 + keys.indexOf(key)),
      );
      expect(new Set(own.map(({ message }) => message.queueId)).size).toBe(1);
    }
    expect(seen[0]!.message).toMatchObject({ tag: 'paid', topic: 'copy', replayed: true });
  });

  it('takes a range of time, of offsets, of tags, or any', async () => {
    await listen('g');
    await send('old-1', 'old-2');
    await world.clock.advance(60_000);
    const from = new Date(world.clock.now());
    await send('mid-1', 'mid-2');
    await world.drive(client.producer.send(text('t', 'tagged', { tag: 'x' })));
    await world.clock.advance(60_000);
    const until = new Date(world.clock.now());
    await send('new-1', 'new-2');
    const seen = await listen('h', 'copy');
    const run = async (range: Omit<ReplayRange, 'topic'>) => {
      const before = seen.length;
      const { replayed } = await replay({ topic: 't', ...range }, { topic: 'copy' });
      await world.clock.advance(5000);
      expect(seen.length - before).toBe(replayed);
      return bodies(seen).slice(before).toSorted();
    };
    expect(await run({ from, until })).toEqual(['mid-1', 'mid-2', 'tagged']);
    expect(await run({ until: from })).toEqual(['old-1', 'old-2']);
    expect(await run({ from: until })).toEqual(['new-1', 'new-2']);
    expect(await run({ tag: 'x' })).toEqual(['tagged']);
    expect(await run({ where: (message) => message.text().endsWith('-1') })).toHaveLength(3);
    expect(await run({ queueId: 0, from: 1, until: 2 })).toHaveLength(1);
    expect(await run({ queueId: 0, from: 99 })).toEqual([]);
    expect(await run({ from: new Date(world.clock.now() + 60_000) })).toEqual([]);
    expect(await run({ queueId: 1 })).toHaveLength(
      await world.drive(client.admin.topics.stats('t')).then(({ queues }) => queues[1]!.maxOffset),
    );
  });

  it('ends with what was there when it began, also when it sends into the same topic', async () => {
    await send(...numbers(40));
    expect(await replay({ topic: 't' }, { topic: 't' })).toMatchObject({ complete: true, replayed: 40 });
    expect(await client.admin.topics.stats('t')).toMatchObject({ messages: 80 });
  });

  it('stamps the same way when it is repeated under one name, and another way otherwise', async () => {
    await send('a', 'b');
    const seen = await listen('g', 'copy');
    for (const id of ['first', 'first', undefined]) await replay({ topic: 't' }, { topic: 'copy' }, { id });
    await world.until(() => seen.length === 6);
    const all = stamps(seen);
    expect(new Set(all).size).toBe(4);
    expect(all.filter((stamp) => stamp?.startsWith('first:'))).toHaveLength(4);
  });

  it('gives a replayed message its retries, and drops what no listener of the group wants', async () => {
    const seen: string[] = [];
    await world.consume(
      client,
      { group: 'g' },
      {
        topic: 't',
        tag: 'mine',
        handle: (message) => {
          seen.push(`${message.text()}#${message.attempt}`);
          return message.replayed && message.attempt < 3 ? retry() : undefined;
        },
      },
    );
    await send('other');
    await world.drive(client.producer.send(text('t', 'wanted', { tag: 'mine' })));
    await replay({ topic: 't' }, { group: 'g' });
    await world.clock.advance(300_000);
    expect(seen).toEqual(['wanted#1', 'wanted#1', 'wanted#2', 'wanted#3']);
    expect(client.counters.deadLettered).toBe(0);
  });

  it('keeps a pace and can be called off; going on loses nothing and repeats nothing', async () => {
    await send(...numbers(50));
    const seen = await listen('g', 'copy');
    const controller = new AbortController();
    const before = world.clock.now();
    const going = client.admin.backlog.replay(
      { topic: 't' },
      { topic: 'copy' },
      { id: 'r', ratePerSecond: 10, signal: controller.signal },
    );
    await world.clock.advance(2000);
    controller.abort();
    const report = await world.drive(going);
    expect(report.complete).toBe(false);
    expect(report.replayed).toBeGreaterThan(15);
    expect(report.replayed).toBeLessThan(25);
    await send('later');
    const rest = await replay({ topic: 't', from: report.next }, { topic: 'copy' }, { id: 'r' });
    expect(rest).toMatchObject({ complete: true, replayed: 50 - report.replayed });
    await world.until(() => seen.length === 50);
    expect(bodies(seen).toSorted()).toEqual(numbers(50).toSorted());
    expect(world.clock.now() - before).toBeLessThan(20_000);
  });

  it.each([
    ['takes nothing any more', RequestCode.SEND_MESSAGE_V2, 40],
    ['gives nothing any more', RequestCode.PULL_MESSAGE, 3],
  ])('says what is left when a broker %s in the middle', async (_, code, from) => {
    // Bodies that are compressed pass the door that is closed here at their first attempt.
    await send(...numbers(100).map((body) => body.padEnd(5000)));
    await client.admin.topics.create('copy', 2);
    const seen = await listen('g', 'copy');
    const other = await world.client();
    let asked = 0;
    world.intercept = (request) => {
      const { topic, consumerGroup } = request.header as { topic: string; consumerGroup?: string };
      const counts = code === RequestCode.PULL_MESSAGE ? consumerGroup === 'TOOLS_CONSUMER' : topic === 'copy';
      if (request.code !== code || !counts || ++asked < from) return undefined;
      return Promise.reject(new MessagingError('CONNECT_FAILED', 'gone'));
    };
    const report = await world.drive(other.admin.backlog.replay({ topic: 't' }, { topic: 'copy' }, { id: 'r' }));
    expect(report).toMatchObject({ complete: false, error: { code: 'CONNECT_FAILED' } });
    expect(report.next.length).toBeGreaterThan(0);
    world.intercept = () => undefined;
    const rest = await replay({ topic: 't', from: report.next }, { topic: 'copy' }, { id: 'r' });
    expect(rest).toMatchObject({ complete: true });
    await world.clock.advance(10_000);
    // Whatever came twice carries one stamp.
    expect(new Set(stamps(seen)).size).toBe(100);
    expect(new Set(bodies(seen)).size).toBe(100);
  });

  it('survives members that come and go, and a process that dies in the middle', async () => {
    const one = await world.consume(client, { group: 'g' }, { topic: 't' });
    await send(...numbers(60));
    await world.until(() => one.seen.length === 60);
    const dying = await world.client();
    const range = { topic: 't' };
    dying.admin.backlog.replay(range, { group: 'g' }, { id: 'r', ratePerSecond: 20 }).catch(() => undefined);
    await world.clock.advance(1000);
    world.vanish(dying);
    const two = await world.consume(await world.client(), { group: 'g' }, { topic: 't' });
    const leaving = one.consumer.stop(1000);
    const again = replay(range, { group: 'g' }, { id: 'r' });
    await world.drive(leaving);
    expect(await again).toMatchObject({ complete: true, replayed: 60 });
    await world.clock.advance(60_000);
    const replayed = [...one.seen, ...two.seen].filter(({ message }) => message.replayed);
    expect(new Set(stamps(replayed)).size).toBe(60);
    expect(replayed.length).toBeGreaterThan(60);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['a topic that is not there', () => replay({ topic: 'nowhere' }, { group: 'g' }), 'TOPIC_NOT_FOUND'],
    ['a group that is not there', () => replay({ topic: 't' }, { group: 'nobody' }), 'GROUP_NOT_FOUND'],
    ['a group that reads another topic', () => replay({ topic: 'u' }, { group: 'g' }), 'BAD_ARGUMENT'],
    ['a broadcast group', () => replay({ topic: 't' }, { group: 'b' }), 'NOT_SUPPORTED'],
    ['nobody', () => replay({ topic: 't' }, {} as ReplayTarget), 'BAD_ARGUMENT'],
    ['a topic under another name', () => replay({ topic: 't' }, { topic: 'u', as: 't' } as never), 'BAD_ARGUMENT'],
    ['a topic of the broker', () => replay({ topic: 't' }, { topic: '%RETRY%g' }), 'BAD_ARGUMENT'],
    ['an offset without a queue', () => replay({ topic: 't', from: 3 }, { group: 'g' }), 'BAD_ARGUMENT'],
    ['a queue that is not there', () => replay({ topic: 't', queueId: 9 }, { group: 'g' }), 'BAD_ARGUMENT'],
    [
      'a range that ends before it begins',
      () => replay({ topic: 't', from: new Date(2), until: new Date(1) }, { group: 'g' }),
      'BAD_ARGUMENT',
    ],
    ['an unknown condition', () => replay({ topic: 't', tags: 'x' } as ReplayRange, { group: 'g' }), 'BAD_ARGUMENT'],
    ['an unknown option', () => replay({ topic: 't' }, { group: 'g' }, { rate: 5 } as ReplayOptions), 'BAD_ARGUMENT'],
    ['a name that is none', () => replay({ topic: 't' }, { group: 'g' }, { id: 'a b' }), 'BAD_ARGUMENT'],
    ['what is left of nothing', () => replay({ topic: 't', from: [{}] as never }, { group: 'g' }), 'BAD_ARGUMENT'],
  ])('refuses %s', async (_, ask, code) => {
    await client.admin.topics.create('u', 1);
    await listen('g');
    await world.consume(client, { group: 'b', mode: ConsumeMode.BROADCAST }, { topic: 't' });
    await expect(ask()).rejects.toMatchObject({ code });
  });
});
