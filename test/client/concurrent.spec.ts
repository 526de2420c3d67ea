import { afterEach, describe, expect, it } from '@jest/globals';
import { RETRY_LADDER } from '../../lib/protocol/index.js';
import { ConsumeMode, type ReceivedMessage } from '../../lib/client/index.js';
import { ACK, bodies, gate, retry, text, World } from './support.js';

describe('a concurrent group', () => {
  let world: World;
  afterEach(() => world.stop());

  it('gets every message once, also of a topic that appears with the first send', async () => {
    world = await World.start();
    const client = await world.client();
    const { seen, consumer } = await world.consume(client, { group: 'billing' }, { topic: 'orders' });
    for (let n = 0; n < 100; n++) await world.drive(client.producer.send(text('orders', `order ${n}`)));
    await world.until(() => seen.length >= 100);
    await world.clock.advance(1000);
    expect(new Set(bodies(seen)).size).toBe(100);
    expect(seen).toHaveLength(100);
    expect(seen.every(({ attempt }) => attempt === 1)).toBe(true);
    const queues = consumer.state().queues.filter(({ topic }) => topic === 'orders');
    expect(queues.reduce((sum, { committedOffset }) => sum + committedOffset, 0)).toBe(100);
    expect(client.counters).toMatchObject({ sent: 100, acknowledged: 100, inFlight: 0, retried: 0 });
  });

  it('shows the message as it was sent', async () => {
    world = await World.start();
    const client = await world.client();
    const { seen } = await world.consume(client, { group: 'g' }, { topic: 't' });
    const sent = await world.drive(
      client.producer.send(
        text('t', 'body', { tag: 'a', keys: ['k1', 'k2'], properties: { own: 'ü' }, contentType: 'text' }),
      ),
    );
    await world.until(() => seen.length > 0);
    const { message } = seen[0]!;
    expect(message).toMatchObject({
      messageId: sent.messageId,
      offsetMessageId: sent.offsetMessageId,
      topic: 't',
      tag: 'a',
      keys: ['k1', 'k2'],
      attempt: 1,
      queueId: sent.queueId,
      queueOffset: sent.queueOffset,
      contentType: 'text',
    });
    expect({ ...message.properties }).toEqual({ own: 'ü' });
    message.body.fill(0);
    expect(() => ((message.properties as Record<string, string>)['own'] = 'x')).toThrow();
  });

  it('gives every handler a body of its own', async () => {
    world = await World.start();
    const client = await world.client();
    const spoil = { topic: 't', handle: (message: ReceivedMessage) => (message.body.fill(0), retry()) };
    const spoilers = await world.consume(client, { group: 'a', mode: ConsumeMode.ORDERLY }, spoil);
    await world.consume(client, { group: 'b' }, spoil);
    await world.drive(client.producer.send(text('t', 'original')));
    await world.until(() => spoilers.seen.length === 3);
    const { seen } = await world.consume(client, { group: 'c', from: 'earliest' }, { topic: 't' });
    await world.until(() => seen.length === 1);
    expect(new Set([...bodies(spoilers.seen), ...bodies(seen)])).toEqual(new Set(['original']));
  });

  it('goes to the one listener whose topic and tag match; others are filtered, also when the hash collides', async () => {
    world = await World.start();
    const client = await world.client();
    const { seen } = await world.consume(
      client,
      { group: 'g' },
      { topic: 't', tag: 'Aa || c', name: 'first' },
      { topic: 't', tag: 'b', name: 'second' },
      { topic: 'u', name: 'third' },
    );
    // 'BB' has the hash code of 'Aa': only the client can tell them apart.
    for (const tag of ['Aa', 'BB', 'b', 'c', 'd']) await world.drive(client.producer.send(text('t', tag, { tag })));
    await world.drive(client.producer.send(text('t', 'none')));
    await world.drive(client.producer.send(text('u', 'u', { tag: 'x' })));
    await world.until(() => seen.length >= 4 && client.counters.filtered === 1);
    expect(bodies(seen).toSorted()).toEqual(['Aa', 'b', 'c', 'u']);
  });

  it('retries on the ladder, exactly, and makes a dead letter of what never succeeds', async () => {
    world = await World.start();
    const client = await world.client();
    const { seen } = await world.consume(
      client,
      { group: 'g' },
      { topic: 't', handle: () => retry(new TypeError('broken')) },
    );
    const dead = await world.consume(client, { group: 'undertaker', from: 'earliest' }, { topic: '%DLQ%g' });
    const start = world.clock.now();
    const sent = await world.drive(client.producer.send(text('t', 'x', { keys: ['k'], tag: 'a' })));
    await world.until(() => dead.seen.length > 0, 24 * 3_600_000);
    expect(seen.map(({ attempt }) => attempt)).toEqual(Array.from({ length: 17 }, (_, index) => index + 1));
    const waits = seen.slice(1).map(({ at }, index) => at - seen[index]!.at);
    expect(waits).toEqual([...RETRY_LADDER]);
    expect(seen.every(({ message }) => message.topic === 't' && message.messageId === sent.messageId)).toBe(true);
    expect(seen.every(({ message }) => message.queueId === sent.queueId && message.queueOffset === 0)).toBe(true);
    const letter = dead.seen[0]!.message;
    expect(letter.text()).toBe('x');
    expect(letter.keys).toEqual(['k']);
    expect(letter.systemProperty('NESTMQ_DLQ_ERROR_CLASS')).toBe('TypeError');
    expect(letter.systemProperty('NESTMQ_DLQ_ERROR_MESSAGE')).toBe('broken');
    expect(letter.systemProperty('NESTMQ_DLQ_ATTEMPTS')).toBe('17');
    expect(letter.systemProperty('NESTMQ_DLQ_TOPIC')).toBe('t');
    expect(Number(letter.systemProperty('NESTMQ_DLQ_FIRST_FAILED_AT'))).toBe(start);
    expect(client.counters).toMatchObject({ retried: 16, deadLettered: 1 });
  });

  it('waits as long as the handler or the listener says', async () => {
    world = await World.start();
    const client = await world.client();
    const { seen } = await world.consume(
      client,
      { group: 'g' },
      {
        topic: 't',
        backoff: [200, 500],
        handle: (message) => (message.attempt > 4 ? ACK : retry(undefined, message.attempt === 3 ? 1234 : undefined)),
      },
    );
    await world.drive(client.producer.send(text('t', 'x')));
    await world.until(() => seen.length === 5);
    expect(seen.slice(1).map(({ at }, index) => at - seen[index]!.at)).toEqual([200, 500, 1234, 500]);
  });

  it('makes a dead letter at once of a rejected message, and after the listener’s own number of retries', async () => {
    world = await World.start();
    const client = await world.client();
    const { seen } = await world.consume(
      client,
      { group: 'g' },
      { topic: 't', handle: () => ({ kind: 'dead-letter', error: new Error('never') }) },
      { topic: 'u', maxReconsumeTimes: 2, backoff: () => 10, name: 'two', handle: () => retry() },
    );
    const dead = await world.consume(client, { group: 'undertaker', from: 'earliest' }, { topic: '%DLQ%g' });
    await world.drive(client.producer.send(text('t', 'rejected')));
    await world.drive(client.producer.send(text('u', 'failing')));
    await world.until(() => dead.seen.length === 2);
    expect(bodies(seen).toSorted()).toEqual(['failing', 'failing', 'failing', 'rejected']);
    expect(client.counters).toMatchObject({ deadLettered: 2, retried: 2 });
  });

  it('runs as many handlers per listener as it is told, and one listener does not wait for another', async () => {
    world = await World.start();
    const client = await world.client();
    const { open, opened } = gate();
    let running = 0;
    let most = 0;
    const { seen, consumer } = await world.consume(
      client,
      { group: 'g' },
      {
        topic: 'slow',
        concurrency: 3,
        handle: async () => {
          most = Math.max(most, ++running);
          await opened;
          running--;
          return ACK;
        },
      },
      { topic: 'fast', name: 'fast' },
    );
    for (let n = 0; n < 10; n++) await world.drive(client.producer.send(text('slow', `slow ${n}`)));
    for (let n = 0; n < 10; n++) await world.drive(client.producer.send(text('fast', `fast ${n}`)));
    await world.until(() => bodies(seen).filter((body) => body.startsWith('fast')).length === 10);
    expect(running).toBe(3);
    expect(client.counters.inFlight).toBe(3);
    expect(consumer.state().inFlight).toBe(3);
    open();
    await world.until(() => client.counters.acknowledged === 20);
    expect(most).toBe(3);
  });

  it('survives whatever a handler returns or throws', async () => {
    world = await World.start();
    const client = await world.client();
    const outcomes: (() => unknown)[] = [
      () => undefined,
      () => Promise.reject(null),
      () => Promise.reject(Object.create(null)),
      () => {
        throw Object.assign(new Error('x'), { message: Symbol('odd') });
      },
    ];
    for (const mode of [ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY, ConsumeMode.BROADCAST]) {
      let at = 0;
      const group = `g-${mode}`;
      const { seen, consumer } = await world.consume(
        client,
        { group, mode, maxReconsumeTimes: 0 },
        { topic: mode, handle: () => outcomes[at++]?.() as undefined },
      );
      for (let n = 0; n < 5; n++) await world.drive(client.producer.send(text(mode, `${n}`, { shardingKey: 'k' })));
      await world.until(() => seen.length === 5 && consumer.state().queues.every(({ buffered }) => buffered === 0));
    }
    expect(client.counters).toMatchObject({ acknowledged: 6, deadLettered: 6, failed: 3 });
  });

  it('holds a paused listener and goes on with the others', async () => {
    world = await World.start({ topics: ['a', 'b'] });
    const client = await world.client();
    const { seen, consumer } = await world.consume(
      client,
      { group: 'g' },
      { topic: 'a', name: 'a' },
      { topic: 'b', name: 'b' },
    );
    consumer.pause('a');
    await world.drive(client.producer.send(text('a', 'a')));
    await world.drive(client.producer.send(text('b', 'b')));
    await world.until(() => seen.length === 1);
    await world.clock.advance(5000);
    expect(bodies(seen)).toEqual(['b']);
    expect(consumer.state()).toMatchObject({ paused: false, pausedListeners: ['a'] });
    consumer.resume('a');
    await world.until(() => seen.length === 2);
    consumer.pause();
    await world.drive(client.producer.send(text('a', 'later')));
    await world.clock.advance(60_000);
    expect(seen).toHaveLength(2);
    consumer.resume();
    await world.until(() => seen.length === 3);
    expect(() => consumer.pause('nobody')).toThrow(/has no listener nobody/);
  });

  it('refuses listeners that could get the same message', async () => {
    world = await World.start();
    const client = await world.client();
    const consumer = client.consumer({ group: 'g', mode: ConsumeMode.CONCURRENT });
    consumer.add({ name: 'one', topic: 't', tag: 'a || b', handle: () => ACK });
    expect(() => consumer.add({ name: 'two', topic: 't', tag: 'b', handle: () => ACK })).toThrow(/one.*two/);
    expect(() => consumer.add({ name: 'one', topic: 'u', handle: () => ACK })).toThrow(/two listeners named one/);
    expect(() => client.consumer({ group: 'g', mode: ConsumeMode.CONCURRENT })).toThrow(/has a consumer/);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d retries by name', async (maxReconsumeTimes) => {
    world = await World.start();
    const consumer = (await world.client()).consumer({ group: 'g', mode: ConsumeMode.CONCURRENT });
    expect(() => consumer.add({ name: 'one', topic: 't', maxReconsumeTimes, handle: () => ACK })).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION', message: expect.stringMatching(/maxReconsumeTimes of one/) }),
    );
  });
});
