import { afterEach, describe, expect, it } from '@jest/globals';
import { ExtensionProperty } from '../../lib/protocol/index.js';
import { ConsumeMode, type ListenerBinding, type ReceivedMessage } from '../../lib/client/index.js';
import { bodies, gate, retry, text, World } from './support.js';

const TOPIC = { topics: [{ name: 't', queues: 1 }] };
const ORDERLY = { group: 'g', mode: ConsumeMode.ORDERLY };

describe('a handler that takes too long', () => {
  let world: World;
  const held = gate();
  afterEach(() => world.stop());

  /** Hangs at the first attempts of a message, until it is told to stop. */
  const hangs =
    (body: string, attempts = 1): ListenerBinding['handle'] =>
    (message: ReceivedMessage) =>
      message.text() === body && message.attempt <= attempts ? held.opened : undefined;

  async function start(
    options: { group: string; mode?: ConsumeMode; maxReconsumeTimes?: number },
    binding: Partial<ListenerBinding>,
  ) {
    world = await World.start(TOPIC);
    const client = await world.client({ handoverMillis: 1000 });
    const { seen } = await world.consume(client, options, { topic: 't', consumeTimeoutMillis: 5000, ...binding });
    const send = async (...names: string[]): Promise<void> => {
      for (const name of names) await world.drive(client.producer.send(text('t', name, { shardingKey: 'a' })));
    };
    return { client, seen, send };
  }

  it('loses its message, which is tried again while it still runs', async () => {
    const signals: AbortSignal[] = [];
    const { client, seen, send } = await start(
      { group: 'g' },
      {
        backoff: [1000],
        handle: (message, signal) => {
          signals.push(signal);
          return hangs('slow')!(message, signal);
        },
      },
    );
    await send('slow', 'fast');
    await world.clock.advance(4999);
    expect(signals[0]!.aborted).toBe(false);
    expect(bodies(seen)).toEqual(['slow', 'fast']);
    await world.until(() => seen.length === 3);
    expect(signals[0]!.aborted).toBe(true);
    expect(signals[0]!.reason).toMatchObject({ name: 'ConsumeTimeoutError' });
    expect(seen[2]).toMatchObject({ body: 'slow', attempt: 2 });
    expect(seen[2]!.at - seen[0]!.at).toBe(6000);
    expect(client.counters).toMatchObject({ consumeTimeouts: 1, retried: 1, inFlight: 1 });
  });

  it('keeps its place, so that no more handlers run than are allowed', async () => {
    const { seen, send } = await start({ group: 'g' }, { concurrency: 2, backoff: [100], handle: () => held.opened });
    await send('1', '2', '3');
    await world.clock.advance(60_000);
    expect(seen).toHaveLength(2);
  });

  it('and ends after all: that counts for nothing', async () => {
    const { client, seen, send } = await start(
      { group: 'g' },
      {
        backoff: [60_000],
        handle: async ({ attempt }) => {
          if (attempt === 1) await world.clock.sleep(8000);
        },
      },
    );
    await send('x');
    await world.until(() => seen.length === 2, 120_000);
    await world.clock.advance(10);
    expect(client.counters).toMatchObject({ consumeTimeouts: 1, lateOutcomes: 1, retried: 1, acknowledged: 1 });
    expect(world.warnings.some((line) => line.includes('handled to the end after its time-out'))).toBe(true);
  });

  it('makes a dead letter at last, which says so', async () => {
    const { client, send } = await start(
      { group: 'g' },
      { maxReconsumeTimes: 1, backoff: [10], handle: () => held.opened },
    );
    const letters = await world.consume(client, { group: 'letters' }, { topic: '%DLQ%g' });
    await send('x');
    await world.until(() => letters.seen.length === 1);
    expect(letters.seen[0]!.message.systemProperty(ExtensionProperty.DLQ_ERROR_CLASS)).toBe('ConsumeTimeoutError');
    expect(client.counters).toMatchObject({ consumeTimeouts: 2, deadLettered: 1 });
  });

  it('is not touched when it ends in time', async () => {
    const { client, seen, send } = await start(
      { group: 'g' },
      { handle: () => world.clock.sleep(4999).then(() => undefined) },
    );
    await send('1', '2');
    await world.clock.advance(60_000);
    expect(seen).toHaveLength(2);
    expect(client.counters).toMatchObject({ acknowledged: 2, consumeTimeouts: 0, lateOutcomes: 0 });
  });

  it('keeps its key: a further one of the key does not overtake it', async () => {
    const { seen, send } = await start({ group: 'g' }, { keyOrder: true, backoff: [100], handle: hangs('1') });
    await send('1', '2');
    await world.clock.advance(60_000);
    expect(bodies(seen)).toEqual(['1']);
  });

  it('orderly: gives its queue back; the message comes again first, as a further attempt', async () => {
    const signals: AbortSignal[] = [];
    const { client, seen, send } = await start(ORDERLY, {
      handle: (message, signal) => {
        signals.push(signal);
        return hangs('1')!(message, signal);
      },
    });
    await send('1', '2', '3');
    await world.until(() => seen.length === 4);
    expect(bodies(seen)).toEqual(['1', '1', '2', '3']);
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 1, 1]);
    expect(seen[1]!.at - seen[0]!.at).toBeGreaterThanOrEqual(6000);
    expect(signals[0]!.reason).toMatchObject({ name: 'ConsumeTimeoutError' });
    expect(client.counters).toMatchObject({ consumeTimeouts: 1, retried: 1 });
    expect(world.warnings.some((line) => line.includes('whose queue is given back'))).toBe(true);
  });

  it('orderly: what it does late is done, when nobody else has the message yet', async () => {
    const { client, seen, send } = await start(ORDERLY, {
      handle: async (message) => {
        if (message.text() === '1') await world.clock.sleep(5500);
      },
    });
    await send('1', '2');
    await world.until(() => seen.length === 2);
    await world.clock.advance(60_000);
    expect(bodies(seen)).toEqual(['1', '2']);
    expect(client.counters).toMatchObject({ acknowledged: 2, consumeTimeouts: 1, lateOutcomes: 0 });
  });

  it('orderly: a failure that comes late counts once', async () => {
    const { client, seen, send } = await start(ORDERLY, {
      handle: async ({ attempt }) => {
        if (attempt > 1) return undefined;
        await world.clock.sleep(5500);
        return retry();
      },
    });
    await send('1');
    await world.until(() => seen.length === 2);
    expect(seen[1]!.attempt).toBe(2);
    expect(client.counters).toMatchObject({ retried: 1, lateOutcomes: 1 });
  });

  it('orderly: after its last attempt the message is a dead letter, and the queue goes on', async () => {
    const { client, seen, send } = await start(
      { ...ORDERLY, maxReconsumeTimes: 2 },
      { handle: (message) => (message.text() === '1' ? held.opened : undefined) },
    );
    const letters = await world.consume(client, { group: 'letters' }, { topic: '%DLQ%g' });
    await send('1', '2');
    await world.until(() => letters.seen.length === 1 && seen.at(-1)?.body === '2', 120_000);
    expect(bodies(seen)).toEqual(['1', '1', '1', '2']);
    expect(client.counters).toMatchObject({ consumeTimeouts: 3, retried: 2, deadLettered: 1 });
  });

  it('is refused as anything but a time, and where nothing is retried', async () => {
    world = await World.start();
    const client = await world.client();
    let groups = 0;
    const add = (consumeTimeoutMillis: number, more: object = {}): void =>
      client
        .consumer({ group: `g${++groups}`, mode: ConsumeMode.CONCURRENT, ...more })
        .add({ name: 'a', topic: 't', consumeTimeoutMillis, handle: () => {} });
    expect(() => add(0)).toThrow(/consumeTimeoutMillis of a must be milliseconds above 0/);
    expect(() => add(5, { mode: ConsumeMode.BROADCAST })).toThrow(/consumeTimeout of a would do nothing/);
    expect(() => add(5, { delivery: 'at-most-once' })).toThrow(/consumeTimeout of a would do nothing/);
  });
});
