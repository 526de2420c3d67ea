import { describe, expect, it, jest } from '@jest/globals';
import { javaHashCode, RequestCode, ResponseCode, type MessagingErrorCode } from '../../lib/protocol/index.js';
import type { MessagingClient, OutgoingMessage, SendResult } from '../../lib/client/index.js';
import type { Sender } from '../../lib/client/producer/sender.js';
import type { SendUnit } from '../../lib/client/producer/send-unit.js';
import { FakeCluster, isSend, refuse } from './fake-cluster.js';
import { text } from './support.js';

async function outcome<T>(cluster: FakeCluster, promise: Promise<T>): Promise<T> {
  let done = false;
  promise.then(
    () => (done = true),
    () => (done = true),
  );
  await cluster.clock.advanceUntil(() => done, 60_000);
  return promise;
}

function failing(times: number, answer: () => ReturnType<FakeCluster['script']>): FakeCluster['script'] {
  let left = times;
  return (request) => (isSend(request) && left-- > 0 ? answer() : undefined);
}

describe('a producer', () => {
  it('sends in turn to all queues of all brokers', async () => {
    const cluster = new FakeCluster('a', 'b');
    cluster.topics.set('t', 2);
    const { producer } = await cluster.client();
    for (let n = 0; n < 8; n++) await producer.send(text('t', `${n}`));
    const places = cluster.stored.map(({ broker, queueId }) => `${broker}${queueId}`);
    expect(new Set(places)).toEqual(new Set(['a0', 'a1', 'b0', 'b1']));
    expect(places.slice(0, 4)).toEqual(places.slice(4));
  });

  it('gives a message that was sent before the id that it had, alone and in a batch', async () => {
    const cluster = new FakeCluster('a');
    cluster.topics.set('t', 1);
    const { producer } = await cluster.client();
    expect(await producer.send(text('t', 'one', { messageId: 'ID-1' }))).toMatchObject({ messageId: 'ID-1' });
    const batch = [text('t', 'two', { messageId: 'ID-2' }), text('t', 'three')];
    const { messageIds } = await producer.sendBatch(batch);
    expect(messageIds![0]).toBe('ID-2');
    expect(messageIds![1]).toMatch(/^[0-9A-F]{32}$/);
  });

  it('says of a message that is sent later what it would be refused with, and sends nothing', async () => {
    const cluster = new FakeCluster('a');
    cluster.topics.set('t', 1);
    const { producer } = await cluster.client();
    const fine = text('t', 'fine', { messageId: 'ID-1' });
    expect(producer.forLater({ ...fine, messageId: 'ID-1' })).toEqual(fine);
    for (const [bad, code] of [
      [text('t t', 'x'), 'NAME_INVALID'],
      [text('t', ''), 'BAD_ARGUMENT'],
      [text('t', 'x'.repeat(4 * 1024 * 1024 + 1)), 'MESSAGE_TOO_LARGE'],
      [text('t', 'x', { shardingKey: '' }), 'PROPERTIES_INVALID'],
      [text('t', 'x', { properties: { big: 'x'.repeat(32_000) } }), 'PROPERTIES_INVALID'],
    ] as const) {
      expect(() => producer.forLater({ ...bad, messageId: 'ID-2' })).toThrow(expect.objectContaining({ code }));
    }
    expect(cluster.stored).toEqual([]);
  });

  it('lets the broker make a topic on first use, with no more queues than the template has', async () => {
    const cluster = new FakeCluster('a');
    const { producer } = await cluster.client();
    const results = await Promise.all(Array.from({ length: 8 }, (_, n) => producer.send(text('fresh', `${n}`))));
    expect(new Set(results.map(({ queueId }) => queueId))).toEqual(new Set([0, 1, 2, 3]));
    expect(cluster.stored[0]!.header).toMatchObject({ defaultTopic: 'TBW102', defaultTopicQueueNums: 4 });
    cluster.autoCreate = false;
    await expect(producer.send(text('other', 'x'))).rejects.toMatchObject({
      code: 'TOPIC_NOT_FOUND',
      retryable: false,
    });
  });

  it('avoids the broker that has just failed, and keeps the message’s id', async () => {
    const cluster = new FakeCluster('a', 'b');
    cluster.topics.set('t', 2);
    const client = await cluster.client();
    cluster.script = (request, broker) =>
      isSend(request) && broker === 'a' ? refuse(ResponseCode.SYSTEM_BUSY) : undefined;
    for (let n = 0; n < 4; n++) {
      const result = await outcome(cluster, client.producer.send(text('t', `${n}`)));
      expect(result.brokerName).toBe('b');
      expect(cluster.stored.at(-1)!.id).toBe(result.messageId);
    }
    expect(client.counters.sendRetried).toBeGreaterThan(0);
    expect(new Set(cluster.stored.map(({ id }) => id)).size).toBe(4);
  });

  it.each<[number, string, number]>([
    [ResponseCode.SYSTEM_ERROR, 'BROKER_ERROR', 3],
    [ResponseCode.SYSTEM_BUSY, 'BROKER_BUSY', 3],
    [ResponseCode.SERVICE_NOT_AVAILABLE, 'BROKER_BUSY', 3],
    [ResponseCode.NO_PERMISSION, 'NO_PERMISSION', 3],
    [ResponseCode.TOPIC_NOT_EXIST, 'TOPIC_NOT_FOUND', 3],
    [ResponseCode.GO_AWAY, 'SHUTTING_DOWN', 3],
    [ResponseCode.MESSAGE_ILLEGAL, 'BAD_ARGUMENT', 1],
    [ResponseCode.INVALID_PARAMETER, 'BAD_ARGUMENT', 1],
    [ResponseCode.REQUEST_CODE_NOT_SUPPORTED, 'NOT_SUPPORTED', 1],
  ])('answers code %i with the error %s after %i attempts', async (code, expected, attempts) => {
    const cluster = new FakeCluster('a');
    cluster.topics.set('t', 2);
    const client = await cluster.client();
    cluster.script = (request) => (isSend(request) ? refuse(code, 'the remark') : undefined);
    await expect(outcome(cluster, client.producer.send(text('t', 'x')))).rejects.toMatchObject({
      code: expected,
      message: expect.stringContaining('the remark'),
    });
    expect(cluster.codes('a').filter((one) => one === RequestCode.SEND_MESSAGE_V2)).toHaveLength(attempts);
    expect(client.counters).toMatchObject({ sent: 0, sendFailed: 1 });
  });

  it('takes our broker’s own word for what failed', async () => {
    const cluster = new FakeCluster('a');
    cluster.topics.set('t', 1);
    const { producer } = await cluster.client();
    cluster.script = (request) =>
      isSend(request) ? refuse(ResponseCode.SERVICE_NOT_AVAILABLE, 'DISK_FULL: no room in /data') : undefined;
    await expect(outcome(cluster, producer.send(text('t', 'x')))).rejects.toMatchObject({ code: 'DISK_FULL' });
  });

  it('gives up when the time for all attempts together is over', async () => {
    const cluster = new FakeCluster('a');
    cluster.topics.set('t', 1);
    const { producer } = await cluster.client();
    cluster.script = (request) => (isSend(request) ? 'silence' : undefined);
    const start = cluster.clock.monotonic();
    await expect(outcome(cluster, producer.send(text('t', 'x'), { timeoutMillis: 500 }))).rejects.toMatchObject({
      code: 'TIMEOUT',
      retryable: true,
    });
    expect(cluster.clock.monotonic() - start).toBeLessThan(1000);
  });

  it('hears of a route that cannot be had also when the time is over: an error that nobody hears ends the process', async () => {
    const cluster = new FakeCluster('a');
    const { producer } = await cluster.client();
    const { sender } = producer as unknown as { sender: Sender };
    const lookup = Promise.reject(new Error('no NameServer answers'));
    const heard = jest.spyOn(lookup, 'then');
    const unit = { topic: 't', deadline: cluster.clock.monotonic() } as SendUnit;
    await expect(sender.within(lookup, unit)).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(heard).toHaveBeenCalled();
  });

  it('outlives a closed connection and a NameServer that is away', async () => {
    const cluster = new FakeCluster('a');
    cluster.topics.set('t', 1);
    const { producer } = await cluster.client({ nameServers: ['ns1:9876', 'ns2:9876'] });
    cluster.nameServerDown.add('ns1:9876');
    cluster.script = failing(1, () => 'close');
    await outcome(cluster, producer.send(text('t', 'x')));
    expect(cluster.stored).toHaveLength(1);
  });

  it('says that no NameServer answers, naming them', async () => {
    const cluster = new FakeCluster('a');
    const { producer } = await cluster.client();
    cluster.nameServerDown.add('ns1:9876');
    await expect(outcome(cluster, producer.send(text('t', 'x')))).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      message: expect.stringContaining('ns1:9876'),
    });
  });

  it('logs and counts what becomes of one-way messages, and throws only for what can never be sent', async () => {
    const cluster = new FakeCluster('a');
    cluster.topics.set('t', 1);
    const client = await cluster.client();
    client.producer.sendOneWay(text('t', 'x'));
    await cluster.clock.settle();
    expect(client.counters).toMatchObject({ onewaySent: 1, onewayFailed: 0 });
    expect(cluster.stored).toHaveLength(1);
    cluster.autoCreate = false;
    client.producer.sendOneWay(text('unknown', 'x'));
    await cluster.clock.settle();
    expect(client.counters).toMatchObject({ onewaySent: 1, onewayFailed: 1 });
    expect(() => client.producer.sendOneWay(text('bad topic', 'x'))).toThrow(/bad topic/);
  });

  it('sends a batch as one request to one queue', async () => {
    const cluster = new FakeCluster('a', 'b');
    cluster.topics.set('t', 4);
    const client = await cluster.client();
    const result = await client.producer.sendBatch([text('t', 'one'), text('t', 'two'), text('t', 'three')]);
    expect(cluster.codes().filter((code) => code === RequestCode.SEND_BATCH_MESSAGE)).toHaveLength(1);
    expect(cluster.stored.map(({ body }) => body)).toEqual(['one', 'two', 'three']);
    expect(new Set(cluster.stored.map(({ queueId }) => queueId)).size).toBe(1);
    expect(result.messageIds).toEqual(cluster.stored.map(({ id }) => id));
    expect(result.queueOffset).toBe(0);
    expect(client.counters.sent).toBe(3);
  });

  it('refuses batches that no single request could carry', async () => {
    const cluster = new FakeCluster('a');
    const { producer } = await cluster.client();
    const cases: [OutgoingMessage[], MessagingErrorCode][] = [
      [[], 'BAD_ARGUMENT'],
      [[text('t', 'x'), text('u', 'x')], 'BAD_ARGUMENT'],
      [[text('t', 'x', { delay: { level: 1 } })], 'BAD_ARGUMENT'],
      [[text('t', 'x', { shardingKey: 'a' }), text('t', 'x', { shardingKey: 'b' })], 'BAD_ARGUMENT'],
      [[text('t', 'x'.repeat(3e6)), text('t', 'x'.repeat(3e6))], 'MESSAGE_TOO_LARGE'],
    ];
    for (const [messages, code] of cases) await expect(producer.sendBatch(messages)).rejects.toMatchObject({ code });
    expect(cluster.requests).toEqual([]);
  });

  it('refuses everything once it is shut down, and shuts down after what is being sent', async () => {
    const cluster = new FakeCluster('a');
    cluster.topics.set('t', 1);
    const client = await cluster.client();
    cluster.script = failing(1, () => refuse(ResponseCode.SYSTEM_BUSY));
    const sending = client.producer.send(text('t', 'x'));
    const down = client.shutdown(1000);
    await expect(client.producer.send(text('t', 'y'))).resolves.toBeDefined();
    await outcome(cluster, Promise.all([sending, down]));
    expect(cluster.stored).toHaveLength(2);
    await expect(client.producer.send(text('t', 'z'))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    // A one-way message is lost as with any later failure: whoever sends it does not expect an error.
    client.producer.sendOneWay(text('t', 'z'));
    expect(client.counters).toMatchObject({ onewayFailed: 1 });
  });
});

describe('messages with a sharding key', () => {
  const keyed = (key: string, body: string): OutgoingMessage => text('t', body, { shardingKey: key });

  function settleAll(client: MessagingClient, count: number, key = 'k'): Promise<PromiseSettledResult<SendResult>[]> {
    return Promise.allSettled(Array.from({ length: count }, (_, n) => client.producer.send(keyed(key, `${n}`))));
  }

  it('go where Java would send them', async () => {
    const cluster = new FakeCluster('a', 'b');
    cluster.topics.set('t', 3);
    const { producer } = await cluster.client();
    const queues = ['a0', 'a1', 'a2', 'b0', 'b1', 'b2'];
    for (const key of ['order-1', 'order-2', 'ünïcode', 'polygenelubricants', 'x']) {
      const { brokerName, queueId } = await producer.send(keyed(key, key));
      expect(`${brokerName}${queueId}`).toBe(queues[Math.abs(javaHashCode(key) % 6)]);
    }
  });

  it('keep their order when the topic is new, when sends are refused, and when connections break', async () => {
    for (const answer of [() => refuse(ResponseCode.SYSTEM_BUSY), () => 'close' as const]) {
      const cluster = new FakeCluster('a');
      const client = await cluster.client();
      let count = 0;
      cluster.script = (request) => (isSend(request) && [2, 3, 5].includes(++count) ? answer() : undefined);
      const results = await outcome(cluster, settleAll(client, 300));
      expect(results.every(({ status }) => status === 'fulfilled')).toBe(true);
      expect(cluster.stored.map(({ body }) => body)).toEqual(Array.from({ length: 300 }, (_, n) => `${n}`));
      const offsets = results.map((result) => (result as PromiseFulfilledResult<SendResult>).value.queueOffset);
      expect(offsets).toEqual(Array.from({ length: 300 }, (_, n) => n));
      const ids = results.map((result) => (result as PromiseFulfilledResult<SendResult>).value.messageId);
      expect(ids).toEqual(cluster.stored.map(({ id }) => id));
      expect(client.counters).toMatchObject({ sent: 300, sendFailed: 0 });
    }
  });

  it('wait behind an unsettled one in a single request, not one by one', async () => {
    const cluster = new FakeCluster('a');
    cluster.topics.set('t', 4);
    const client = await cluster.client();
    await outcome(cluster, settleAll(client, 100));
    expect(cluster.codes().filter((code) => code === RequestCode.SEND_BATCH_MESSAGE).length).toBeLessThanOrEqual(2);
    expect(cluster.stored).toHaveLength(100);
  });

  it('fail, retryably, rather than go to another queue while their broker is away', async () => {
    const cluster = new FakeCluster('a', 'b');
    cluster.topics.set('t', 2);
    const client = await cluster.client();
    const first = await client.producer.send(keyed('k', 'before'));
    cluster.down(first.brokerName);
    const failed = outcome(cluster, client.producer.send(keyed('k', 'during'), { timeoutMillis: 300 }));
    await expect(failed).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE', retryable: true });
    await expect(outcome(cluster, client.producer.send(text('t', 'no key')))).resolves.toBeDefined();
    cluster.up(first.brokerName);
    await cluster.clock.advance(30_000);
    const after = await outcome(cluster, client.producer.send(keyed('k', 'after')));
    expect([after.brokerName, after.queueId]).toEqual([first.brokerName, first.queueId]);
    expect(cluster.stored.map(({ body }) => body)).not.toContain('during');
  });

  it('stay in their queues when the topic is widened', async () => {
    const cluster = new FakeCluster('a');
    cluster.topics.set('t', 2);
    const client = await cluster.client();
    const keys = Array.from({ length: 20 }, (_, n) => `key ${n}`);
    const before: number[] = [];
    for (const key of keys) before.push((await client.producer.send(keyed(key, key))).queueId);
    cluster.topics.set('t', 8);
    await cluster.clock.advance(31_000);
    const after: number[] = [];
    for (const key of keys) after.push((await client.producer.send(keyed(key, key))).queueId);
    expect(after).toEqual(before);
    const unkeyed = await Promise.all(keys.map((key) => client.producer.send(text('t', key))));
    expect(new Set(unkeyed.map(({ queueId }) => queueId)).size).toBe(8);
  });

  it('hash over the queues that the NameServer sets down', async () => {
    const cluster = new FakeCluster('a');
    cluster.topics.set('t', 8);
    cluster.orderTopicConf = 'a:3';
    const { producer } = await cluster.client();
    for (const key of ['x', 'y', 'z', 'order']) {
      expect((await producer.send(keyed(key, key))).queueId).toBe(Math.abs(javaHashCode(key) % 3));
    }
  });

  it('hash over what the NameServer sets down anew, also when nothing else of the route changes', async () => {
    const cluster = new FakeCluster('a');
    cluster.topics.set('t', 8);
    cluster.orderTopicConf = 'a:3';
    const { producer } = await cluster.client();
    await producer.send(keyed('x', 'x'));
    cluster.orderTopicConf = 'a:7';
    await cluster.clock.advance(31_000);
    for (const key of ['x', 'y', 'z', 'order']) {
      expect((await producer.send(keyed(key, key))).queueId).toBe(Math.abs(javaHashCode(key) % 7));
    }
  });

  it('are refused one by one when their batch is refused for what it is', async () => {
    const cluster = new FakeCluster('a');
    cluster.topics.set('t', 1);
    const client = await cluster.client();
    cluster.script = (request) => {
      if (request.code === RequestCode.SEND_BATCH_MESSAGE) return refuse(ResponseCode.MESSAGE_ILLEGAL);
      return isSend(request) && request.body!.toString() === '3' ? refuse(ResponseCode.MESSAGE_ILLEGAL) : undefined;
    };
    const results = await outcome(cluster, settleAll(client, 6));
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual([true, true, true, false, true, true]);
    expect(cluster.stored.map(({ body }) => body)).toEqual(['0', '1', '2', '4', '5']);
    expect(client.counters).toMatchObject({ sent: 5, sendFailed: 1 });
  });
});

describe('before anything is sent', () => {
  const big = 'x'.repeat(32 * 1024);
  it.each<[string, Partial<OutgoingMessage>, MessagingErrorCode]>([
    ['a topic with a space', { topic: 'a b' }, 'NAME_INVALID'],
    ['a topic of the broker', { topic: 'SCHEDULE_TOPIC_XXXX' }, 'NO_PERMISSION'],
    ['an empty body', { body: Buffer.alloc(0) }, 'BAD_ARGUMENT'],
    ['a body over 4 MiB', { body: Buffer.alloc(4 * 1024 * 1024 + 1) }, 'MESSAGE_TOO_LARGE'],
    ['properties over 31 KiB', { properties: { big } }, 'PROPERTIES_INVALID'],
    ['properties over 31 KiB in UTF-8 only', { properties: { big: 'ü'.repeat(16 * 1024) } }, 'PROPERTIES_INVALID'],
    ['a reserved property', { properties: { UNIQ_KEY: 'x' } }, 'PROPERTIES_INVALID'],
    ['a property of the extensions', { properties: { NESTMQ_DLQ_TOPIC: 'x' } }, 'PROPERTIES_INVALID'],
    ['a property with a separator', { properties: { a: 'x\u0001y' } }, 'PROPERTIES_INVALID'],
    ['a property without a value', { properties: { a: '' } }, 'PROPERTIES_INVALID'],
    ['a key with white space', { keys: ['a b'] }, 'PROPERTIES_INVALID'],
    ['a tag that is an expression', { tag: 'a || b' }, 'PROPERTIES_INVALID'],
    ['a content type that is none', { contentType: 'xml' as never }, 'PROPERTIES_INVALID'],
    ['an empty sharding key', { shardingKey: '' }, 'PROPERTIES_INVALID'],
    ['a delay level that is none', { delay: { level: 19 } }, 'BAD_ARGUMENT'],
    ['a delivery time that is none', { delay: { deliverAt: Number.NaN } }, 'BAD_ARGUMENT'],
  ])('%s is an error', async (_what, change, code) => {
    const cluster = new FakeCluster('a');
    const { producer } = await cluster.client();
    await expect(producer.send({ ...text('t', 'x'), ...change })).rejects.toMatchObject({ code });
    expect(cluster.requests).toEqual([]);
  });

  it('the body is copied', async () => {
    const cluster = new FakeCluster('a');
    const { producer } = await cluster.client();
    const body = Buffer.from('original');
    const sending = producer.send({ topic: 't', body });
    body.fill('x');
    await sending;
    expect(cluster.stored[0]!.body).toBe('original');
  });
});
