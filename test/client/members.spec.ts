import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConsumeMode, type MessagingClient, type PushConsumer } from '../../lib/client/index.js';
import { RequestCode } from '../../lib/protocol/index.js';
import { ACK, bodies, gate, text, World, type Seen } from './support.js';

function queueIds(consumer: PushConsumer): number[] {
  return consumer
    .state()
    .queues.filter(({ topic }) => topic === 't')
    .map(({ queueId }) => queueId)
    .toSorted();
}

describe('members of one group', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start({ topics: [{ name: 't', queues: 6 }] });
  });
  afterEach(() => world.stop());

  async function send(client: MessagingClient, from: number, to: number): Promise<void> {
    for (let n = from; n < to; n++) await world.drive(client.producer.send(text('t', `${n}`)));
  }

  it('share the queues evenly, whoever comes and goes', async () => {
    const joined: PushConsumer[] = [];
    for (let n = 0; n < 4; n++) {
      const { consumer } = await world.consume(await world.client(), { group: 'g' }, { topic: 't' });
      joined.push(consumer);
    }
    await world.until(() => joined.flatMap(queueIds).length === 6 && joined.every((one) => queueIds(one).length > 0));
    expect(joined.flatMap(queueIds).toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(joined.map((one) => queueIds(one).length).toSorted()).toEqual([1, 1, 2, 2]);
    await world.drive(joined[1]!.stop(1000));
    await world.drive(joined[2]!.stop(1000));
    const rest = [joined[0]!, joined[3]!];
    await world.until(() => rest.every((one) => queueIds(one).length === 3));
    expect(rest.flatMap(queueIds).toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('handle no message twice when one joins in the middle of the work, nor when it leaves', async () => {
    const producer = await world.client();
    const all: Seen[] = [];
    const handle = async (): Promise<typeof ACK> => {
      await world.clock.sleep(7);
      return ACK;
    };
    const first = await world.consume(await world.client(), { group: 'g' }, { topic: 't', handle });
    await send(producer, 0, 200);
    await world.until(() => first.seen.length > 40);
    const second = await world.consume(await world.client(), { group: 'g' }, { topic: 't', handle });
    await send(producer, 200, 400);
    await world.until(() => second.seen.length > 40);
    await world.drive(second.consumer.stop(5000));
    await send(producer, 400, 500);
    await world.until(() => first.seen.length + second.seen.length >= 500);
    await world.clock.advance(60_000);
    all.push(...first.seen, ...second.seen);
    expect(all).toHaveLength(500);
    expect(new Set(bodies(all)).size).toBe(500);
    expect(second.seen.length).toBeGreaterThan(40);
  });

  it('get what a member leaves unfinished when its time to stop is over, and its handler is told', async () => {
    const { opened } = gate();
    const client = await world.client();
    let aborted = false;
    const stuck = await world.consume(
      client,
      { group: 'g' },
      {
        topic: 't',
        handle: async (_message, signal) => {
          signal.addEventListener('abort', () => (aborted = true));
          await opened;
          return ACK;
        },
      },
    );
    await send(client, 0, 1);
    await world.until(() => stuck.seen.length === 1);
    const before = world.clock.monotonic();
    await world.drive(stuck.consumer.stop(2000));
    expect(world.clock.monotonic() - before).toBe(2000);
    expect(aborted).toBe(true);
    const next = await world.consume(await world.client(), { group: 'g' }, { topic: 't' });
    await world.until(() => next.seen.length === 1);
    expect(bodies(next.seen)).toEqual(['0']);
  });

  it('wait for the handlers that run when they stop, and start nothing more', async () => {
    const client = await world.client();
    const { seen, consumer } = await world.consume(
      client,
      { group: 'g' },
      {
        topic: 't',
        concurrency: 2,
        handle: async () => {
          await world.clock.sleep(500);
          return ACK;
        },
      },
    );
    await send(client, 0, 20);
    await world.until(() => seen.length === 2);
    const before = world.clock.monotonic();
    await world.drive(consumer.stop(10_000));
    expect(world.clock.monotonic() - before).toBeLessThanOrEqual(500);
    expect(client.counters).toMatchObject({ inFlight: 0, consumed: 2, acknowledged: 2 });
    const next = await world.consume(await world.client(), { group: 'g' }, { topic: 't' });
    await world.until(() => next.seen.length >= 18);
    await world.clock.advance(30_000);
    expect(new Set([...bodies(seen), ...bodies(next.seen)]).size).toBe(20);
    expect(next.seen).toHaveLength(18);
  });

  it('take over from one that vanished, after a while', async () => {
    const producer = await world.client();
    const lost = await world.client();
    await world.consume(lost, { group: 'g' }, { topic: 't' });
    const { seen } = await world.consume(await world.client(), { group: 'g' }, { topic: 't' });
    world.vanish(lost);
    await send(producer, 0, 30);
    await world.until(() => seen.length === 30, 20_000);
    expect(new Set(bodies(seen)).size).toBe(30);
  });
});

describe('a group’s position', () => {
  let world: World;
  afterEach(() => world.stop());

  async function sendSome(client: MessagingClient, label: string): Promise<void> {
    for (let n = 0; n < 8; n++) await world.drive(client.producer.send(text('t', `${label}${n}`)));
  }

  it.each([
    ['latest', 8, ['c']],
    ['earliest', 24, ['a', 'b', 'c']],
    ['date', 16, ['b', 'c']],
  ] as const)('begins at the %s', async (from, count, labels) => {
    world = await World.start({ topics: ['t'] });
    const client = await world.client();
    await sendSome(client, 'a');
    await world.clock.advance(60_000);
    const date = new Date(world.clock.now());
    await world.clock.advance(60_000);
    await sendSome(client, 'b');
    const { seen } = await world.consume(client, { group: 'g', from: from === 'date' ? date : from }, { topic: 't' });
    await sendSome(client, 'c');
    await world.until(() => seen.length >= count);
    await world.clock.advance(5000);
    expect(seen).toHaveLength(count);
    expect([...new Set(bodies(seen).map((body) => body[0]))].toSorted()).toEqual(labels);
  });

  it('is stored by register(): what is sent before start() arrives, and of new topics everything', async () => {
    world = await World.start({ topics: ['t'] });
    const client = await world.client();
    await sendSome(client, 'old');
    const consumer = client.consumer({ group: 'g', mode: ConsumeMode.CONCURRENT });
    const seen: string[] = [];
    for (const topic of ['t', 'new']) {
      consumer.add({ name: topic, topic, handle: (message) => (seen.push(message.text()), ACK) });
    }
    await world.drive(consumer.register());
    await sendSome(client, 'young');
    await world.drive(client.producer.send(text('new', 'first')));
    await world.clock.advance(10_000);
    expect(seen).toEqual([]);
    await world.drive(consumer.start());
    await world.until(() => seen.length >= 9);
    await world.clock.advance(5000);
    expect(seen.filter((body) => body.startsWith('young'))).toHaveLength(8);
    expect(seen).toContain('first');
    expect(seen).toHaveLength(9);
  });

  it('is stored by register() also for a start at a date', async () => {
    world = await World.start({ topics: ['t'] });
    const client = await world.client();
    await sendSome(client, 'a');
    await world.clock.advance(60_000);
    const date = new Date(world.clock.now());
    await sendSome(client, 'b');
    const never = client.consumer({ group: 'g', mode: ConsumeMode.CONCURRENT, from: date });
    never.add({ name: 'l', topic: 't', handle: () => ACK });
    await world.drive(never.register());
    await world.drive(never.stop(0));
    const { seen } = await world.consume(client, { group: 'g', from: 'latest' }, { topic: 't' });
    await world.until(() => seen.length >= 8);
    await world.clock.advance(5000);
    expect(bodies(seen).toSorted()).toEqual(Array.from({ length: 8 }, (_, n) => `b${n}`));
  });

  it.each([
    ['the same', false],
    ['that of its return', true],
  ])(
    'is the begin of a topic that was born while a group with a date was away, if the date is %s',
    async (_which, moves) => {
      world = await World.start({ topics: ['t'] });
      const client = await world.client();
      const from = new Date(world.clock.now());
      const first = await world.consume(client, { group: 'g', from }, { topic: 't' }, { topic: 'new' });
      await world.drive(first.consumer.stop(1000));
      await world.drive(client.createTopic('new', 4));
      for (let n = 0; n < 8; n++) await world.drive(client.producer.send(text('new', `n${n}`)));
      await world.clock.advance(60_000);
      const then = moves ? new Date(world.clock.now()) : from;
      const again = await world.consume(client, { group: 'g', from: then }, { topic: 't' }, { topic: 'new' });
      await world.until(() => again.seen.length >= 8);
      expect(bodies(again.seen).toSorted()).toEqual(Array.from({ length: 8 }, (_, n) => `n${n}`));
    },
  );

  it('at a date is looked up once for a queue: what is sent after that is not behind the date of another start', async () => {
    world = await World.start({ topics: ['t'] });
    const ahead = (): Date => new Date(world.clock.now() + 30_000);
    const dying = await world.client();
    // It dies before its first pull, which would store the position.
    world.intercept = ({ code }) => (code === RequestCode.PULL_MESSAGE ? new Promise(() => {}) : undefined);
    await world.consume(dying, { group: 'g', from: ahead() }, { topic: 'new' });
    const client = await world.client();
    await world.drive(client.createTopic('new', 4));
    await world.clock.advance(60_000);
    world.vanish(dying);
    world.intercept = () => undefined;
    for (let n = 0; n < 8; n++) await world.drive(client.producer.send(text('new', `n${n}`)));
    const again = await world.consume(client, { group: 'g', from: ahead() }, { topic: 'new' });
    await world.until(() => again.seen.length >= 8, 200_000);
    expect(again.seen).toHaveLength(8);
  });

  it('is where the last member left it', async () => {
    world = await World.start({ topics: ['t'] });
    const producer = await world.client();
    const first = await world.consume(await world.client(), { group: 'g' }, { topic: 't' });
    await sendSome(producer, 'a');
    await world.until(() => first.seen.length === 8);
    await world.drive(first.consumer.stop(1000));
    await sendSome(producer, 'b');
    const second = await world.consume(await world.client(), { group: 'g' }, { topic: 't' });
    await world.until(() => second.seen.length >= 8);
    await world.clock.advance(5000);
    expect(bodies(second.seen).every((body) => body.startsWith('b'))).toBe(true);
    expect(second.seen).toHaveLength(8);
  });
});
