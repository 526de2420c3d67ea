import { afterEach, describe, expect, it } from '@jest/globals';
import { ConsumeMode } from '../../lib/client/index.js';
import { bodies, gate, retry, text, World } from './support.js';

describe('a message with an expiry', () => {
  let world: World;
  afterEach(() => world.stop());

  it.each([ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY])(
    '%s: is handled before, and a dead letter with that reason from then on',
    async (mode) => {
      world = await World.start({ topics: ['t'] });
      const client = await world.client();
      const { seen, consumer } = await world.consume(client, { group: 'g', mode }, { topic: 't' });
      const dead = await world.consume(client, { group: 'undertaker', from: 'earliest' }, { topic: '%DLQ%g' });
      const now = world.clock.now();
      await world.drive(client.producer.send(text('t', 'in time', { expiresAt: now + 10_000 })));
      await world.until(() => seen.length === 1);
      expect(seen[0]!.message.expiresAt).toEqual(new Date(now + 10_000));
      consumer.pause('listener-0');
      await world.drive(client.producer.send(text('t', 'late', { expiresAt: world.clock.now() + 5000 })));
      await world.drive(client.producer.send(text('t', 'lasting')));
      await world.clock.advance(5000);
      consumer.resume('listener-0');
      await world.until(() => dead.seen.length === 1 && seen.length === 2);
      expect(bodies(seen)).toEqual(['in time', 'lasting']);
      const letter = dead.seen[0]!.message;
      expect(letter.text()).toBe('late');
      expect(letter.systemProperty('NESTMQ_DLQ_ERROR_CLASS')).toBe('MessageExpiredError');
      expect(letter.systemProperty('NESTMQ_DLQ_ERROR_MESSAGE')).toMatch(/^The message expired at \d{4}-/);
      expect(client.counters).toMatchObject({ expired: 1, deadLettered: 1, retried: 0 });
    },
  );

  it.each([ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY])('%s: expires between two attempts', async (mode) => {
    world = await World.start({ topics: ['t'] });
    const client = await world.client();
    const { seen } = await world.consume(
      client,
      { group: 'g', mode },
      { topic: 't', backoff: [1000], handle: () => retry(new Error('not yet')) },
    );
    const dead = await world.consume(client, { group: 'undertaker', from: 'earliest' }, { topic: '%DLQ%g' });
    await world.drive(client.producer.send(text('t', 'x', { expiresAt: world.clock.now() + 2500 })));
    await world.until(() => dead.seen.length === 1);
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(dead.seen[0]!.message.systemProperty('NESTMQ_DLQ_ERROR_CLASS')).toBe('MessageExpiredError');
    expect(client.counters).toMatchObject({ expired: 1, retried: 3 });
  });

  it('is dropped, logged and counted in a broadcast group, whose position goes on', async () => {
    world = await World.start({ topics: ['t'] });
    const client = await world.client();
    const { seen, consumer } = await world.consume(client, { group: 'g', mode: ConsumeMode.BROADCAST }, { topic: 't' });
    consumer.pause('listener-0');
    await world.drive(client.producer.send(text('t', 'late', { expiresAt: world.clock.now() + 10 })));
    await world.clock.advance(1000);
    consumer.resume('listener-0');
    await world.until(() => client.counters.failed === 1);
    expect(seen).toEqual([]);
    expect(client.counters).toMatchObject({ expired: 1, deadLettered: 0 });
    expect(world.warnings.filter((line) => line.includes('expired at'))).toHaveLength(1);
    expect(consumer.state().queues.reduce((sum, queue) => sum + queue.committedOffset, 0)).toBe(1);
  });

  it('expires while it waits behind others, not while it is handled', async () => {
    world = await World.start({ topics: ['t'] });
    const client = await world.client();
    const { open, opened } = gate();
    const { seen } = await world.consume(
      client,
      { group: 'g' },
      { topic: 't', concurrency: 1, handle: async () => void (await opened) },
    );
    const expiresAt = world.clock.now() + 1000;
    for (const body of ['first', 'second']) await world.drive(client.producer.send(text('t', body, { expiresAt })));
    await world.clock.advance(2000);
    open();
    await world.until(() => client.counters.deadLettered === 1);
    expect(bodies(seen)).toEqual(['first']);
    expect(client.counters).toMatchObject({ acknowledged: 1, expired: 1 });
  });

  it('counts the time from the send on: an expiry before the delivery is refused, a later one kept', async () => {
    world = await World.start({ topics: ['t'] });
    const client = await world.client();
    const { seen } = await world.consume(client, { group: 'g' }, { topic: 't' });
    const now = world.clock.now();
    const { producer } = client;
    const refused = { code: 'BAD_ARGUMENT', message: expect.stringContaining('before it is delivered') };
    const at = (millis: number): { deliverAt: number } => ({ deliverAt: now + millis });
    await expect(producer.send(text('t', 'x', { delay: at(100), expiresAt: now + 100 }))).rejects.toMatchObject(
      refused,
    );
    await expect(producer.send(text('t', 'x', { delay: { level: 2 }, expiresAt: now + 4999 }))).rejects.toMatchObject(
      refused,
    );
    await expect(producer.send(text('t', 'x', { expiresAt: 1.5 }))).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await world.drive(producer.send(text('t', 'timer', { delay: at(2000), expiresAt: now + 2500 })));
    await world.drive(producer.send(text('t', 'level', { delay: { level: 2 }, expiresAt: now + 6000 })));
    await world.until(() => seen.length === 2);
    expect(bodies(seen)).toEqual(['timer', 'level']);
  });

  it('does not expire again as a dead letter, nor in the retries of whoever looks at dead letters', async () => {
    world = await World.start({ topics: ['t'] });
    const client = await world.client();
    await world.consume(client, { group: 'g' }, { topic: 't', handle: () => retry() });
    const dead = await world.consume(
      client,
      { group: 'undertaker', from: 'earliest' },
      { topic: '%DLQ%g', backoff: [10_000], handle: (message) => (message.attempt === 1 ? retry() : undefined) },
    );
    await world.drive(client.producer.send(text('t', 'x', { expiresAt: world.clock.now() + 1000 })));
    await world.until(() => dead.seen.length === 2);
    expect(client.counters).toMatchObject({ expired: 1, acknowledged: 1 });
  });
});
