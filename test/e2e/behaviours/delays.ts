import assert from 'node:assert/strict';
import { subject } from '../behaviour.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';

const LEVELS = '1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h'.split(' ').map((text) => {
  const unit = { s: 1000, m: 60_000, h: 3_600_000 }[text.at(-1) as 's' | 'm' | 'h'];
  return Number.parseInt(text, 10) * unit;
});

export const delays = subject('delays', (it) => {
  it.rows('milliseconds, a text and a date say when', ['ms', 'text', 'date'] as const, async (world, how) => {
    const later = recorder({ topic: 'later', group: how }).on(world);
    const { template, close } = await world.start(later);
    const due = world.now() + 1500;
    const when = { ms: 1500, text: '1500ms', date: new Date(due) }[how];
    await world.passing(template.delay('later', 'x', when));
    await later.got(world, 1);
    const late = later.deliveries[0]!.at - due;
    assert.ok(late >= 0 && late < 100 + world.slack, `${how}: late by ${late} ms`);
    await close();
  });

  it.needing(['virtual time'], 'the 18 levels are 1 s to 2 h, to the millisecond', async (world) => {
    const later = recorder({ topic: 'later' }).on(world);
    const { template } = await world.start(later);
    const start = world.now();
    for (let level = 1; level <= 18; level++) await world.passing(template.delay('later', level, { level }));
    await later.got(world, 18, 3 * 3_600_000);
    assert.deepEqual(
      later.payloads,
      LEVELS.map((_, index) => index + 1),
    );
    later.deliveries.forEach(({ at }, index) => {
      const late = at - start - LEVELS[index]!;
      assert.ok(late >= 0 && late <= 100, `level ${index + 1} late by ${late} ms`);
    });
  });

  it('nobody sees a delayed message before its time', async (world) => {
    const later = recorder({ topic: 'later' });
    const { template } = await world.start(later);
    await world.passing(template.delay('later', 'x', 3000));
    await world.pass(2900);
    assert.equal(later.deliveries.length, 0);
    await later.got(world, 1, 300 + world.slack);
  });

  it('delayed messages come in the order of their time, not of their sending', async (world) => {
    const later = recorder({ topic: 'later' });
    const { template } = await world.start(later);
    for (const millis of [900, 300, 600]) await world.passing(template.delay('later', millis, millis));
    await later.got(world, 3);
    assert.deepEqual(later.payloads, [300, 600, 900]);
  });

  it('a date that has passed means at once', async (world) => {
    const later = recorder({ topic: 'later' });
    const { template } = await world.start(later);
    await world.passing(template.delay('later', 'x', new Date(world.now() - 10_000)));
    await later.got(world, 1, 2000);
  });

  it('a delay of nothing means at once', async (world) => {
    const later = recorder({ topic: 'later' });
    const { template } = await world.start(later);
    await world.passing(template.delay('later', 'x', 0));
    await later.got(world, 1, 2000);
  });

  it('a delayed message keeps id, topic, tag, keys and properties', async (world) => {
    const later = recorder({ topic: 'later' });
    const { template } = await world.start(later);
    const { messageId } = await world.passing(
      template.delay('later:due', { id: 1 }, 100, { keys: 'k', properties: { a: 'b' } }),
    );
    await later.got(world, 1);
    const { message } = later.deliveries[0]!;
    assert.equal(message.messageId, messageId);
    assert.deepEqual([message.topic, message.tag, [...message.keys]], ['later', 'due', ['k']]);
    assert.deepEqual({ ...message.properties }, { a: 'b' });
    assert.deepEqual(later.payloads, [{ id: 1 }]);
    assert.equal(message.attempt, 1);
  });

  it('a delayed message passes a tag filter like any other', async (world) => {
    const due = recorder({ topic: 'later', tag: 'due' });
    const { template } = await world.start(due);
    await world.passing(template.delay('later:other', 1, 100));
    await world.passing(template.delay('later:due', 2, 100));
    await due.got(world, 1);
    await world.pass(2000);
    assert.deepEqual(due.payloads, [2]);
  });

  it('a delayed message that fails is retried like any other', async (world) => {
    const later = recorder({ topic: 'later', backoff: [100] }, (_p, _c, { attempt }) => {
      if (attempt === 1) throw new Error('no');
    });
    const { template } = await world.start(later);
    await world.passing(template.delay('later', 'x', 100));
    await later.got(world, 2);
    await world.pass(5000);
    assert.deepEqual(later.attempts, [1, 2]);
  });

  it.needing(['virtual time'], 'hours are kept to the millisecond', async (world) => {
    const sender = await world.start();
    const due = world.now() + 10 * 3_600_000;
    await world.passing(sender.template.delay('later', 'x', '10h'));
    await sender.close();
    await world.pass(10 * 3_600_000 - 10_000);
    const later = recorder({ topic: 'later', from: 'earliest' }).on(world);
    await world.start(later);
    await later.got(world, 1, 20_000);
    const late = later.deliveries[0]!.at - due;
    assert.ok(late >= 0 && late < 100, `late by ${late} ms`);
  });

  it.needing(['restart'], 'what is due later outlives a restart, and comes once', async (world) => {
    const before = await world.start();
    await world.passing(before.template.delay('later', 'x', 20_000));
    await world.restart();
    const later = recorder({ topic: 'later', from: 'earliest' });
    await world.start(later);
    await later.got(world, 1);
    await world.pass(60_000);
    assert.deepEqual(later.payloads, ['x']);
  });

  it.needing(['restart'], 'what is due later outlives a loss of power, and comes once', async (world) => {
    const before = await world.start();
    await world.passing(before.template.delay('later', 'x', 20_000));
    await world.crash();
    const later = recorder({ topic: 'later', from: 'earliest' });
    await world.start(later);
    await later.got(world, 1);
    await world.pass(60_000);
    assert.deepEqual(later.payloads, ['x']);
  });

  it.needing(
    ['restart', 'virtual time'],
    'what became due while the broker was away comes at its start',
    async (world) => {
      const before = await world.start();
      await world.passing(before.template.delay('later', 'x', 20_000));
      await world.restart();
      await world.pass(60_000);
      const later = recorder({ topic: 'later', from: 'earliest' });
      await world.start(later);
      await later.got(world, 1, 2000);
    },
  );

  it.rows(
    'a time that is none is refused',
    ['soon', -1, Number.NaN, new Date(Number.NaN), { level: 0 }, { level: 19 }, {}, null],
    async (world, when) => {
      const { template, close } = await world.start();
      await rejects(template.delay('later', 'x', when as never), 'BAD_ARGUMENT', /delay/);
      await close();
    },
  );
});

export const batches = subject('batches', (it) => {
  it('a batch is one acknowledgement, one queue and offsets without a gap', async (world) => {
    const { template } = await world.start({ options: { broker: { topics: [{ name: 'one', queues: 1 }] } } });
    const first = await world.passing(template.batch('one', [1, 2, 3]));
    const next = await world.passing(template.syncSend('one', 4));
    assert.equal(first.queueOffset, 0);
    assert.equal(first.messageIds?.length, 3);
    assert.equal(new Set(first.messageIds).size, 3);
    assert.equal(next.queueOffset, 3);
  });

  it('the messages of a batch arrive as messages of their own', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders);
    const { messageIds } = await world.passing(template.batch('orders:created', [{ id: 1 }, { id: 2 }], { keys: 'k' }));
    await orders.got(world, 2);
    assert.deepEqual(orders.payloads, [{ id: 1 }, { id: 2 }]);
    assert.deepEqual(
      orders.deliveries.map(({ message }) => message.messageId),
      messageIds,
    );
    assert.ok(orders.deliveries.every(({ message }) => message.tag === 'created' && message.keys[0] === 'k'));
  });

  it('each gives a message what it has of its own', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders);
    await world.passing(
      template.batch('orders', [1, 2], {
        tag: 'common',
        each: (n) => (n === 2 ? { keys: 'two', properties: { n: '2' } } : {}),
      }),
    );
    await orders.got(world, 2);
    const [one, two] = orders.deliveries.map(({ message }) => message);
    assert.deepEqual([one!.tag, two!.tag], ['common', 'common']);
    assert.deepEqual([[...one!.keys], [...two!.keys]], [[], ['two']]);
    assert.deepEqual({ ...two!.properties }, { n: '2' });
  });

  it('a failing message of a batch is retried alone', async (world) => {
    const orders = recorder({ topic: 'orders', backoff: [50] }, (payload, _c, { attempt }) => {
      if (payload === 2 && attempt === 1) throw new Error('no');
    });
    const { template } = await world.start(orders);
    await world.passing(template.batch('orders', [1, 2, 3]));
    await orders.got(world, 4);
    await world.pass(5000);
    assert.deepEqual(orders.payloads.toSorted(), [1, 2, 2, 3]);
  });

  it('more than a message holds is refused', async (world) => {
    const { template } = await world.start({ options: { producer: { maxMessageBytes: 1000 } } });
    const payloads = Array.from({ length: 10 }, () => 'x'.repeat(200));
    await rejects(world.passing(template.batch('orders', payloads)), 'MESSAGE_TOO_LARGE', /Split it/);
  });

  it('with split: true it is sent in parts, in order, with a result each', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders, { options: { producer: { maxMessageBytes: 1000 } } });
    const payloads = Array.from({ length: 10 }, (_, n) => `${n} ${'x'.repeat(200)}`);
    const results = await world.passing(template.batch('orders', payloads, { split: true }));
    assert.ok(results.length > 1);
    assert.equal(results.flatMap((result) => result.messageIds ?? [result.messageId]).length, 10);
    await orders.got(world, 10);
    assert.deepEqual(orders.payloads.toSorted(), payloads.toSorted());
  });

  it.rows('what is no list with an element is refused', [[], 'text', undefined], async (world, payloads) => {
    const { template, close } = await world.start();
    await rejects(template.batch('orders', payloads as never), 'BAD_ARGUMENT', /payloads/);
    await close();
  });

  it('an option of each that nobody would read is refused', async (world) => {
    const { template } = await world.start();
    await rejects(
      template.batch('orders', [1], { each: () => ({ colour: 'red' }) as never }),
      'BAD_ARGUMENT',
      /each\(0\).*"colour"/,
    );
  });

  it.needing(['restart'], 'a batch outlives a loss of power whole', async (world) => {
    const app = await world.start();
    await world.passing(app.template.batch('orders', [1, 2, 3, 4, 5]));
    await world.crash();
    const orders = recorder({ topic: 'orders', from: 'earliest' });
    await world.start(orders);
    await orders.got(world, 5);
    assert.deepEqual(orders.payloads, [1, 2, 3, 4, 5]);
  });
});
