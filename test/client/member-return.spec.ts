import { afterEach, describe, expect, it } from '@jest/globals';
import type { PushConsumer } from '../../lib/client/index.js';
import { World } from './support.js';

const SETTINGS = {
  memory: false,
  store: '/store',
  segmentBytes: 8 * 1024 * 1024,
  topics: [{ name: 'orders', queues: 6 }],
};

describe('the members of a group, when their broker comes back', () => {
  let world: World;
  afterEach(() => world.stop());

  const count = (consumer: PushConsumer): number =>
    consumer.state().queues.filter(({ topic }) => topic === 'orders').length;

  /** Three members with two queues each. */
  const threeMembers = async (memberReturnMillis?: number) => {
    world = await World.start(SETTINGS);
    const clients = [];
    const consumers: PushConsumer[] = [];
    for (let n = 0; n < 3; n++) {
      const client = await world.client({ memberReturnMillis });
      clients.push(client);
      consumers.push((await world.consume(client, { group: 'billing' }, { topic: 'orders' })).consumer);
    }
    await world.until(() => consumers.every((consumer) => count(consumer) === 2));
    return { clients, consumers };
  };

  it.each([
    [1000, 1000],
    [undefined, 5000],
  ])('wait for one that is missing for so long and no longer (%s)', async (given, millis) => {
    const { clients, consumers } = await threeMembers(given);
    await world.restart();
    world.vanish(clients[2]!);
    const back = world.clock.now();
    await world.until(() => count(consumers[0]!) === 3 && count(consumers[1]!) === 3);
    const waited = world.clock.now() - back;
    expect(waited).toBeGreaterThanOrEqual(millis);
    expect(waited).toBeLessThan(millis + 3000);
  });

  it('keep their queues when all of them come back', async () => {
    const { consumers } = await threeMembers(1000);
    const before = consumers.map((consumer) => consumer.state().queues.map(({ queueId }) => queueId));
    await world.restart();
    let most = 0;
    const end = world.clock.now() + 10_000;
    await world.until(() => {
      most = Math.max(most, ...consumers.map(count));
      return world.clock.now() >= end;
    });
    expect(most).toBe(2);
    expect(consumers.map((consumer) => consumer.state().queues.map(({ queueId }) => queueId))).toEqual(before);
  });
});
