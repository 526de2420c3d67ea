import { afterEach, describe, expect, it } from '@jest/globals';
import {
  ConsumeMode,
  type ConsumerOptions,
  type ListenerBinding,
  type MessagingClient,
} from '../../lib/client/index.js';
import { ACK, gate, retry, text, World } from './support.js';

describe('a batch listener', () => {
  let world: World;
  let client: MessagingClient;
  afterEach(() => world.stop());

  async function start(binding: Partial<ListenerBinding>, options: Partial<ConsumerOptions> = {}) {
    world = await World.start({ topics: [{ name: 't', queues: 1 }] });
    client = await world.client();
    const batches: { bodies: string[]; attempts: number[]; at: number }[] = [];
    const consumer = client.consumer({ group: 'g', mode: ConsumeMode.CONCURRENT, ...options });
    consumer.add({
      name: 'batches',
      topic: 't',
      batch: { size: 3, timeoutMillis: 1000 },
      ...binding,
      handleBatch: (messages, signal) => {
        const bodies = messages.map((message) => message.text());
        batches.push({ bodies, attempts: messages.map(({ attempt }) => attempt), at: world.clock.now() });
        return binding.handleBatch?.(messages, signal);
      },
    });
    await world.drive(consumer.register());
    await world.drive(consumer.start());
    return { batches, consumer };
  }

  async function send(...names: string[]): Promise<void> {
    for (const name of names) await world.drive(client.producer.send(text('t', name)));
  }

  it('gets as many as it wants at once, and the rest when it has waited long enough', async () => {
    const { batches } = await start({});
    const before = world.clock.now();
    await send('1', '2', '3', '4');
    await world.until(() => batches.length === 2);
    expect(batches.map(({ bodies }) => bodies)).toEqual([['1', '2', '3'], ['4']]);
    expect(batches[0]!.at).toBe(before);
    expect(batches[1]!.at - before).toBe(1000);
    await world.until(() => client.counters.acknowledged === 4);
  });

  it('says what becomes of each message', async () => {
    const { batches } = await start({
      backoff: [5000],
      handleBatch: (messages) =>
        messages.map((message) => {
          if (message.text() === 'bad') return { kind: 'dead-letter', error: new Error('bad') };
          return message.text() === 'later' && message.attempt === 1 ? retry() : ACK;
        }),
    });
    const letters = await world.consume(client, { group: 'letters' }, { topic: '%DLQ%g' });
    await send('fine', 'later', 'bad');
    await world.until(() => batches.length === 2 && letters.seen.length === 1);
    expect(batches[1]).toMatchObject({ bodies: ['later'], attempts: [2] });
    await world.until(() => client.counters.acknowledged >= 2);
    expect(client.counters).toMatchObject({ retried: 1, deadLettered: 1 });
  });

  it('a batch that throws, or gives too few outcomes, is tried again as a whole', async () => {
    let calls = 0;
    const { batches } = await start({
      backoff: [10],
      handleBatch: (messages) => {
        calls++;
        if (calls === 1) throw new Error('no luck');
        return calls === 2 ? [ACK] : messages.map(() => ACK);
      },
    });
    await send('1', '2', '3');
    await world.until(() => batches.length === 3, 10_000);
    expect(batches.map(({ bodies }) => bodies.toSorted())).toEqual([
      ['1', '2', '3'],
      ['1', '2', '3'],
      ['1', '2', '3'],
    ]);
    expect(batches[2]!.attempts).toEqual([3, 3, 3]);
    expect(world.warnings.some((line) => line.includes('gave 1 outcomes for 3 messages'))).toBe(true);
  });

  it('a batch counts as one handler, and as all its messages for a rate limit', async () => {
    const held = gate();
    const { batches } = await start({ concurrency: 2, handleBatch: () => held.opened });
    await send(...'123456789');
    await world.clock.advance(5000);
    expect(batches).toHaveLength(2);
    held.open();
    await world.until(() => batches.length === 3);
  });

  it('waits its turn with a rate limit', async () => {
    const { batches } = await start({ rateLimit: { limit: 3, intervalMillis: 3000 } });
    await send(...'123456');
    await world.until(() => batches.length === 2);
    expect(batches[1]!.at - batches[0]!.at).toBeGreaterThanOrEqual(3000);
  });

  it('is given back as a whole when it takes too long', async () => {
    const held = gate();
    const { batches } = await start({
      consumeTimeoutMillis: 2000,
      backoff: [10],
      handleBatch: ([first]) => (first!.attempt === 1 ? held.opened : undefined),
    });
    await send('1', '2', '3');
    await world.until(() => batches.length === 2);
    expect(batches[1]).toMatchObject({ attempts: [2, 2, 2] });
    expect(client.counters.consumeTimeouts).toBe(3);
  });

  it('at most once: is not delivered again after a death', async () => {
    const held = gate();
    const { batches } = await start({ concurrency: 1, handleBatch: () => held.opened }, { delivery: 'at-most-once' });
    const sender = await world.client();
    for (const name of '12345') await world.drive(sender.producer.send(text('t', name)));
    await world.until(() => batches.length === 1);
    world.vanish(client);
    const next = await world.consume(await world.client(), { group: 'g', delivery: 'at-most-once' }, { topic: 't' });
    await world.until(() => next.seen.length === 2, 300_000);
    expect(next.seen.map(({ body }) => body)).toEqual(['4', '5']);
  });

  it('what has expired is a dead letter, and not in the batch', async () => {
    const { batches } = await start({});
    await world.drive(client.producer.send(text('t', 'stale', { expiresAt: world.clock.now() + 500 })));
    await send('fresh');
    await world.until(() => batches.length === 1);
    expect(batches[0]!.bodies).toEqual(['fresh']);
    await world.until(() => client.counters.deadLettered === 1);
  });

  it('is refused in orderly mode, with an order of keys, and with senseless limits', async () => {
    world = await World.start();
    client = await world.client();
    let groups = 0;
    const add = (more: Partial<ListenerBinding>, mode = ConsumeMode.CONCURRENT): void =>
      client
        .consumer({ group: `g${++groups}`, mode })
        .add({ name: 'a', topic: 't', batch: { size: 3, timeoutMillis: 10 }, handleBatch: () => {}, ...more });
    expect(() => add({}, ConsumeMode.ORDERLY)).toThrow(/batch of a cannot be had in orderly mode/);
    expect(() => add({ keyOrder: true })).toThrow(/keyOrder of a orders single messages/);
    expect(() => add({ rateLimit: { limit: 2, intervalMillis: 10 } })).toThrow(/size over the limit of rateLimit/);
    expect(() => add({ batch: { size: 0, timeoutMillis: 10 } })).toThrow(/batch.size of a must be/);
    expect(() => add({ batch: { size: 3, timeoutMillis: -1 } })).toThrow(/batch.timeoutMillis of a must be/);
    expect(() => add({ handleBatch: undefined, handle: () => {} })).toThrow(/handleBatch of a must be a function/);
  });
});
