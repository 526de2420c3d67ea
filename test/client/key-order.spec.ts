import { afterEach, describe, expect, it } from '@jest/globals';
import { SeededRandom } from '../../lib/platform/index.js';
import { ConsumeMode } from '../../lib/client/index.js';
import { bodies, gate, retry, text, World } from './support.js';

const TOPIC = { topics: [{ name: 't', queues: 1 }] };

describe('a listener with an order of keys', () => {
  let world: World;
  afterEach(() => world.stop());

  it.each([ConsumeMode.CONCURRENT, ConsumeMode.BROADCAST])(
    '%s: handles a key one by one in order, and different keys at once',
    async (mode) => {
      world = await World.start({ topics: [{ name: 't', queues: 4 }] });
      const client = await world.client();
      const random = new SeededRandom(7);
      const atWork = new Map<string, number>();
      const done: string[] = [];
      let most = 0;
      await world.consume(
        client,
        { group: 'g', mode },
        {
          topic: 't',
          concurrency: 8,
          keyOrder: true,
          handle: async (message) => {
            const key = message.systemProperty('__SHARDINGKEY')!;
            expect(atWork.get(key) ?? 0).toBe(0);
            atWork.set(key, 1);
            most = Math.max(most, [...atWork.values()].filter((count) => count > 0).length);
            await world.clock.sleep(random.below(50));
            atWork.set(key, 0);
            done.push(message.text());
          },
        },
      );
      for (let n = 0; n < 20; n++) {
        for (let key = 0; key < 10; key++) {
          await world.drive(client.producer.send(text('t', `${key} ${n}`, { shardingKey: `k${key}` })));
        }
      }
      await world.until(() => done.length === 200);
      for (let key = 0; key < 10; key++) {
        const own = done.filter((body) => body.startsWith(`${key} `));
        expect(own).toEqual(Array.from({ length: 20 }, (_, n) => `${key} ${n}`));
      }
      expect(most).toBeGreaterThan(1);
      expect(most).toBeLessThanOrEqual(8);
    },
  );

  it('takes the key from a function, and lets messages without one pass', async () => {
    world = await World.start(TOPIC);
    const client = await world.client();
    const held = gate();
    const { seen } = await world.consume(
      client,
      { group: 'g' },
      {
        topic: 't',
        keyOrder: (message) => message.keys[0],
        handle: (message) => (message.text() === 'a1' ? held.opened : undefined),
      },
    );
    const send = (body: string, ...keys: string[]) => world.drive(client.producer.send(text('t', body, { keys })));
    await send('a1', 'a');
    await send('a2', 'a');
    await send('b1', 'b');
    await send('free 1');
    await send('free 2');
    await world.clock.advance(100);
    expect(bodies(seen)).toEqual(['a1', 'b1', 'free 1', 'free 2']);
    held.open();
    await world.until(() => seen.length === 5);
    expect(bodies(seen)[4]).toBe('a2');
  });

  it('a waiting key takes no handler’s place', async () => {
    world = await World.start(TOPIC);
    const client = await world.client();
    const held = gate();
    const { seen } = await world.consume(
      client,
      { group: 'g' },
      { topic: 't', concurrency: 2, keyOrder: true, handle: (m) => (m.text() === 'a0' ? held.opened : undefined) },
    );
    for (let n = 0; n < 50; n++) await world.drive(client.producer.send(text('t', `a${n}`, { shardingKey: 'a' })));
    for (let n = 0; n < 50; n++) await world.drive(client.producer.send(text('t', `b${n}`, { shardingKey: 'b' })));
    await world.clock.advance(100);
    expect(bodies(seen)).toEqual(['a0', ...Array.from({ length: 50 }, (_, n) => `b${n}`)]);
    held.open();
    await world.until(() => seen.length === 100);
    expect(bodies(seen).slice(51)).toEqual(Array.from({ length: 49 }, (_, n) => `a${n + 1}`));
  });

  it('sends a failed one to its retry, which comes behind those that waited', async () => {
    world = await World.start(TOPIC);
    const client = await world.client();
    const { seen } = await world.consume(
      client,
      { group: 'g' },
      {
        topic: 't',
        keyOrder: true,
        backoff: [1000],
        handle: (message) => (message.attempt === 1 && message.text() === '1' ? retry() : undefined),
      },
    );
    for (const body of ['1', '2', '3']) await world.drive(client.producer.send(text('t', body, { shardingKey: 'a' })));
    await world.until(() => seen.length === 4);
    expect(bodies(seen)).toEqual(['1', '2', '3', '1']);
  });

  it('retries a message whose key cannot be had, without calling the handler', async () => {
    world = await World.start(TOPIC);
    const client = await world.client();
    let calls = 0;
    const { seen } = await world.consume(
      client,
      { group: 'g' },
      {
        topic: 't',
        backoff: [100],
        keyOrder: () => {
          calls++;
          if (calls === 1) throw new Error('no key yet');
          return calls === 2 ? (7 as never) : 'key';
        },
      },
    );
    await world.drive(client.producer.send(text('t', 'x')));
    await world.until(() => seen.length === 1);
    expect(seen[0]!.attempt).toBe(3);
    expect(world.warnings.some((line) => line.includes('no key yet'))).toBe(true);
    expect(world.warnings.some((line) => line.includes('must give a text'))).toBe(true);
  });

  it('forgets what waited in a queue that was taken away; its next owner handles it in order', async () => {
    world = await World.start({ topics: [{ name: 't', queues: 2 }] });
    const one = await world.client();
    const two = await world.client();
    const held = gate();
    const binding = { topic: 't', keyOrder: true as const };
    const done: string[] = [];
    await world.consume(
      one,
      { group: 'g' },
      {
        ...binding,
        handle: async (message) => {
          if (message.text().endsWith(' 0')) await held.opened;
          done.push(message.text());
        },
      },
    );
    const keys = ['a', 'b', 'c', 'd'];
    for (const key of keys) {
      for (let n = 0; n < 5; n++) {
        await world.drive(one.producer.send(text('t', `${key} ${n}`, { shardingKey: key })));
      }
    }
    await world.clock.advance(100);
    await world.consume(two, { group: 'g' }, { ...binding, handle: (message) => void done.push(message.text()) });
    await world.clock.advance(100);
    held.open();
    await world.until(() => new Set(done).size === 20);
    for (const key of keys) {
      // What was settled behind one that was not comes again.
      const own = done.filter((body, index) => body.startsWith(key) && done.indexOf(body) === index);
      expect(own).toEqual(Array.from({ length: 5 }, (_, n) => `${key} ${n}`));
    }
  });

  it('is refused in orderly mode, and as anything but true or a function', async () => {
    world = await World.start();
    const client = await world.client();
    const handle = (): void => {};
    const add = (mode: ConsumeMode, keyOrder: true): void =>
      client
        .consumer({ group: `g-${mode}-${String(keyOrder)}`, mode })
        .add({ name: 'a', topic: 't', keyOrder, handle });
    expect(() => add(ConsumeMode.ORDERLY, true)).toThrow(/keyOrder of a would do nothing: in orderly mode/);
    expect(() => add(ConsumeMode.CONCURRENT, 'key' as never)).toThrow(/keyOrder of a must be true or a function/);
  });
});
