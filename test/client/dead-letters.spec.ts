import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConsumeMode } from '../../lib/client/index.js';
import { ACK, retry, text, World } from './support.js';

describe('a group that listens to the dead letters of another', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start();
  });
  afterEach(() => world.stop());

  async function giveUp(maxReconsumeTimes: number): Promise<void> {
    const client = await world.client();
    await world.consume(client, { group: 'g' }, { topic: 't', backoff: [1], maxReconsumeTimes, handle: () => retry() });
    await world.drive(client.producer.send(text('t', 'x')));
    await world.until(() => client.counters.deadLettered === 1);
  }

  it('has retries of its own, however often the other group tried, and gets them', async () => {
    await giveUp(5);
    const { seen } = await world.consume(
      await world.client(),
      { group: 'undertaker', from: 'earliest' },
      {
        topic: '%DLQ%g',
        backoff: [200, 500],
        maxReconsumeTimes: 3,
        handle: (message) => (message.attempt < 4 ? retry() : ACK),
      },
    );
    await world.until(() => seen.length === 4);
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    expect(seen.slice(1).map(({ at }, index) => at - seen[index]!.at)).toEqual([200, 500, 500]);
    expect(seen.map(({ message }) => message.topic)).toEqual(Array(4).fill('%DLQ%g'));
    // What is known of the first failure stays with it.
    expect(seen[3]!.message.systemProperty('NESTMQ_DLQ_ATTEMPTS')).toBe('6');
    expect(seen[3]!.message.systemProperty('NESTMQ_DLQ_TOPIC')).toBe('t');
  });

  it('gives up what it cannot handle with its own reason', async () => {
    await giveUp(5);
    const client = await world.client();
    const { seen } = await world.consume(
      client,
      { group: 'undertaker', from: 'earliest' },
      { topic: '%DLQ%g', backoff: [1], maxReconsumeTimes: 2, handle: () => retry(new TypeError('nor I')) },
    );
    const last = await world.consume(client, { group: 'last', from: 'earliest' }, { topic: '%DLQ%undertaker' });
    await world.until(() => last.seen.length === 1);
    expect(seen).toHaveLength(3);
    const letter = last.seen[0]!.message;
    expect(letter.systemProperty('NESTMQ_DLQ_ERROR_MESSAGE')).toBe('nor I');
    expect(letter.systemProperty('NESTMQ_DLQ_ATTEMPTS')).toBe('3');
    expect(letter.systemProperty('NESTMQ_DLQ_TOPIC')).toBe('%DLQ%g');
  });

  it('in ORDERLY mode as well', async () => {
    await giveUp(5);
    const { seen } = await world.consume(
      await world.client(),
      { group: 'undertaker', from: 'earliest', mode: ConsumeMode.ORDERLY },
      { topic: '%DLQ%g', maxReconsumeTimes: 2, handle: (message) => (message.attempt < 3 ? retry() : ACK) },
    );
    await world.until(() => seen.length === 3);
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });
});
