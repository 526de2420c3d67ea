import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConsumeMode } from '../../lib/client/index.js';
import { TopicSends } from '../../lib/client/counts.js';
import { retry, text, World } from './support.js';

let world: World;
beforeEach(async () => {
  world = await World.start();
});
afterEach(() => world.stop());

describe('what a client tells of itself', () => {
  it('counts outcomes by listener and sends by topic', async () => {
    const client = await world.client();
    await world.consume(
      client,
      { group: 'g', mode: ConsumeMode.ORDERLY, maxReconsumeTimes: 1, suspendMillis: 10 },
      { topic: 'good' },
      { topic: 'bad', handle: () => retry() },
    );
    await client.producer.send(text('good', 'a'));
    await client.producer.send(text('bad', 'b', { shardingKey: 'k' }));
    await client.producer.sendBatch([text('good', 'c'), text('good', 'd')]);
    await world.until(() => client.counters.deadLettered === 1 && client.counters.acknowledged === 3);
    const none = { acknowledged: 0, retried: 0, deadLettered: 0, failed: 0, postponed: 0 };
    expect(client.consumerStates()[0]?.listeners).toEqual([
      { name: 'listener-0', topic: 'good', counts: { ...none, acknowledged: 3 } },
      { name: 'listener-1', topic: 'bad', counts: { ...none, retried: 1, deadLettered: 1 } },
    ]);
    expect(Object.fromEntries(client.sendCounts())).toEqual({
      good: { sent: 3, failed: 0, oneWay: 0 },
      bad: { sent: 1, failed: 0, oneWay: 0 },
    });
  });

  it('knows how far it is behind, also where nothing is fetched', async () => {
    const client = await world.client();
    const { consumer } = await world.consume(client, { group: 'g', from: 'earliest' }, { topic: 't' });
    await world.clock.settle();
    consumer.pause();
    const start = world.clock.now();
    await client.producer.send(text('t', 'first'));
    await world.clock.advance(60_000);
    await client.producer.send(text('t', 'second'));
    await world.clock.settle();
    const [lag] = await client.lags();
    expect(lag?.group).toBe('g');
    expect(lag?.topics.find(({ topic }) => topic === 't')).toEqual({ topic: 't', messages: 2, oldestStoredAt: start });
    consumer.resume();
    await world.until(() => client.counters.acknowledged === 2);
    expect((await client.lags())[0]?.topics.find(({ topic }) => topic === 't')).toEqual({
      topic: 't',
      messages: 0,
      oldestStoredAt: undefined,
    });
  });

  it('says whether brokers answer', async () => {
    const client = await world.client();
    expect(await client.probe()).toEqual({ reached: 1, failures: [] });
    await world.host.stop();
    const { reached, failures } = await world.drive(client.probe());
    expect([reached, failures.length]).toEqual([0, 1]);
    expect(world.warnings).toEqual([]);
    await expect(world.drive(client.lags())).resolves.toEqual([]);
  });

  it('does not grow with topics that are made up', () => {
    const sends = new TopicSends();
    for (let id = 0; id < 3000; id++) sends.of(`topic-${id}`).sent++;
    expect(sends.byTopic.size).toBe(1001);
    expect(sends.of('one more')).toMatchObject({ sent: 2000 });
    expect(sends.of('topic-1')).toMatchObject({ sent: 1 });
  });
});
