import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Producer } from '../../lib/client/index.js';
import { getProperty, PropertyName, ResponseCode } from '../../lib/protocol/index.js';
import { FakeCluster, isSend, refuse } from './fake-cluster.js';
import { text } from './support.js';

describe('the messages of a batch', () => {
  let cluster: FakeCluster;
  let producer: Producer;

  beforeEach(async () => {
    cluster = new FakeCluster('a');
    cluster.topics.set('t', 1);
    ({ producer } = await cluster.client());
    for (const warm of ['up', 'and ready']) await producer.sendBatch([text('t', warm)]);
    cluster.stored.length = 0;
  });

  it('are kept until they are stored, whatever their sender and other batches do meanwhile', async () => {
    let left = 1;
    cluster.script = (request) => (isSend(request) && left-- > 0 ? refuse(ResponseCode.SYSTEM_BUSY) : undefined);
    const messages = [text('t', 'one'), text('t', 'two')];
    const sending = producer.sendBatch(messages);
    messages[0]!.body.fill('x');
    for (const [a, b] of ['34', '56', '78']) {
      const { messageIds } = await producer.sendBatch([text('t', a!), text('t', b!)]);
      expect(messageIds).toEqual(cluster.stored.slice(-2).map(({ id }) => id));
    }
    await cluster.clock.advanceUntil(() => cluster.stored.length === 8, 60_000);
    const { messageIds } = await sending;
    expect(cluster.stored.map(({ body }) => body)).toEqual(['3', '4', '5', '6', '7', '8', 'one', 'two']);
    expect(messageIds).toEqual(cluster.stored.slice(-2).map(({ id }) => id));
  });

  it('have what each has of its own', async () => {
    const a = text('t', 'a', { tag: 'x' });
    const b = text('t', 'b', { tag: 'y' });
    const c = text('t', 'c', { tag: 'y', keys: ['k'] });
    for (const messages of [
      [a, b, c],
      [a, a],
      [b, c],
      [b, b],
    ])
      await producer.sendBatch(messages);
    const own = cluster.stored.map(({ body, properties }) => {
      const names = [PropertyName.TAGS, PropertyName.KEYS];
      return [body, ...names.map((name) => getProperty(properties, name))].join(' ');
    });
    expect(own).toEqual(['a x ', 'b y ', 'c y k', 'a x ', 'a x ', 'b y ', 'c y k', 'b y ', 'b y ']);
    expect(new Set(cluster.stored.map(({ id }) => id)).size).toBe(9);
  });

  it('have one row of bytes where they are alike, which takes large and many ones as well', async () => {
    for (const count of [3, 500, 2]) {
      const bodies = Array.from({ length: count }, (_, n) => `${n}`.padEnd((n * 37) % 300, '.'));
      cluster.stored.length = 0;
      await producer.sendBatch(bodies.map((body) => text('t', body)));
      expect(cluster.stored.map(({ body }) => body)).toEqual(bodies);
    }
    const large = ['x'.repeat(2e6), 'y'.repeat(1e6)];
    await producer.sendBatch(large.map((body) => text('t', body)));
    expect(cluster.stored.slice(-2).map(({ body }) => body)).toEqual(large);
  });
});
