import { afterEach, describe, expect, it } from '@jest/globals';
import type { SendResult } from '../../lib/client/index.js';
import { ResponseCode } from '../../lib/protocol/index.js';
import { FakeCluster, isSend, refuse } from './fake-cluster.js';
import { text, World } from './support.js';

const TOPIC = { name: 'orders', queues: 4, dedup: { window: '10m', count: 1_000 } };

describe('sends with an id for de-duplication', () => {
  let world: World | undefined;
  afterEach(() => world?.stop());

  const producer = async () => {
    const started = await World.start({ topics: [TOPIC, 'plain'] });
    world = started;
    const client = await started.client();
    return {
      world: started,
      client,
      send: (body: string, more: object): Promise<SendResult> =>
        started.drive(client.producer.send(text('orders', body, more))),
    };
  };

  it('have the result of the first, and say so', async () => {
    const { send } = await producer();
    const first = await send('one', { dedupId: 'a' });
    expect(first.duplicate).toBe(false);
    const again = await send('two', { dedupId: 'a' });
    expect(again).toEqual({ ...first, duplicate: true });
    expect((await send('three', {})).duplicate).toBeUndefined();
  });

  it('are de-duplicated with a sharding key too, many at a time and without losing its order', async () => {
    const { send, client, world } = await producer();
    await world.drive(client.producer.send(text('orders', 'warm', { shardingKey: 'k' })));
    const bodies = Array.from({ length: 20 }, (_, n) => `${n}`);
    const sent = await Promise.all(
      bodies.map((body) =>
        send(body, { shardingKey: 'k', dedupId: Number(body) % 2 === 0 ? undefined : `id-${body}` }),
      ),
    );
    expect(sent.map(({ queueOffset }) => queueOffset)).toEqual(bodies.map((_, n) => n + 1));
    const again = await Promise.all([1, 3, 5].map((n) => send('x', { shardingKey: 'k', dedupId: `id-${n}` })));
    expect(again.map(({ queueOffset }) => queueOffset)).toEqual([2, 4, 6]);
  });

  it.each([
    ['an empty id', { dedupId: '' }, 'PROPERTIES_INVALID'],
    ['one of 256 bytes', { dedupId: 'x'.repeat(256) }, 'PROPERTIES_INVALID'],
  ])('are refused for %s', async (_what, more, code) => {
    const { send } = await producer();
    await expect(send('x', more)).rejects.toMatchObject({ code });
  });

  it('are refused by a topic that does not de-duplicate, at the first attempt', async () => {
    const { client, world } = await producer();
    await expect(world.drive(client.producer.send(text('plain', 'x', { dedupId: 'a' })))).rejects.toMatchObject({
      code: 'PROPERTIES_INVALID',
      message: expect.stringContaining('broker.topics'),
    });
    expect(client.counters.sendRetried).toBe(0);
  });

  it('are refused in batches and transactions before anything is sent', async () => {
    const { client, world } = await producer();
    const message = text('orders', 'x', { dedupId: 'a' });
    await expect(client.producer.sendBatch([text('orders', 'y'), message])).rejects.toMatchObject({
      code: 'BAD_ARGUMENT',
    });
    await expect(client.producer.sendHalf(message, 'group')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    expect(world.host.health().broker.messagesIn).toBe(0);
  });

  it('go to the same broker for the same id, also as a retry, since each knows its own ids only', async () => {
    const cluster = new FakeCluster('a', 'b');
    cluster.topics.set('t', 2);
    const { producer: sends } = await cluster.client();
    for (let n = 0; n < 40; n++) await sends.send(text('t', `${n}`, { dedupId: `id-${n % 4}` }));
    const places = new Map<string, Set<string>>();
    for (const { body, broker, queueId } of cluster.stored) {
      const id = `id-${Number(body) % 4}`;
      places.set(id, (places.get(id) ?? new Set()).add(`${broker}${queueId}`));
    }
    for (const each of places.values()) expect(each.size).toBe(1);
    expect(new Set([...places.values()].flatMap((each) => [...each])).size).toBeGreaterThan(1);

    let refusals = 2;
    cluster.script = (request) => (isSend(request) && refusals-- > 0 ? refuse(ResponseCode.SYSTEM_BUSY) : undefined);
    let result: SendResult | undefined;
    void sends.send(text('t', 'retried', { dedupId: 'id-0' })).then((sent) => (result = sent));
    await cluster.clock.advanceUntil(() => result !== undefined, 60_000);
    expect([...places.get('id-0')!]).toEqual([`${result!.brokerName}${result!.queueId}`]);
  });

  it('are stored every time by a broker that does not de-duplicate; the client says so, once a topic', async () => {
    const cluster = new FakeCluster('a');
    const client = await cluster.client();
    for (let n = 0; n < 3; n++) {
      const { duplicate } = await client.producer.send(text('t', 'x', { dedupId: 'a' }));
      expect(duplicate).toBeUndefined();
    }
    expect(cluster.stored).toHaveLength(3);
    expect(cluster.warnings.filter((line) => line.includes('dedupId'))).toHaveLength(1);
  });
});
