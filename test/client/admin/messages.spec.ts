import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { MessagingClient, ReceivedMessage, SendResult } from '../../../lib/client/index.js';
import { MemoryFileSystem } from '../../../lib/platform/index.js';
import { RequestCode } from '../../../lib/protocol/index.js';
import { text, World } from '../support.js';

const bodiesOf = (found: readonly ReceivedMessage[]): string[] => found.map((message) => message.text());

describe('admin.messages', () => {
  let world: World;
  let client: MessagingClient;
  beforeEach(async () => {
    world = await World.start({ topics: [{ name: 'orders', queues: 3 }] });
    client = await world.client();
  });
  afterEach(() => world.stop());

  const messages = () => client.admin.messages;
  const send = (body: string, more: object = {}): Promise<SendResult> =>
    world.drive(client.producer.send(text('orders', body, more)));

  it('finds a message by its id, with everything that is known of it', async () => {
    const at = world.clock.now();
    const sent = await send('x', { tag: 'paid', keys: ['o-1', 'c-7'], properties: { till: '4' } });
    const found = await messages().findByMessageId('orders', sent.messageId);
    expect(found).toMatchObject({
      messageId: sent.messageId,
      offsetMessageId: sent.offsetMessageId,
      topic: 'orders',
      tag: 'paid',
      keys: ['o-1', 'c-7'],
      properties: { till: '4' },
      attempt: 1,
      brokerName: 'nestmq',
      queueId: sent.queueId,
      queueOffset: sent.queueOffset,
      storedAt: new Date(at),
    });
    expect(found!.text()).toBe('x');
    expect(await messages().findByMessageId('orders', 'F'.repeat(32))).toBeUndefined();
  });

  it('finds messages by key, the youngest first, between two times to the millisecond', async () => {
    const times: Date[] = [];
    for (const body of ['a', 'b', 'c']) {
      await world.clock.advance(250);
      times.push(new Date(world.clock.now()));
      await send(body, { keys: ['k'] });
    }
    await send('other', { keys: ['kk'] });
    expect(bodiesOf(await messages().findByKey('orders', 'k'))).toEqual(['c', 'b', 'a']);
    expect(bodiesOf(await messages().findByKey('orders', 'k', { max: 1 }))).toEqual(['c']);
    expect(bodiesOf(await messages().findByKey('orders', 'k', { from: times[1]!, to: times[1]! }))).toEqual(['b']);
    expect(await messages().findByKey('orders', 'none')).toEqual([]);
  });

  it('finds what a topic had at a time, from all queues in the order of time', async () => {
    const start = world.clock.now();
    const bodies = Array.from({ length: 100 }, (_, at) => `${at}`);
    for (const body of bodies) {
      await send(body);
      await world.clock.advance(10);
    }
    expect(bodiesOf(await messages().findByTime('orders'))).toEqual(bodies);
    expect(bodiesOf(await messages().findByTime('orders', { max: 3 }))).toEqual(['0', '1', '2']);
    const between = { from: new Date(start + 500), to: new Date(start + 520) };
    expect(bodiesOf(await messages().findByTime('orders', between))).toEqual(['50', '51', '52']);
    expect(await messages().findByTime('orders', { from: new Date(start + 3_600_000) })).toEqual([]);
    // A client that knows no route of the topic yet.
    const other = await world.client();
    expect(bodiesOf(await other.admin.messages.findByTime('orders', between))).toEqual(['50', '51', '52']);
  });

  it('finds a message by where it was stored', async () => {
    const sent = await send('x');
    expect((await messages().findByOffset(sent.offsetMessageId))?.messageId).toBe(sent.messageId);
    expect((await messages().findByOffset(sent.offsetMessageId.toLowerCase()))?.text()).toBe('x');
    const none = sent.offsetMessageId.slice(0, -2) + 'F7';
    expect(await messages().findByOffset(none)).toBeUndefined();
    expect(await messages().findByOffset('0A000001' + sent.offsetMessageId.slice(8))).toBeUndefined();
  });

  it('finds delayed messages once they are delivered, and half messages once they are committed', async () => {
    const sent = await send('later', { delay: { deliverAt: world.clock.now() + 5_000 }, keys: ['k'] });
    expect(await messages().findByMessageId('orders', sent.messageId)).toBeUndefined();
    expect(await messages().findByOffset(sent.offsetMessageId)).toBeUndefined();
    await world.clock.advance(5_000);
    expect((await messages().findByMessageId('orders', sent.messageId))?.text()).toBe('later');

    let finish = (): void => undefined;
    const executing = new Promise<void>((resolve) => (finish = resolve));
    const execute = () => executing.then(() => 'COMMIT' as const);
    await world.drive(client.transactions.register('tx', { execute, check: () => 'UNKNOWN' }));
    const half = client.transactions.send('tx', text('orders', 'sure', { keys: ['tx'] }), undefined);
    await world.clock.settle();
    expect(await messages().findByKey('orders', 'tx')).toEqual([]);
    finish();
    await world.drive(half);
    expect(bodiesOf(await messages().findByKey('orders', 'tx'))).toEqual(['sure']);
  });

  it('finds by time also where no index is kept, and says of the rest where it is switched on', async () => {
    await world.stop();
    world = await World.start({ index: false });
    client = await world.client();
    const sent = await send('x', { keys: ['k'] });
    expect(bodiesOf(await messages().findByTime('orders'))).toEqual(['x']);
    expect((await messages().findByOffset(sent.offsetMessageId))?.text()).toBe('x');
    const refused = { code: 'NOT_SUPPORTED', message: expect.stringContaining('broker.index') };
    await expect(messages().findByKey('orders', 'k')).rejects.toMatchObject(refused);
    await expect(messages().findByMessageId('orders', sent.messageId)).rejects.toMatchObject(refused);
  });

  it('is made from the log when it is switched on for a store that had none', async () => {
    await world.stop();
    const fileSystem = new MemoryFileSystem();
    world = await World.start({ memory: false, store: '/s', index: false }, fileSystem);
    client = await world.client();
    const sent = await send('before', { keys: ['k'] });
    await world.stop();
    world = await World.start({ memory: false, store: '/s' }, fileSystem);
    client = await world.client();
    await send('after', { keys: ['k'] });
    expect(bodiesOf(await world.drive(messages().findByKey('orders', 'k')))).toEqual(['after', 'before']);
    expect((await world.drive(messages().findByMessageId('orders', sent.messageId)))?.text()).toBe('before');
  });

  it('passes on that the broker is busy, as something to try again', async () => {
    await send('x', { keys: ['k'] });
    world.intercept = (request) => {
      if (request.code !== RequestCode.QUERY_MESSAGE) return undefined;
      return Promise.resolve({ ...request, code: 2, flag: 1, remark: 'BROKER_BUSY: later', header: {} });
    };
    await expect(messages().findByKey('orders', 'k')).rejects.toMatchObject({ code: 'BROKER_BUSY', retryable: true });
  });

  it.each([
    ['a topic that is not there', () => messages().findByKey('nowhere', 'k'), 'TOPIC_NOT_FOUND'],
    ['a topic that is not there, by time', () => messages().findByTime('nowhere'), 'TOPIC_NOT_FOUND'],
    ['no key', () => messages().findByKey('orders', ''), 'BAD_ARGUMENT'],
    ['two keys', () => messages().findByKey('orders', 'a b'), 'BAD_ARGUMENT'],
    ['no id', () => messages().findByMessageId('orders', undefined as never), 'BAD_ARGUMENT'],
    ['a place that is none', () => messages().findByOffset('xyz'), 'BAD_ARGUMENT'],
    ['an unknown option', () => messages().findByKey('orders', 'k', { limit: 3 } as never), 'BAD_ARGUMENT'],
    ['no messages', () => messages().findByKey('orders', 'k', { max: 0 }), 'BAD_ARGUMENT'],
    [
      'more messages than a broker answers with',
      () => messages().findByKey('orders', 'k', { max: 65 }),
      'BAD_ARGUMENT',
    ],
    ['a time that is none', () => messages().findByTime('orders', { from: new Date(Number.NaN) }), 'BAD_ARGUMENT'],
    [
      'times the wrong way round',
      () => messages().findByTime('orders', { from: new Date(2), to: new Date(1) }),
      'BAD_ARGUMENT',
    ],
  ])('refuses %s', async (_what, ask, code) => {
    await expect(ask()).rejects.toMatchObject({ code });
  });
});
