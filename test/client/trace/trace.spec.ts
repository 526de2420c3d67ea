import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ConsumeMode,
  decide,
  type MessageTrace,
  type MessagingClient,
  PostponeError,
  RejectMessageError,
} from '../../../lib/client/index.js';
import { isSampled } from '../../../lib/client/trace/sampled.js';
import { decodeTraceRecords } from '../../../lib/client/trace/trace-record.js';
import { ACK, retry, text, World } from '../support.js';

const TRACE = { sample: 1, topic: 'RMQ_SYS_TRACE_TOPIC' };

describe('the message trace', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start({ topics: [{ name: 'orders', dedup: {} }], transactions: { timeoutMillis: 1000 } });
  });
  afterEach(() => world.stop());

  const traceOf = async (client: MessagingClient, messageId: string): Promise<MessageTrace | undefined> => {
    await world.clock.advance(1_000);
    return world.drive(client.admin.traces.find(messageId));
  };

  it('has the way of a message from its birth to the last outcome, across processes', async () => {
    const sender = await world.client({ trace: TRACE });
    const receiver = await world.client({ trace: TRACE, application: 'other' });
    await world.consume(
      receiver,
      { group: 'billing' },
      { topic: 'orders', backoff: [200], handle: ({ attempt }) => (attempt === 1 ? retry() : ACK) },
    );
    const bornAt = new Date(world.clock.now());
    const sent = await world.drive(
      sender.producer.send(text('orders', 'abc', { tag: 'paid', keys: ['o-1', 'c-7'], shardingKey: 'k' })),
    );
    await world.until(() => receiver.counters.acknowledged === 1);
    const trace = (await traceOf(sender, sent.messageId))!;
    expect(trace.messageId).toBe(sent.messageId);
    expect(trace.transactions).toEqual([]);
    expect(trace.sends).toEqual([
      {
        topic: 'orders',
        tag: 'paid',
        keys: ['o-1', 'c-7'],
        group: 'test-producer',
        client: sender.clientId,
        bornAt,
        storedAt: expect.any(Date),
        offsetMessageId: sent.offsetMessageId,
        outcome: 'stored',
      },
    ]);
    expect(trace.deliveries).toMatchObject([
      { group: 'billing', attempt: 1, client: receiver.clientId, outcome: 'retried' },
      { group: 'billing', attempt: 2, client: receiver.clientId, outcome: 'acknowledged' },
    ]);
    const [first, second] = trace.deliveries;
    expect(second!.deliveredAt.getTime() - first!.settledAt!.getTime()).toBe(200);
  });

  it('is not there unless it is asked for, and costs nothing then', async () => {
    const client = await world.client();
    const sent = await world.drive(client.producer.send(text('orders', 'x')));
    expect(await traceOf(client, sent.messageId)).toBeUndefined();
    expect(world.host.topics().map(({ name }) => name)).not.toContain(TRACE.topic);
  });

  it('has every kind of send, and how it ended', async () => {
    const client = await world.client({ trace: TRACE });
    const { producer } = client;
    const outcomes = async (messageId: string): Promise<string[]> =>
      (await traceOf(client, messageId))!.sends.map(({ outcome }) => outcome);
    const batch = await world.drive(producer.sendBatch([text('orders', 'a', { keys: ['x'] }), text('orders', 'b')]));
    for (const id of batch.messageIds!) expect(await outcomes(id)).toEqual(['stored']);
    const late = await world.drive(
      producer.send(text('orders', 'c', { delay: { deliverAt: world.clock.now() + 100 } })),
    );
    expect(await outcomes(late.messageId)).toEqual(['stored']);
    const once = await world.drive(producer.send(text('orders', 'd', { dedupId: 'i' })));
    await world.drive(producer.send(text('orders', 'd', { dedupId: 'i' })));
    expect(await outcomes(once.messageId)).toEqual(['stored', 'duplicate']);

    let oneWayId: string | undefined;
    await world.consume(
      client,
      { group: 'g' },
      { topic: 'events', handle: (message) => void (oneWayId = message.messageId) },
    );
    producer.sendOneWay(text('events', 'e'));
    await world.until(() => oneWayId !== undefined);
    const [oneWay] = (await traceOf(client, oneWayId!))!.sends;
    expect(oneWay).toMatchObject({ outcome: 'sent', storedAt: undefined, offsetMessageId: undefined });
  });

  it('has sends that failed, with the code of their error', async () => {
    const client = await world.client({ trace: TRACE });
    const refused = client.producer.send(text('plain', 'x', { dedupId: 'i' }));
    await expect(world.drive(refused)).rejects.toMatchObject({ code: 'PROPERTIES_INVALID' });
    await world.clock.advance(1_000);
    const [message] = await world.drive(client.admin.messages.findByTime(TRACE.topic));
    const [record] = decodeTraceRecords(message!.text());
    expect((await traceOf(client, record!.messageId))!.sends).toMatchObject([
      { topic: 'plain', outcome: 'PROPERTIES_INVALID', storedAt: undefined, offsetMessageId: undefined },
    ]);
  });

  it('has what local transactions and checks said', async () => {
    const client = await world.client({ trace: TRACE });
    await world.drive(client.transactions.register('tx', { execute: () => 'UNKNOWN', check: () => 'COMMIT' }));
    const half = await world.drive(client.transactions.send('tx', text('orders', 'x', { keys: ['k'] }), undefined));
    await world.clock.advance(60_000);
    const trace = (await traceOf(client, half.messageId))!;
    expect(trace.sends).toMatchObject([{ group: 'tx', outcome: 'stored' }]);
    expect(trace.transactions).toMatchObject([
      { group: 'tx', state: 'UNKNOWN', fromCheck: false },
      { group: 'tx', state: 'COMMIT', fromCheck: true },
    ]);
  });

  it.each([
    ['a dead letter', new RejectMessageError('no'), ConsumeMode.CONCURRENT, 'deadLettered'],
    ['the last retry', new Error('no'), ConsumeMode.CONCURRENT, 'deadLettered'],
    ['a failure in orderly mode', new RejectMessageError('no'), ConsumeMode.ORDERLY, 'deadLettered'],
    ['a failure in broadcasting', new Error('no'), ConsumeMode.BROADCAST, 'failed'],
    ['what is put off', new PostponeError(3_600_000), ConsumeMode.ORDERLY, 'postponed'],
  ])('calls %s by its name', async (_what, error, mode, outcome) => {
    const client = await world.client({ trace: TRACE });
    const fails = () => decide('handler', error, () => undefined);
    const { seen } = await world.consume(
      client,
      { group: 'g', mode, maxReconsumeTimes: 0 },
      { topic: 'orders', handle: fails },
    );
    const { messageId } = await world.drive(client.producer.send(text('orders', 'x')));
    await world.until(() => seen.length === 1);
    expect((await traceOf(client, messageId))!.deliveries).toMatchObject([{ group: 'g', attempt: 1, outcome }]);
  });

  it('shows a delivery whose handler has not settled, as after the death of its process', async () => {
    const client = await world.client({ trace: TRACE });
    const { seen } = await world.consume(
      client,
      { group: 'g' },
      { topic: 'orders', handle: () => new Promise<undefined>(() => undefined) },
    );
    const { messageId } = await world.drive(client.producer.send(text('orders', 'x')));
    await world.until(() => seen.length === 1);
    expect((await traceOf(client, messageId))!.deliveries).toMatchObject([
      { group: 'g', attempt: 1, settledAt: undefined, outcome: undefined },
    ]);
  });

  it('is of the share that was asked for: sends and deliveries of the same messages', async () => {
    const client = await world.client({ trace: { ...TRACE, sample: 0.3 } });
    const { seen } = await world.consume(client, { group: 'g' }, { topic: 'orders' });
    const ids: string[] = [];
    for (let at = 0; at < 40; at++)
      ids.push((await world.drive(client.producer.send(text('orders', `${at}`)))).messageId);
    await world.until(() => seen.length === 40);
    await world.clock.advance(1_000);
    const chosen = ids.filter((id) => isSampled(id, 0.3));
    expect(chosen.length).toBeGreaterThan(2);
    expect(chosen.length).toBeLessThan(30);
    for (const id of ids) {
      const trace = await world.drive(client.admin.traces.find(id));
      if (!chosen.includes(id)) expect(trace).toBeUndefined();
      else expect([trace!.sends.length, trace!.deliveries.length]).toEqual([1, 1]);
    }
  });

  it('does not trace itself: whoever listens to it hears records of other messages only', async () => {
    const client = await world.client({ trace: { sample: 1, topic: 'traces' } });
    const { seen } = await world.consume(client, { group: 'watcher', from: 'earliest' }, { topic: 'traces' });
    await world.drive(client.producer.send(text('orders', 'x')));
    await world.clock.advance(60_000);
    expect(seen).toHaveLength(1);
    await world.drive(client.producer.send(text('traces', 'by hand')));
    await world.clock.advance(60_000);
    expect(seen).toHaveLength(2);
  });

  it('is sent when the client shuts down', async () => {
    const client = await world.client({ trace: TRACE });
    const { messageId } = await world.drive(client.producer.send(text('orders', 'x')));
    await world.drive(client.shutdown(5_000));
    expect(await traceOf(await world.client(), messageId)).toBeDefined();
  });

  it('harms nothing when it cannot be stored, and says so once', async () => {
    await world.stop();
    world = await World.start({ topics: ['orders'], autoCreateTopics: false });
    const client = await world.client({ trace: TRACE });
    for (let at = 0; at < 3; at++) {
      await world.drive(client.producer.send(text('orders', 'x')));
      await world.clock.advance(10_000);
    }
    expect(world.warnings.filter((line) => line.includes('is not complete'))).toHaveLength(1);
    expect(client.counters.sendFailed).toBeGreaterThan(0);
    await world.stop();
    world = await World.start({ topics: ['orders', TRACE.topic], autoCreateTopics: false });
    const other = await world.client({ trace: TRACE });
    const { messageId } = await world.drive(other.producer.send(text('orders', 'x')));
    expect(await traceOf(other, messageId)).toBeDefined();
  });

  it('has the names of the namespace, and is found from inside and outside of it', async () => {
    const shop = await world.client({ trace: TRACE, namespace: 'shop' });
    const { messageId } = await world.drive(shop.producer.send(text('orders', 'x')));
    for (const client of [shop, await world.client()])
      expect((await traceOf(client, messageId))!.sends).toMatchObject([{ topic: 'orders', group: 'test-producer' }]);
  });

  it('is read to its end when it has more pages than one', async () => {
    const client = await world.client({ trace: TRACE });
    let attempts = 0;
    await world.consume(
      client,
      { group: 'g' },
      { topic: 'orders', backoff: [1_000], maxReconsumeTimes: 100, handle: () => (++attempts < 80 ? retry() : ACK) },
    );
    const { messageId } = await world.drive(client.producer.send(text('orders', 'x')));
    await world.until(() => attempts === 80, 300_000);
    const trace = (await traceOf(client, messageId))!;
    expect(trace.deliveries.map(({ attempt }) => attempt)).toEqual(Array.from({ length: 80 }, (_, at) => at + 1));
  });

  it.each([
    ['no id', () => world.client().then((client) => client.admin.traces.find(''))],
    ['an unknown option', () => world.client().then((client) => client.admin.traces.find('a', { max: 1 } as never))],
  ])('refuses %s', async (_what, ask) => {
    await expect(ask()).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });
});
