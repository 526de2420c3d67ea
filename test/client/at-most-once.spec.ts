import { afterEach, describe, expect, it } from '@jest/globals';
import { SeededRandom, SimulatedFileSystem } from '../../lib/platform/index.js';
import {
  MessagingError,
  RequestCode,
  type RemotingCommand,
  type UpdateConsumerOffsetRequestHeader,
} from '../../lib/protocol/index.js';
import { ConsumeMode, type MessagingClient } from '../../lib/client/index.js';
import { bodies, gate, retry, text, World } from './support.js';

const TOPIC = { topics: [{ name: 't', queues: 1 }] };
const ONCE = { group: 'g', delivery: 'at-most-once' as const };

function storesPosition(request: RemotingCommand): boolean {
  const header = request.header as UpdateConsumerOffsetRequestHeader;
  return request.code === RequestCode.UPDATE_CONSUMER_OFFSET && header.topic === 't' && header.durable === true;
}

describe('a group that acknowledges first', () => {
  let world: World;
  afterEach(async () => {
    world.intercept = () => undefined;
    await world.stop();
  });

  async function send(client: MessagingClient, from: number, to: number): Promise<void> {
    for (let n = from; n < to; n++) await world.drive(client.producer.send(text('t', String(n))));
  }

  it('never sees again what was at work when its process died, and misses nothing else', async () => {
    world = await World.start(TOPIC);
    const sender = await world.client();
    const one = await world.client();
    const held = gate();
    const first = await world.consume(one, ONCE, { topic: 't', concurrency: 3, handle: () => held.opened });
    await send(sender, 0, 10);
    await world.until(() => first.seen.length === 3);
    world.vanish(one);
    const second = await world.consume(await world.client(), ONCE, { topic: 't' });
    await world.until(() => second.seen.length === 7, 300_000);
    await world.clock.advance(60_000);
    expect(bodies(first.seen)).toEqual(['0', '1', '2']);
    expect(bodies(second.seen)).toEqual(['3', '4', '5', '6', '7', '8', '9']);
    held.open();
  });

  it('stores a position that a loss of power does not take back', async () => {
    const disk = new SimulatedFileSystem();
    world = await World.start({ memory: false, store: '/store', ...TOPIC }, disk);
    const client = await world.client();
    const images: SimulatedFileSystem[] = [];
    await world.consume(client, ONCE, {
      topic: 't',
      handle: () => void images.push(disk.crashImage('none', new SeededRandom(1))),
    });
    await send(client, 0, 2);
    await world.until(() => images.length === 2);
    for (const [index, image] of images.entries()) {
      const after = await World.start({ memory: false, store: '/store', ...TOPIC }, image);
      const { seen } = await after.consume(await after.client(), ONCE, { topic: 't' });
      await after.clock.advance(30_000);
      expect(bodies(seen)).not.toContain(String(index));
      await after.stop();
    }
  });

  it('handles nothing while the position cannot be stored', async () => {
    world = await World.start(TOPIC);
    const client = await world.client();
    const { seen } = await world.consume(client, ONCE, { topic: 't' });
    world.intercept = (request) =>
      storesPosition(request) ? Promise.reject(new MessagingError('CONNECT_FAILED', 'away')) : undefined;
    await send(client, 0, 3);
    await world.clock.advance(10_000);
    expect(seen).toEqual([]);
    expect(world.warnings.some((line) => line.includes('cannot store its position 1 in'))).toBe(true);
    world.intercept = () => undefined;
    await world.until(() => seen.length === 3, 1500);
    expect(bodies(seen)).toEqual(['0', '1', '2']);
  });

  it('stores one position for all that begin together', async () => {
    world = await World.start(TOPIC);
    const client = await world.client();
    let stores = 0;
    world.intercept = (request) => {
      if (storesPosition(request)) stores++;
      return undefined;
    };
    const { seen, consumer } = await world.consume(client, ONCE, { topic: 't' });
    consumer.pause();
    await send(client, 0, 64);
    await world.clock.advance(1000);
    consumer.resume();
    await world.until(() => seen.length === 64);
    expect(stores).toBeLessThan(20);
  });

  it('a failure is logged and counted, and not tried again', async () => {
    world = await World.start(TOPIC);
    const client = await world.client();
    const { seen, consumer } = await world.consume(client, ONCE, {
      topic: 't',
      handle: () => retry(new Error('no luck')),
    });
    await send(client, 0, 2);
    await world.until(() => seen.length === 2);
    await world.clock.advance(3_600_000);
    expect(seen).toHaveLength(2);
    expect(client.counters).toMatchObject({ failed: 2, retried: 0, deadLettered: 0 });
    expect(consumer.state().listeners[0]!.counts).toMatchObject({ failed: 2, acknowledged: 0 });
    expect(world.warnings.some((line) => line.includes('acknowledges first') && line.includes('no luck'))).toBe(true);
  });

  it('what can never succeed becomes a dead letter', async () => {
    world = await World.start(TOPIC);
    const client = await world.client();
    await world.consume(client, ONCE, { topic: 't', handle: () => ({ kind: 'dead-letter', error: new Error('bad') }) });
    const letters = await world.consume(client, { group: 'letters', from: 'earliest' }, { topic: '%DLQ%g' });
    await send(client, 0, 1);
    await world.until(() => letters.seen.length === 1);
    expect(client.counters).toMatchObject({ deadLettered: 1, failed: 0 });
  });

  it.each([1, 2, 3, 4, 5])('every message is handled once while members come and go (%i)', async (seed) => {
    world = await World.start({ topics: [{ name: 't', queues: 4 }] });
    const random = new SeededRandom(seed);
    const sender = await world.client();
    const handled: string[] = [];
    const join = async (): Promise<MessagingClient> => {
      const client = await world.client();
      await world.consume(client, ONCE, {
        topic: 't',
        concurrency: 2,
        handle: async (message) => {
          handled.push(message.text());
          await world.clock.sleep(random.below(300));
        },
      });
      return client;
    };
    const members = [await join(), await join()];
    for (let round = 0; round < 6; round++) {
      await send(sender, round * 20, round * 20 + 20);
      if (random.below(2) === 0 && members.length > 1) await world.drive(members.shift()!.shutdown(5000));
      else members.push(await join());
      await world.clock.advance(random.below(1000));
    }
    await world.until(() => handled.length >= 120, 300_000);
    await world.clock.advance(60_000);
    expect(handled.map(Number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 120 }, (_, n) => n));
  });

  it('keeps the order of keys', async () => {
    world = await World.start(TOPIC);
    const client = await world.client();
    const random = new SeededRandom(3);
    const done: string[] = [];
    await world.consume(client, ONCE, {
      topic: 't',
      keyOrder: true,
      concurrency: 4,
      handle: async (message) => {
        await world.clock.sleep(random.below(50));
        done.push(message.text());
      },
    });
    for (let n = 0; n < 20; n++) {
      for (const key of ['a', 'b', 'c']) {
        await world.drive(client.producer.send(text('t', `${key}${n}`, { shardingKey: key })));
      }
    }
    await world.until(() => done.length === 60);
    for (const key of ['a', 'b', 'c']) {
      expect(done.filter((body) => body.startsWith(key))).toEqual(Array.from({ length: 20 }, (_, n) => `${key}${n}`));
    }
  });

  it('a broadcast instance does not see again what was at work when it died', async () => {
    world = await World.start(TOPIC);
    const options = { instance: 'one', localOffsets: '/positions' };
    const broadcast = { ...ONCE, mode: ConsumeMode.BROADCAST };
    const sender = await world.client();
    const one = await world.client(options);
    const held = gate();
    const first = await world.consume(one, broadcast, { topic: 't', concurrency: 2, handle: () => held.opened });
    await send(sender, 0, 4);
    await world.until(() => first.seen.length === 2);
    world.vanish(one);
    const second = await world.consume(await world.client(options), broadcast, { topic: 't' });
    await world.until(() => second.seen.length === 2);
    await world.clock.advance(10_000);
    expect([...bodies(first.seen), ...bodies(second.seen)]).toEqual(['0', '1', '2', '3']);
    held.open();
  });

  it('is refused in orderly mode, and as anything else', async () => {
    world = await World.start();
    const client = await world.client();
    let groups = 0;
    const add = (mode: ConsumeMode, delivery: unknown): void =>
      client
        .consumer({ group: `g${++groups}`, mode, delivery: delivery as never })
        .add({ name: 'a', topic: 't', handle: () => {} });
    expect(() => add(ConsumeMode.ORDERLY, 'at-most-once')).toThrow(/delivery of a cannot be at-most-once in orderly/);
    expect(() => add(ConsumeMode.CONCURRENT, 'exactly-once')).toThrow(/delivery of a must be at-least-once or/);
  });
});
