import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConsumeMode, type MessagingClient } from '../../lib/client/index.js';
import { bodies, retry, text, World } from './support.js';

const BROADCAST = { group: 'g', mode: ConsumeMode.BROADCAST };

describe('a broadcast group', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start({ topics: [{ name: 't', queues: 4 }] });
  });
  afterEach(() => world.stop());

  async function send(client: MessagingClient, label: string): Promise<void> {
    for (let n = 0; n < 8; n++) await world.drive(client.producer.send(text('t', `${label}${n}`)));
  }

  it('gives every message to every instance', async () => {
    const producer = await world.client();
    const first = await world.consume(await world.client({ instance: 'one' }), BROADCAST, { topic: 't' });
    const second = await world.consume(await world.client({ instance: 'two' }), BROADCAST, { topic: 't' });
    await send(producer, 'a');
    await world.until(() => first.seen.length >= 8 && second.seen.length >= 8);
    await world.clock.advance(5000);
    expect(bodies(first.seen).toSorted()).toEqual(bodies(second.seen).toSorted());
    expect(first.seen).toHaveLength(8);
  });

  it('has no retries: a failure is logged and counted', async () => {
    const client = await world.client();
    const { seen } = await world.consume(client, BROADCAST, { topic: 't', handle: () => retry(new Error('hopeless')) });
    await world.drive(client.producer.send(text('t', 'x')));
    await world.until(() => seen.length === 1);
    await world.clock.advance(60_000);
    expect(seen).toHaveLength(1);
    expect(client.counters).toMatchObject({ failed: 1, retried: 0, deadLettered: 0, acknowledged: 0 });
    expect(world.warnings.some((line) => line.includes('hopeless'))).toBe(true);
  });

  it('goes on where the instance stopped, each instance for itself', async () => {
    const producer = await world.client();
    const options = { instance: 'one', localOffsets: '/positions' };
    const first = await world.client(options);
    const before = await world.consume(first, BROADCAST, { topic: 't' });
    await send(producer, 'a');
    await world.until(() => before.seen.length === 8);
    await world.drive(first.shutdown(1000));
    await send(producer, 'b');
    const after = await world.consume(await world.client(options), BROADCAST, { topic: 't' });
    await world.until(() => after.seen.length >= 8);
    const other = await world.consume(await world.client({ ...options, instance: 'two' }), BROADCAST, { topic: 't' });
    await world.clock.advance(5000);
    expect(bodies(after.seen).toSorted()).toEqual(Array.from({ length: 8 }, (_, n) => `b${n}`));
    expect(other.seen).toEqual([]);
    const files = await world.fileSystem.list('/positions');
    expect(files).toHaveLength(2);
    expect(files.every((name) => /^[0-9a-f]{40}\.json$/.test(name))).toBe(true);
  });

  it('begins with a topic that it listens to for the first time like a new group, and misses nothing afterwards', async () => {
    const producer = await world.client();
    await world.drive(producer.producer.send(text('other', 'old')));
    const options = { instance: 'one', localOffsets: '/positions' };
    const first = await world.client(options);
    await world.consume(first, BROADCAST, { topic: 't' }, { topic: 'unborn' });
    await world.drive(first.shutdown(1000));
    const second = await world.client(options);
    const both = await world.consume(second, BROADCAST, { topic: 't' }, { topic: 'other' }, { topic: 'unborn' });
    await world.drive(producer.producer.send(text('other', 'new')));
    await world.until(() => both.seen.length >= 1);
    await world.clock.advance(5000);
    expect(bodies(both.seen)).toEqual(['new']);
    await world.drive(second.shutdown(1000));
    await world.drive(producer.producer.send(text('unborn', 'born while it was away')));
    const third = await world.consume(await world.client(options), BROADCAST, { topic: 't' }, { topic: 'unborn' });
    await world.until(() => third.seen.length === 1);
    expect(bodies(third.seen)).toEqual(['born while it was away']);
  });

  it('starts anew, and says so, when its file cannot be read', async () => {
    const options = { instance: 'one', localOffsets: '/positions' };
    const first = await world.client(options);
    await world.consume(first, BROADCAST, { topic: 't' });
    await world.drive(first.shutdown(1000));
    const [name] = await world.fileSystem.list('/positions');
    const file = await world.fileSystem.open(`/positions/${name}`, 'write');
    await file.truncate(10);
    await file.close();
    await send(await world.client(), 'a');
    const { seen } = await world.consume(await world.client(options), BROADCAST, { topic: 't' });
    await world.clock.advance(5000);
    expect(seen).toEqual([]);
    expect(world.warnings.some((line) => line.includes('/positions/'))).toBe(true);
  });
});
