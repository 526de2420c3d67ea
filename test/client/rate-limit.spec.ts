import { afterEach, describe, expect, it } from '@jest/globals';
import { VirtualClock, type Timer } from '../../lib/platform/index.js';
import { ConsumeMode } from '../../lib/client/index.js';
import { RateLimiter } from '../../lib/client/dispatch/rate-limiter.js';
import { bodies, retry, text, World, type Seen } from './support.js';

const TEN_A_SECOND = { limit: 10, intervalMillis: 1000 };

function gaps(seen: readonly Seen[]): number[] {
  return seen.slice(1).map(({ at }, index) => at - seen[index]!.at);
}

describe('a listener with a rate limit', () => {
  let world: World;
  afterEach(() => world.stop());

  it.each(Object.values(ConsumeMode))('%s: begins messages evenly, over all its queues together', async (mode) => {
    world = await World.start({ topics: [{ name: 't', queues: 4 }] });
    const client = await world.client();
    const messages = Array.from({ length: 30 }, (_, n) => text('t', String(n), { shardingKey: `key ${n}` }));
    const { seen } = await world.consume(client, { group: 'g', mode }, { topic: 't', rateLimit: TEN_A_SECOND });
    await Promise.all(messages.map((message) => client.producer.send(message)));
    await world.until(() => seen.length === 30);
    expect(new Set(gaps(seen))).toEqual(new Set([100]));
    expect(new Set(bodies(seen)).size).toBe(30);
  });

  it('lets the first one through at once, also after a rest', async () => {
    world = await World.start({ topics: ['t'] });
    const client = await world.client();
    const { seen } = await world.consume(client, { group: 'g' }, { topic: 't', rateLimit: TEN_A_SECOND });
    for (let n = 0; n < 3; n++) {
      const sent = world.clock.now();
      await world.drive(client.producer.send(text('t', `${n}`)));
      await world.until(() => seen.length === n + 1);
      expect(seen[n]!.at).toBe(sent);
      await world.clock.advance(150);
    }
  });

  it('counts retries', async () => {
    world = await World.start({ topics: ['t'] });
    const client = await world.client();
    const { seen } = await world.consume(
      client,
      { group: 'g' },
      {
        topic: 't',
        rateLimit: TEN_A_SECOND,
        backoff: [1],
        handle: ({ attempt }) => (attempt < 3 ? retry() : undefined),
      },
    );
    for (let n = 0; n < 10; n++) await world.drive(client.producer.send(text('t', `${n}`)));
    await world.until(() => seen.length === 30);
    expect(Math.min(...gaps(seen))).toBe(100);
  });

  it('holds back the puller, not the memory, and other listeners of the client not at all', async () => {
    world = await World.start({ topics: [{ name: 't', queues: 1 }, 'u'] });
    const client = await world.client();
    const limited = await world.consume(client, { group: 'g' }, { topic: 't', rateLimit: TEN_A_SECOND });
    const free = await world.consume(client, { group: 'h' }, { topic: 'u' });
    for (let n = 0; n < 30; n++) {
      await world.drive(client.producer.sendBatch(Array.from({ length: 100 }, (_, m) => text('t', `${n} ${m}`))));
    }
    await world.clock.advance(2000);
    await world.drive(client.producer.send(text('u', 'free')));
    await world.until(() => free.seen.length === 1);
    const queue = limited.consumer.state().queues.find(({ topic }) => topic === 't')!;
    expect(queue.buffered).toBeGreaterThan(900);
    expect(queue.buffered).toBeLessThanOrEqual(1032);
    expect(limited.seen.length).toBeLessThan(40);
  });

  it('does nothing while it is paused, and keeps its pace afterwards', async () => {
    world = await World.start({ topics: [{ name: 't', queues: 1 }] });
    const client = await world.client();
    const { seen, consumer } = await world.consume(client, { group: 'g' }, { topic: 't', rateLimit: TEN_A_SECOND });
    await world.drive(client.producer.sendBatch(Array.from({ length: 10 }, (_, n) => text('t', `${n}`))));
    await world.until(() => seen.length === 4);
    consumer.pause('listener-0');
    await world.clock.advance(5000);
    expect(seen).toHaveLength(4);
    consumer.resume('listener-0');
    await world.until(() => seen.length === 10);
    expect(gaps(seen).slice(4)).toEqual([100, 100, 100, 100, 100]);
  });

  it.each([
    { limit: 0, intervalMillis: 1000 },
    { limit: 1.5, intervalMillis: 1000 },
    { limit: 1, intervalMillis: 0 },
  ])('is refused with %p', async (rateLimit) => {
    world = await World.start();
    const consumer = (await world.client()).consumer({ group: 'g', mode: ConsumeMode.CONCURRENT });
    expect(() => consumer.add({ name: 'a', topic: 't', rateLimit, handle: () => {} })).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION' }),
    );
  });
});

/** Its timers fire late, as those of a busy process do. */
class LateClock extends VirtualClock {
  late = 0;

  override after(milliseconds: number, callback: () => void): Timer {
    return super.after(milliseconds + this.late, callback);
  }
}

describe('a rate limiter', () => {
  it.each([
    ['makes up for timers that are a little late', 15, 1000, 1000],
    ['makes up for no stall', 500, 40, 60],
  ])('%s', async (_, late, least, most) => {
    const clock = new LateClock();
    clock.late = late;
    let begun = 0;
    const begin = (): void => {
      for (; limiter.mayBegin(false); begun++) limiter.begin(1);
    };
    const limiter: RateLimiter = new RateLimiter({ limit: 1000, intervalMillis: 1000 }, clock, begin);
    begin();
    await clock.advance(1000);
    expect(begun).toBeGreaterThanOrEqual(least - 20);
    expect(begun).toBeLessThanOrEqual(most + 1);
    expect(clock.pending).toHaveLength(1);
  });
});
