import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConsumeMode, type MessagingClient } from '../../lib/client/index.js';
import { createRequest, RequestCode } from '../../lib/protocol/index.js';
import { bodies, text, World } from './support.js';

describe('a listener for a topic that does not exist yet', () => {
  let world: World;
  let listening: MessagingClient;

  beforeEach(async () => {
    world = await World.start();
    listening = await world.client();
  });
  afterEach(() => world.stop());

  it('gets it at once as well when the topic came between registering and starting', async () => {
    const seen: number[] = [];
    const consumer = listening.consumer({ group: 'g', mode: ConsumeMode.CONCURRENT });
    consumer.add({ name: 'l', topic: 'fresh', handle: () => void seen.push(world.clock.now()) });
    await world.drive(consumer.register());
    const other = await world.client();
    await world.drive(other.producer.send(text('fresh', 'first')));
    const startedAt = world.clock.now();
    await world.drive(consumer.start());
    await world.until(() => seen.length > 0);
    expect(seen[0]! - startedAt).toBeLessThan(100);
  });

  it.each([ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY])(
    'gets what was sent while its whole group was away, also when the group never had a position there: %s',
    async (mode) => {
      const away = listening.consumer({ group: 'g', mode });
      away.add({ name: 'l', topic: 'fresh', handle: () => undefined });
      await world.drive(away.register());
      await world.drive(away.stop(0));
      const other = await world.client();
      for (const body of ['a', 'b', 'c']) await world.drive(other.producer.send(text('fresh', body)));
      const { seen } = await world.consume(listening, { group: 'g', mode }, { topic: 'fresh' });
      await world.until(() => seen.length === 3);
      expect(bodies(seen).toSorted()).toEqual(['a', 'b', 'c']);
    },
  );

  // The broker tells the group of the new topic; waiting for the next look at missing topics would take up to 2 s.
  describe.each([ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY, ConsumeMode.BROADCAST])('%s', (mode) => {
    it.each<[string, (other: MessagingClient) => Promise<unknown>]>([
      ['is sent by its own client', () => listening.producer.send(text('fresh', 'first'))],
      [
        'is sent by its own client without an answer',
        async () => listening.producer.sendOneWay(text('fresh', 'first')),
      ],
      ['is sent by another client', (other) => other.producer.send(text('fresh', 'first'))],
      ['is sent without an answer', async (other) => other.producer.sendOneWay(text('fresh', 'first'))],
      [
        'follows an order to create it',
        async (other) => {
          await other.createTopic('fresh', 2);
          await other.producer.send(text('fresh', 'first'));
        },
      ],
    ])('gets its first message at once when that %s', async (_how, send) => {
      const { seen } = await world.consume(listening, { group: 'g', mode }, { topic: 'fresh' });
      const other = await world.client();
      await world.clock.advance(2_100);
      const sentAt = world.clock.now();
      await world.drive(send(other));
      await world.until(() => seen.length > 0);
      expect(bodies(seen)).toEqual(['first']);
      expect(seen[0]!.at - sentAt).toBeLessThan(100);
    });
  });
});

describe('a topic that is deleted and made anew', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start();
  });
  afterEach(() => world.stop());

  it.each([
    [ConsumeMode.CONCURRENT, 8],
    [ConsumeMode.ORDERLY, 8],
    [ConsumeMode.BROADCAST, 8],
    // More than the former one had: the group's old position would be one in the new topic.
    [ConsumeMode.CONCURRENT, 60],
    [ConsumeMode.ORDERLY, 60],
    [ConsumeMode.BROADCAST, 60],
  ])(
    'is read from its beginning by a group that had read the former one farther: %s, %d messages',
    async (mode, count) => {
      const client = await world.client();
      const { seen } = await world.consume(client, { group: 'g', mode }, { topic: 'orders' });
      for (let n = 0; n < 20; n++) await world.drive(client.producer.send(text('orders', `old ${n}`)));
      await world.until(() => seen.length === 20);
      const channel = await world.host.connector.connect('in-process');
      await world.drive(channel.invoke(createRequest(RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' }), 3000));
      await world.clock.advance(5000);
      await world.drive(client.createTopic('orders', 4));
      const fresh = Array.from({ length: count }, (_, n) => `new ${n}`);
      await world.drive(Promise.all(fresh.map((body) => client.producer.send(text('orders', body)))));
      await world.until(() => seen.length >= 20 + count);
      expect(bodies(seen).slice(20).toSorted()).toEqual(fresh.toSorted());
    },
  );
});
