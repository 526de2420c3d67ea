import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConsumeMode, type Settlement } from '../../lib/client/index.js';
import { ACK, bodies, gate, retry, text, World } from './support.js';

const ORDERLY = { group: 'g', mode: ConsumeMode.ORDERLY };

describe('an orderly group', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start({ topics: [{ name: 't', queues: 4 }] });
  });
  afterEach(() => world.stop());

  it('handles one message at a time per queue, in the order of the queue, queues side by side', async () => {
    const client = await world.client();
    const running = new Map<number, number>();
    let most = 0;
    let together = 0;
    const { seen } = await world.consume(client, ORDERLY, {
      topic: 't',
      handle: async (message) => {
        const count = (running.get(message.queueId) ?? 0) + 1;
        running.set(message.queueId, count);
        most = Math.max(most, count);
        together = Math.max(together, [...running.values()].filter((value) => value > 0).length);
        await world.clock.sleep(10);
        running.set(message.queueId, count - 1);
        return ACK;
      },
    });
    for (let n = 0; n < 80; n++) {
      await world.drive(client.producer.send(text('t', `k${n % 8}:${n}`, { shardingKey: `k${n % 8}` })));
    }
    await world.until(() => client.counters.acknowledged === 80);
    for (let key = 0; key < 8; key++) {
      const own = bodies(seen).filter((body) => body.startsWith(`k${key}:`));
      expect(own).toEqual(Array.from({ length: 10 }, (_, index) => `k${key}:${index * 8 + key}`));
    }
    expect(most).toBe(1);
    expect(together).toBeGreaterThan(1);
  });

  it('holds the queue of a failing message, tries again every second or when told, then makes a dead letter of it', async () => {
    const client = await world.client();
    const settlements: Settlement[] = [retry(), retry(undefined, 250), retry()];
    const { seen } = await world.consume(client, ORDERLY, {
      topic: 't',
      maxReconsumeTimes: 4,
      handle: (message) => (message.text() === 'bad' ? (settlements.shift() ?? retry(new TypeError('no'))) : ACK),
    });
    const dead = await world.consume(client, { group: 'undertaker', from: 'earliest' }, { topic: '%DLQ%g' });
    for (const body of ['before', 'bad', 'after']) {
      await world.drive(client.producer.send(text('t', body, { shardingKey: 'k' })));
    }
    await world.until(() => seen.length === 7 && dead.seen.length === 1);
    expect(bodies(seen)).toEqual(['before', 'bad', 'bad', 'bad', 'bad', 'bad', 'after']);
    expect(seen.slice(1, 6).map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
    const waits = seen.slice(2, 6).map(({ at }, index) => at - seen[index + 1]!.at);
    expect(waits).toEqual([1000, 250, 1000, 1000]);
    expect(dead.seen[0]!.message.systemProperty('NESTMQ_DLQ_ERROR_CLASS')).toBe('TypeError');
    expect(dead.seen[0]!.message.systemProperty('NESTMQ_DLQ_ATTEMPTS')).toBe('5');
    expect(Number(dead.seen[0]!.message.systemProperty('NESTMQ_DLQ_FIRST_FAILED_AT'))).toBe(seen[1]!.at);
    expect(client.counters).toMatchObject({ deadLettered: 1, retried: 4 });
  });

  it('goes by the default of 16 retries', async () => {
    const client = await world.client();
    const { seen } = await world.consume(client, ORDERLY, { topic: 't', handle: () => retry() });
    await world.drive(client.producer.send(text('t', 'x')));
    await world.until(() => client.counters.deadLettered === 1);
    expect(seen).toHaveLength(17);
  });

  it('keeps its order when members come and go, and nothing is handled twice', async () => {
    const producer = await world.client();
    const handle = async (): Promise<Settlement> => {
      await world.clock.sleep(20);
      return ACK;
    };
    const first = await world.consume(await world.client(), ORDERLY, { topic: 't', handle });
    const order: string[] = [];
    const send = async (from: number, to: number): Promise<void> => {
      for (let n = from; n < to; n++) {
        await world.drive(producer.producer.send(text('t', `k${n % 8}:${n}`, { shardingKey: `k${n % 8}` })));
      }
    };
    await send(0, 100);
    await world.until(() => first.seen.length > 20);
    const second = await world.consume(await world.client(), ORDERLY, { topic: 't', handle });
    await send(100, 200);
    await world.until(() => second.seen.length > 20);
    await world.drive(first.consumer.stop(1000));
    await world.until(() => first.seen.length + second.seen.length >= 200);
    await world.clock.advance(30_000);
    const all = [...first.seen, ...second.seen].toSorted((a, b) => a.at - b.at);
    order.push(...bodies(all));
    expect(order).toHaveLength(200);
    for (let key = 0; key < 8; key++) {
      const own = order.filter((body) => body.startsWith(`k${key}:`)).map((body) => Number(body.split(':')[1]));
      expect(own).toEqual(own.toSorted((a, b) => a - b));
      expect(own).toHaveLength(25);
    }
  });

  it('keeps the queue of a handler that runs longer than a lock lasts', async () => {
    const client = await world.client();
    const { open, opened } = gate();
    const { seen } = await world.consume(client, ORDERLY, { topic: 't', handle: async () => (await opened, ACK) });
    await world.drive(client.producer.send(text('t', 'long', { shardingKey: 'k' })));
    await world.drive(client.producer.send(text('t', 'next', { shardingKey: 'k' })));
    await world.until(() => seen.length === 1);
    await world.clock.advance(150_000);
    expect(seen).toHaveLength(1);
    open();
    await world.until(() => seen.length === 2);
    expect(bodies(seen)).toEqual(['long', 'next']);
  });

  it('holds the queue while its listener is paused', async () => {
    const client = await world.client();
    const { seen, consumer } = await world.consume(client, ORDERLY, { topic: 't' });
    consumer.pause('listener-0');
    await world.drive(client.producer.send(text('t', 'x', { shardingKey: 'k' })));
    await world.clock.advance(10_000);
    expect(seen).toHaveLength(0);
    consumer.resume('listener-0');
    await world.until(() => seen.length === 1);
  });
});
