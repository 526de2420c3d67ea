import assert from 'node:assert/strict';
import { MessagingTemplate } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { recorder } from '../recorder.js';
import { rejects, throws } from '../refusals.js';

const asked = (options: object) => options as never;

export const sending = subject('sending', (it) => {
  it('syncSend resolves with where the message is', async (world) => {
    const { template } = await world.start();
    const result = await world.passing(template.syncSend('orders', { id: 1 }));
    assert.equal(result.status, 'SEND_OK');
    assert.equal(result.topic, 'orders');
    assert.equal(result.queueOffset, 0);
    assert.match(result.messageId, /^[0-9A-F]{32}$/);
    assert.notEqual(result.offsetMessageId, '');
    assert.equal(result.messageIds, undefined);
  });

  it('a listener sees the id that the sender was told', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders);
    const { messageId } = await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 1);
    assert.equal(orders.deliveries[0]!.message.messageId, messageId);
  });

  it('every message has an id of its own', async (world) => {
    const { template } = await world.start();
    const results = await world.passing(
      Promise.all(Array.from({ length: 50 }, () => template.syncSend('orders', 'x'))),
    );
    assert.equal(new Set(results.map((result) => result.messageId)).size, 50);
    assert.equal(new Set(results.map((result) => result.offsetMessageId)).size, 50);
    assert.equal(new Set(results.map((result) => `${result.queueId}/${result.queueOffset}`)).size, 50);
    // Now that the broker is known, what is sent at once may travel together.
    const orders = recorder({ topic: 'many', from: 'earliest' });
    const more = await world.passing(
      Promise.all(Array.from({ length: 400 }, (_, n) => template.syncSend(n % 3 === 0 ? 'few' : 'many', n))),
    );
    assert.deepEqual(
      more.map((result) => result.topic),
      more.map((_, n) => (n % 3 === 0 ? 'few' : 'many')),
    );
    const reader = await world.start(orders, { application: 'reader' });
    const many = more.flatMap((result, n) => (result.topic === 'many' ? [[result.messageId, n] as const] : []));
    await orders.got(world, many.length);
    const told = new Map(many);
    orders.deliveries.forEach(({ message }, n) => {
      assert.equal(told.get(message.messageId), orders.payloads[n]);
      told.delete(message.messageId);
    });
    assert.equal(told.size, 0);
    await reader.close();
  });

  it('offsets of a queue go up by one without a gap', async (world) => {
    const { template } = await world.start({ options: { broker: { topics: [{ name: 'one', queues: 1 }] } } });
    const offsets: number[] = [];
    for (let n = 0; n < 5; n++) offsets.push((await world.passing(template.syncSend('one', 'x'))).queueOffset);
    assert.deepEqual(offsets, [0, 1, 2, 3, 4]);
  });

  it('messages without a key are spread over all queues of the topic', async (world) => {
    const { template } = await world.start({ options: { broker: { topics: [{ name: 'four', queues: 4 }] } } });
    const queues = new Set<number>();
    for (let n = 0; n < 8; n++) queues.add((await world.passing(template.syncSend('four', 'x'))).queueId);
    assert.deepEqual([...queues].toSorted(), [0, 1, 2, 3]);
  });

  it('a topic that is sent to for the first time comes into being with four queues', async (world) => {
    const { template } = await world.start();
    await world.passing(template.syncSend('new', 'first'));
    const queues = new Set<number>();
    for (let n = 0; n < 12; n++) queues.add((await world.passing(template.syncSend('new', 'x'))).queueId);
    assert.equal(queues.size, 4);
  });

  it('a topic that nobody declared is refused when the broker creates none by itself', async (world) => {
    const { template } = await world.start({ options: { broker: { autoCreateTopics: false, topics: ['known'] } } });
    await world.passing(template.syncSend('known', 'x'));
    await rejects(world.passing(template.syncSend('unknown', 'x')), 'TOPIC_NOT_FOUND', /unknown/);
  });

  it('asyncSend calls back with the result', async (world) => {
    const { template } = await world.start();
    const results: string[] = [];
    const callbacks = {
      onSuccess: (result: { topic: string }) => results.push(result.topic),
      onException: assert.fail,
    };
    assert.equal(template.asyncSend('orders', 'x', callbacks as never), undefined);
    await world.until(() => results.length === 1, 'the callback');
    assert.deepEqual(results, ['orders']);
  });

  it('asyncSend calls back with the error, and does not throw it', async (world) => {
    const { template } = await world.start({ options: { broker: { autoCreateTopics: false } } });
    const errors: Error[] = [];
    template.asyncSend('nowhere', 'x', { onSuccess: () => assert.fail(), onException: (error) => errors.push(error) });
    await world.until(() => errors.length === 1, 'the callback');
    assert.equal((errors[0] as Error & { code: string }).code, 'TOPIC_NOT_FOUND');
  });

  it('asyncSend throws at once on bad arguments', async (world) => {
    const { template } = await world.start();
    throws(() => template.asyncSend('orders', 'x', {} as never), 'BAD_ARGUMENT', /onSuccess/);
    throws(
      () => template.asyncSend('no such topic!', 'x', { onSuccess: () => undefined, onException: () => undefined }),
      'NAME_INVALID',
      /no such topic!/,
    );
  });

  it('a callback of asyncSend that throws is logged and harms nobody', async (world) => {
    const { template } = await world.start();
    template.asyncSend('orders', 'x', {
      onSuccess: () => {
        throw new Error('callback broke');
      },
      onException: assert.fail,
    });
    await world.until(() => world.log.some(({ text }) => text.includes('callback broke')), 'the log line');
    await world.passing(template.syncSend('orders', 'y'));
  });

  it('sendOneWay brings a message to its listeners', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders);
    assert.equal(template.sendOneWay('orders:created', { id: 1 }), undefined);
    await orders.got(world, 1);
    assert.deepEqual(orders.payloads, [{ id: 1 }]);
    assert.equal(orders.deliveries[0]!.message.tag, 'created');
  });

  it('sendOneWay throws at once on bad arguments', async (world) => {
    const { template } = await world.start();
    throws(() => template.sendOneWay('no topic!', 'x'), 'NAME_INVALID', /no topic!/);
    throws(() => template.sendOneWay('orders', 'x', asked({ color: 'red' })), 'BAD_ARGUMENT', /"color"/);
  });

  it('tag, keys and properties arrive as they were sent', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders);
    const options = {
      tag: 'created',
      keys: ['order-1', 'customer-7'],
      properties: { origin: 'till-4', 'x-ü': 'größe' },
    };
    await world.passing(template.syncSend('orders', 'x', options));
    await orders.got(world, 1);
    const { message } = orders.deliveries[0]!;
    assert.equal(message.tag, 'created');
    assert.deepEqual([...message.keys], ['order-1', 'customer-7']);
    assert.deepEqual({ ...message.properties }, { origin: 'till-4', 'x-ü': 'größe' });
  });

  it('one key may be given as a text', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x', { keys: 'order-1' }));
    await orders.got(world, 1);
    assert.deepEqual([...orders.deliveries[0]!.message.keys], ['order-1']);
  });

  it('the tag of the destination is the tag of the message', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders:paid', 'x'));
    await orders.got(world, 1);
    assert.equal(orders.deliveries[0]!.message.tag, 'paid');
  });

  it('a tag in the destination and another one in the options is refused', async (world) => {
    const { template } = await world.start();
    await rejects(template.syncSend('orders:paid', 'x', { tag: 'created' }), 'BAD_ARGUMENT', /paid.*created/);
  });

  it('the same tag in both places is no contradiction', async (world) => {
    const { template } = await world.start();
    await world.passing(template.syncSend('orders:paid', 'x', { tag: 'paid' }));
  });

  it.rows('a tag that no listener could ask for is refused', ['*', 'a || b', 'a b', ''], async (world, tag) => {
    const { template, close } = await world.start();
    await rejects(template.syncSend('orders', 'x', { tag }), 'BAD_ARGUMENT', /tag/);
    await close();
  });

  it.rows('a topic with a name that is none is refused', ['', 'a b', 'ä', 'x'.repeat(128)], async (world, topic) => {
    const { template, close } = await world.start();
    await rejects(template.syncSend(topic, 'x'), 'NAME_INVALID', /topic/i);
    await close();
  });

  it.rows(
    'topics that belong to the broker cannot be sent to',
    ['%RETRY%group', '%DLQ%group', 'SCHEDULE_TOPIC_XXXX', 'RMQ_SYS_TRANS_HALF_TOPIC'],
    async (world, topic) => {
      const { template, close } = await world.start();
      await rejects(template.syncSend(topic, 'x'), 'NO_PERMISSION', /belongs to the broker/);
      await close();
    },
  );

  it('a destination that is no text is refused', async (world) => {
    const { template } = await world.start();
    await rejects(template.syncSend(17 as never, 'x'), 'BAD_ARGUMENT', /destination/);
  });

  it.rows('keys with white space or without text are refused', [['a b'], [''], [7]], async (world, keys) => {
    const { template, close } = await world.start();
    await rejects(template.syncSend('orders', 'x', { keys: keys as string[] }), 'BAD_ARGUMENT', /keys/);
    await close();
  });

  it.rows(
    'properties that no reader would get back are refused',
    [{ a: '' }, { '': 'a' }, { a: 1 }, [] as never, { 'a\u0001b': 'x' }, { a: 'x\u0002y' }],
    async (world, properties) => {
      const { template, close } = await world.start();
      await rejects(template.syncSend('orders', 'x', asked({ properties })), 'PROPERTIES_INVALID', /propert/);
      await close();
    },
  );

  it.rows(
    'reserved property names are refused',
    ['KEYS', 'TAGS', 'UNIQ_KEY', 'DELAY', 'REAL_TOPIC', 'NESTMQ_ANYTHING', 'PGROUP'],
    async (world, name) => {
      const { template, close } = await world.start();
      await rejects(
        template.syncSend('orders', 'x', { properties: { [name]: 'x' } }),
        'PROPERTIES_INVALID',
        /reserved/,
      );
      await close();
    },
  );

  it('properties of more than 31 KiB are refused', async (world) => {
    const { template } = await world.start();
    const properties = { large: 'x'.repeat(31 * 1024) };
    await rejects(world.passing(template.syncSend('orders', 'x', { properties })), 'PROPERTIES_INVALID', /allowed/);
  });

  it('properties of nearly 31 KiB arrive', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders);
    const large = 'x'.repeat(31 * 1024 - 150);
    await world.passing(template.syncSend('orders', 'x', { properties: { large } }));
    await orders.got(world, 1);
    assert.equal(orders.deliveries[0]!.message.properties.large, large);
  });

  it('an option that nobody would read is refused by name', async (world) => {
    const { template } = await world.start();
    await rejects(template.syncSend('orders', 'x', asked({ tags: 'a' })), 'BAD_ARGUMENT', /unknown option "tags"/);
  });

  it.rows('options that are no object are refused', ['tag', 5, []], async (world, options) => {
    const { template, close } = await world.start();
    await rejects(template.syncSend('orders', 'x', options as never), 'BAD_ARGUMENT', /options must be an object/);
    await close();
  });

  it.rows('a time-out that is none is refused', [0, -1, 'soon', Number.NaN], async (world, timeout) => {
    const { template, close } = await world.start();
    await rejects(template.syncSend('orders', 'x', { timeout }), 'BAD_ARGUMENT', /timeout/);
    await close();
  });

  it('a time-out may be given as a text', async (world) => {
    const { template } = await world.start();
    await world.passing(template.syncSend('orders', 'x', { timeout: '5s' }));
  });

  it('a body over the limit is refused, one at the limit arrives', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders, { options: { producer: { maxMessageBytes: 1000 } } });
    await rejects(world.passing(template.syncSend('orders', Buffer.alloc(1001))), 'MESSAGE_TOO_LARGE', /1001.*1000/);
    await world.passing(template.syncSend('orders', Buffer.alloc(1000, 'x')));
    await orders.got(world, 1);
    assert.equal((orders.payloads[0] as Buffer).length, 1000);
  });

  it('errors say whether the same call may succeed later', async (world) => {
    const { template } = await world.start();
    const error = await rejects(template.syncSend('a b', 'x'), 'NAME_INVALID', /./);
    assert.equal(error.retryable, false);
  });

  it('a send while the application is put together waits for its listeners to be registered', async (world) => {
    const orders = recorder({ topic: 'orders' });
    class Eager {
      onApplicationBootstrap(): void {
        template.sendOneWay('orders', 'early');
      }
    }
    let template!: MessagingTemplate;
    const starting = world.start(orders, {
      providers: [
        {
          provide: Eager,
          inject: [MessagingTemplate],
          useFactory: (injected: MessagingTemplate) => {
            template = injected;
            return new Eager();
          },
        },
      ],
    });
    await starting;
    await orders.got(world, 1);
    assert.deepEqual(orders.payloads, ['early']);
  });

  it('a closed application sends nothing any more', async (world) => {
    const { template, close } = await world.start();
    await world.passing(template.syncSend('orders', 'x'));
    await close();
    await rejects(world.passing(template.syncSend('orders', 'x')), 'SHUTTING_DOWN', /./);
  });

  it.needing(['restart'], 'what was acknowledged outlives a loss of power', async (world) => {
    const { template } = await world.start();
    for (let n = 0; n < 20; n++) await world.passing(template.syncSend('orders', n));
    await world.passing(Promise.all(Array.from({ length: 200 }, (_, n) => template.syncSend('orders', 20 + n))));
    await world.crash();
    const orders = recorder({ topic: 'orders', from: 'earliest' });
    await world.start(orders);
    await orders.got(world, 220);
    assert.deepEqual(new Set(orders.payloads), new Set(Array.from({ length: 220 }, (_, n) => n)));
  });
});
