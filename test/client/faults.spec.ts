import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRequest, createResponse, MessagingError, RequestCode, ResponseCode } from '../../lib/protocol/index.js';
import { ConsumeMode, type MessagingClient, type PushConsumer } from '../../lib/client/index.js';
import { ACK, bodies, retry, text, World, type Seen } from './support.js';

function shareOf(consumer: PushConsumer): number[] {
  return consumer
    .state()
    .queues.filter(({ topic }) => topic === 't')
    .map(({ queueId }) => queueId)
    .toSorted();
}

describe('a consumer', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start({ topics: [{ name: 't', queues: 2 }] });
  });
  afterEach(async () => {
    world.intercept = () => undefined;
    await world.stop();
  });

  it('keeps a failed message that it cannot give back, and tries again every 5 s without handling it again', async () => {
    const client = await world.client();
    const { seen, consumer } = await world.consume(
      client,
      { group: 'g' },
      { topic: 't', backoff: [50], handle: (message) => (message.attempt === 1 ? retry() : ACK) },
    );
    let left = 3;
    world.intercept = (request) =>
      request.code === RequestCode.CONSUMER_SEND_MSG_BACK && left-- > 0
        ? Promise.reject(new MessagingError('CONNECT_FAILED', 'away'))
        : undefined;
    const { queueId } = await world.drive(client.producer.send(text('t', 'x')));
    await world.clock.advance(14_000);
    expect(seen).toHaveLength(1);
    expect(consumer.state().queues.find((queue) => queue.topic === 't' && queue.queueId === queueId)).toMatchObject({
      committedOffset: 0,
      buffered: 1,
    });
    await world.until(() => seen.length === 2);
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(seen[1]!.at - seen[0]!.at).toBe(15_050);
    expect(client.counters).toMatchObject({ sendBackFailed: 3, retried: 1 });
  });

  it('goes on after its connections broke, and handles nothing twice', async () => {
    const client = await world.client();
    const other = await world.client();
    const { seen } = await world.consume(client, { group: 'g' }, { topic: 't' });
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 10; n++) await world.drive(other.producer.send(text('t', `${round}/${n}`)));
      await world.until(() => seen.length === (round + 1) * 10);
      await world.disconnect(client);
    }
    await world.clock.advance(60_000);
    expect(new Set(bodies(seen)).size).toBe(30);
    expect(seen).toHaveLength(30);
  });

  it('goes on where it was after its broker was started anew', async () => {
    await world.stop();
    world = await World.start({ memory: false, store: '/store', topics: [{ name: 't', queues: 2 }] });
    const client = await world.client();
    const { seen } = await world.consume(client, { group: 'g' }, { topic: 't' });
    for (let n = 0; n < 10; n++) await world.drive(client.producer.send(text('t', `${n}`)));
    await world.until(() => seen.length === 10);
    await world.clock.advance(6000);
    await world.restart();
    for (let n = 10; n < 20; n++) {
      await world.drive(client.producer.send(text('t', `${n}`), { timeoutMillis: 10_000, retries: 20 }));
    }
    await world.until(() => seen.length >= 20);
    await world.clock.advance(60_000);
    expect(seen).toHaveLength(20);
    expect(new Set(bodies(seen)).size).toBe(20);
  });

  /** Three orderly members with two queues each; `together` counts messages that two of them had at the same time. */
  async function threeMembers(): Promise<{
    producer: MessagingClient;
    consumers: PushConsumer[];
    seen: () => Seen[];
    together: () => number;
  }> {
    await world.stop();
    world = await World.start({ memory: false, store: '/store', topics: [{ name: 't', queues: 6 }] });
    const producer = await world.client();
    let together = 0;
    const busy = new Set<number>();
    const members: { consumer: PushConsumer; seen: Seen[] }[] = [];
    for (let n = 0; n < 3; n++) {
      const member = await world.consume(
        await world.client(),
        { group: 'g', mode: ConsumeMode.ORDERLY },
        {
          topic: 't',
          handle: async ({ queueId }) => {
            if (busy.has(queueId)) together++;
            busy.add(queueId);
            await world.clock.sleep(300);
            busy.delete(queueId);
            return ACK;
          },
        },
      );
      members.push(member);
    }
    await world.until(() => members.every(({ consumer }) => shareOf(consumer).length === 2));
    return {
      producer,
      consumers: members.map(({ consumer }) => consumer),
      seen: () => members.flatMap(({ seen }) => seen),
      together: () => together,
    };
  }

  // 29.9 s after the members have come their heartbeats are the first to notice that the broker is back.
  it.each([0, 29_900])(
    'keeps its share while the other members find their way back to a broker that was started anew (after %s ms)',
    async (after) => {
      const { producer, consumers, seen, together } = await threeMembers();
      const before = consumers.map(shareOf);
      await world.clock.advance(after - world.clock.monotonic());
      for (let n = 0; n < 120; n++) await world.drive(producer.producer.send(text('t', `${n}`)));
      await world.restart();
      await world.until(() => seen().length >= 120);
      expect(consumers.map(shareOf)).toEqual(before);
      await world.clock.advance(60_000);
      expect(new Set(bodies(seen())).size).toBe(120);
      expect(seen()).toHaveLength(120);
      expect(together()).toBe(0);
    },
  );

  it('keeps its share although it asks for nothing while the broker is started anew', async () => {
    const { producer, consumers, seen, together } = await threeMembers();
    const before = consumers.map(shareOf);
    for (let n = 0; n < 60; n++) await world.drive(producer.producer.send(text('t', `${n}`)));
    consumers[1]!.pause();
    await world.restart();
    await world.clock.advance(15_000);
    expect(consumers.map(shareOf)).toEqual(before);
    consumers[1]!.resume();
    await world.until(() => seen().length >= 60);
    await world.clock.advance(60_000);
    expect(seen()).toHaveLength(60);
    expect(together()).toBe(0);
  });

  it('makes itself known again to a broker that has forgotten its group', async () => {
    const client = await world.client();
    const { seen } = await world.consume(client, { group: 'g' }, { topic: 't' });
    let forgets = 2;
    world.intercept = (request) =>
      request.code === RequestCode.PULL_MESSAGE && forgets-- > 0
        ? Promise.resolve(createResponse(ResponseCode.SUBSCRIPTION_NOT_EXIST, {}, 'who are you?'))
        : undefined;
    await world.drive(client.producer.send(text('t', 'x')));
    await world.until(() => seen.length === 1);
  });

  it('stops an orderly queue when another member holds its lock', async () => {
    const client = await world.client();
    const { seen } = await world.consume(client, { group: 'g', mode: ConsumeMode.ORDERLY }, { topic: 't' });
    let locked = false;
    world.intercept = (request) =>
      locked && request.code === RequestCode.LOCK_BATCH_MQ
        ? Promise.resolve(createResponse(ResponseCode.SUCCESS, {}, undefined, Buffer.from('{"lockOKMQSet":[]}')))
        : undefined;
    locked = true;
    await world.clock.advance(21_000);
    for (let n = 0; n < 4; n++) await world.drive(client.producer.send(text('t', `${n}`)));
    await world.clock.advance(10_000);
    expect(seen).toEqual([]);
    locked = false;
    await world.until(() => seen.length === 4);
  });

  it('asks for the position again when it lost a lock: another member may have gone on meanwhile', async () => {
    const client = await world.client();
    let cut = false;
    const { seen, consumer } = await world.consume(
      client,
      { group: 'g', mode: ConsumeMode.ORDERLY },
      {
        topic: 't',
        handle: async () => {
          await world.clock.sleep(1000);
          return ACK;
        },
      },
    );
    consumer.pause('listener-0');
    const { queueId } = await world.drive(client.producer.send(text('t', 'first', { shardingKey: 'k' })));
    await world.drive(client.producer.send(text('t', 'second', { shardingKey: 'k' })));
    await world.clock.advance(1000);
    world.intercept = () => (cut ? Promise.reject(new MessagingError('CONNECT_FAILED', 'cut off')) : undefined);
    cut = true;
    await world.clock.advance(60_000);
    cut = false;
    // What another member would have done while this one was away.
    const other = await world.client();
    const channel = await world.host.connector.connect('any');
    await world.drive(
      channel.invoke(
        createRequest(RequestCode.UPDATE_CONSUMER_OFFSET, { consumerGroup: 'g', topic: 't', queueId, commitOffset: 1 }),
        1000,
      ),
    );
    consumer.resume('listener-0');
    await world.drive(other.producer.send(text('t', 'third', { shardingKey: 'k' })));
    await world.until(() => seen.length >= 2);
    await world.clock.advance(60_000);
    expect(bodies(seen)).toEqual(['second', 'third']);
  });

  it('stops reading ahead when its handlers do not keep up, and goes on when they do', async () => {
    const client = await world.client();
    const release: (() => void)[] = [];
    const { consumer, seen } = await world.consume(
      client,
      { group: 'g' },
      {
        topic: 't',
        concurrency: 4,
        handle: () => new Promise((resolve) => release.push(() => resolve(ACK))),
      },
    );
    const messages = Array.from({ length: 100 }, (_, n) => text('t', `${n}`, { shardingKey: 'k' }));
    for (let n = 0; n < 15; n++) await world.drive(client.producer.sendBatch(messages));
    await world.clock.advance(1000);
    const buffered = Math.max(...consumer.state().queues.map((queue) => queue.buffered));
    expect(buffered).toBeGreaterThanOrEqual(1000);
    expect(buffered).toBeLessThan(1000 + 32);
    while (client.counters.acknowledged < 1500) {
      for (const open of release.splice(0)) open();
      await world.clock.settle();
    }
    expect(seen).toHaveLength(1500);
  });
});
