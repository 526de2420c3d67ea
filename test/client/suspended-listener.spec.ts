import { afterEach, describe, expect, it } from '@jest/globals';
import { ConsumeMode } from '../../lib/client/index.js';
import { later, ONE_QUEUE, putsOff } from './postponing.js';
import { ACK, bodies, gate, text, World } from './support.js';

describe('a listener that suspends itself', () => {
  let world: World;
  afterEach(() => world.stop());

  it.each([ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY, ConsumeMode.BROADCAST])(
    'takes nothing new until its time is over, and says so (%s)',
    async (mode) => {
      world = await World.start({
        topics: [
          { name: 't', queues: 1 },
          { name: 'other', queues: 1 },
        ],
      });
      const client = await world.client();
      let down = true;
      const { consumer, seen } = await world.consume(
        client,
        { group: 'g', mode },
        { topic: 't', name: 'down', concurrency: 1, handle: () => (down ? later(5000, true) : ACK) },
        { topic: 'other', name: 'up' },
      );
      for (const name of ['a', 'b', 'c']) await world.drive(client.producer.send(text('t', name)));
      await world.drive(client.producer.send(text('other', 'x')));
      await world.until(() => seen.length === 2);
      await world.clock.advance(4000);
      expect(bodies(seen).toSorted()).toEqual(['a', 'x']);
      const at = seen.find(({ body }) => body === 'a')!.at;
      expect(consumer.state().suspendedListeners).toEqual([{ name: 'down', until: at + 5000, reason: 'not now' }]);
      expect(consumer.suspensionOf('up')).toBeUndefined();
      down = false;
      await world.until(() => seen.length === 5);
      expect(seen[2]).toMatchObject({ body: 'a', at: at + 5000 });
      expect(consumer.state().suspendedListeners).toEqual([]);
      expect(world.warnings.filter((line) => line.includes('takes nothing new'))).toHaveLength(1);
      await world.clock.advance(10);
      expect(client.counters).toMatchObject({ postponed: 1, acknowledged: 4 });
    },
  );

  it('is not woken by resume, nor by messages that come', async () => {
    world = await World.start(ONE_QUEUE);
    const client = await world.client();
    const { consumer, seen } = await world.consume(
      client,
      { group: 'g' },
      { topic: 't', handle: putsOff('a', 1, 5000, true) },
    );
    await world.drive(client.producer.send(text('t', 'a')));
    await world.until(() => seen.length === 1);
    consumer.pause('listener-0');
    consumer.resume('listener-0');
    await world.drive(client.producer.send(text('t', 'b')));
    await world.clock.advance(4000);
    expect(bodies(seen)).toEqual(['a']);
    await world.until(() => seen.length === 3);
    expect(bodies(seen)).toContain('b');
  });

  it('stays so until the latest end that was asked for', async () => {
    world = await World.start(ONE_QUEUE);
    const client = await world.client();
    const delays = [5000, 9000, 2000];
    const { opened, open } = gate();
    const { seen } = await world.consume(
      client,
      { group: 'g' },
      {
        topic: 't',
        concurrency: 3,
        handle: async () => {
          await opened;
          return delays.length > 0 ? later(delays.shift()!, true) : ACK;
        },
      },
    );
    for (const name of ['a', 'b', 'c']) await world.drive(client.producer.send(text('t', name)));
    await world.until(() => seen.length === 3);
    open();
    await world.until(() => delays.length === 0);
    const start = world.clock.now();
    await world.until(() => seen.length === 6);
    expect(seen.slice(3).map(({ at }) => at - start)).toEqual([9000, 9000, 9000]);
  });
});
