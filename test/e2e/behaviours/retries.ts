import assert from 'node:assert/strict';
import { of, throwError } from 'rxjs';
import { DefaultMessageConverter, RejectMessageError, RetryLaterError } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { deadLettersOf, reasonOf } from '../dead-letters.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** RocketMQ's levels 3 to 18, in milliseconds. */
const LADDER = [
  10_000,
  30_000,
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30].map((minutes) => minutes * MINUTE),
  HOUR,
  2 * HOUR,
];

function fails(): never {
  throw new TypeError('cannot work');
}

export const retries = subject('retries', (it) => {
  it('a handler that throws is called again with the next attempt', async (world) => {
    const orders = recorder({ topic: 'orders', backoff: [50] }, (_p, _c, { attempt }) => {
      if (attempt < 3) fails();
    });
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 3);
    await world.pass(10_000);
    assert.deepEqual(orders.attempts, [1, 2, 3]);
  });

  it('a rejected promise is a failure', async (world) => {
    const orders = recorder({ topic: 'orders', backoff: [50] }, async (_p, _c, { attempt }) => {
      await Promise.resolve();
      if (attempt === 1) fails();
    });
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 2);
  });

  it('an observable that fails is a failure', async (world) => {
    const orders = recorder({ topic: 'orders', backoff: [50] }, (_p, _c, { attempt }) =>
      attempt === 1 ? throwError(() => new Error('no')) : of(1),
    );
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 2);
  });

  it.needing(
    ['virtual time'],
    'without a backoff the ladder is 10 s to 2 h, 16 retries, to the millisecond',
    async (world) => {
      const orders = recorder({ topic: 'orders', group: 'g' }, fails).on(world);
      const { template } = await world.start(orders);
      await world.passing(template.syncSend('orders', 'x'));
      await orders.got(world, 17, 24 * HOUR);
      const late = orders.gaps.map((gap, index) => gap - LADDER[index]!);
      assert.ok(
        late.every((millis) => millis >= 0 && millis <= 50),
        `late by ${late.join(', ')} ms`,
      );
      await world.pass(3 * HOUR);
      assert.equal(orders.deliveries.length, 17);
    },
  );

  it('backoff says how long to wait before each retry, the last one repeats', async (world) => {
    const orders = recorder({ topic: 'orders', backoff: [100, 300], maxReconsumeTimes: 4 }, fails).on(world);
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 5);
    const wanted = [100, 300, 300, 300];
    orders.gaps.forEach((gap, index) =>
      assert.ok(gap >= wanted[index]! && gap < wanted[index]! + 100 + world.slack, orders.gaps.join()),
    );
  });

  it('backoff may be a function of the attempt that failed', async (world) => {
    const asked: number[] = [];
    const backoff = (attempt: number): number => {
      asked.push(attempt);
      return attempt * 100;
    };
    const orders = recorder({ topic: 'orders', backoff, maxReconsumeTimes: 3 }, fails).on(world);
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 4);
    orders.gaps.forEach((gap, index) =>
      assert.ok(gap >= (index + 1) * 100 && gap < (index + 1) * 100 + 100 + world.slack),
    );
    assert.deepEqual(asked.slice(0, 3), [1, 2, 3]);
  });

  it('a retry is never early', async (world) => {
    const orders = recorder({ topic: 'orders', backoff: [977] }, (_p, _c, { attempt }) => {
      if (attempt === 1) fails();
    }).on(world);
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 2);
    assert.ok(orders.gaps[0]! >= 977, `after ${orders.gaps[0]} ms`);
  });

  it('a failing message does not hold up others', async (world) => {
    const orders = recorder({ topic: 'orders', backoff: [5000], concurrency: 1 }, (payload, _c, { attempt }) => {
      if (payload === 'bad' && attempt === 1) fails();
    });
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'bad'));
    for (let n = 0; n < 5; n++) await world.passing(template.syncSend('orders', n));
    await orders.got(world, 6, 4000);
    await orders.got(world, 7);
    assert.equal(orders.payloads.at(-1), 'bad');
  });

  it('a retry has the id, topic, tag, keys, properties, queue and offset of the first attempt', async (world) => {
    const orders = recorder({ topic: 'orders', backoff: [50] }, (_p, _c, { attempt }) => {
      if (attempt === 1) fails();
    });
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders:paid', 'x', { keys: 'k', properties: { a: 'b' } }));
    await orders.got(world, 2);
    const seen = orders.deliveries.map(({ message }) => {
      const { messageId, topic, tag, keys, properties, queueId, queueOffset } = message;
      return { messageId, topic, tag, keys: [...keys], properties: { ...properties }, queueId, queueOffset };
    });
    assert.deepEqual(seen[1], seen[0]);
  });

  it('a retry goes to no other group', async (world) => {
    const failing = recorder({ topic: 'orders', group: 'failing', backoff: [50], maxReconsumeTimes: 3 }, fails);
    const fine = recorder({ topic: 'orders', group: 'fine' });
    const { template } = await world.start(failing, fine);
    await world.passing(template.syncSend('orders', 'x'));
    await failing.got(world, 4);
    assert.equal(fine.deliveries.length, 1);
  });

  it('maxReconsumeTimes: 0 allows one attempt only', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g', maxReconsumeTimes: 0 }, fails);
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters);
    await world.passing(template.syncSend('orders', 'x'));
    await letters.got(world, 1);
    assert.equal(orders.deliveries.length, 1);
  });

  it('RetryLaterError says when to try again', async (world) => {
    const orders = recorder({ topic: 'orders', backoff: [60_000] }, (_p, _c, { attempt }) => {
      if (attempt === 1) throw new RetryLaterError(700);
    }).on(world);
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 2, 10_000);
    assert.ok(orders.gaps[0]! >= 700 && orders.gaps[0]! < 800 + world.slack, `after ${orders.gaps[0]} ms`);
  });

  it('RetryLaterError counts as an attempt', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g', maxReconsumeTimes: 2 }, () => {
      throw new RetryLaterError(10, 'not now');
    });
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters);
    await world.passing(template.syncSend('orders', 'x'));
    await letters.got(world, 1);
    assert.deepEqual(orders.attempts, [1, 2, 3]);
    assert.equal(reasonOf(letters).message, 'not now');
  });

  it.rows(
    'a RetryLaterError with a time that is none cannot be made',
    [-1, Number.NaN, Infinity],
    async (_world, millis) => {
      assert.throws(() => new RetryLaterError(millis), RangeError);
    },
  );

  it.needing(['restart'], 'a retry that waits outlives a restart of the broker', async (world) => {
    const first = recorder({ topic: 'orders', group: 'g', backoff: [30_000] }, fails);
    const app = await world.start(first);
    await world.passing(app.template.syncSend('orders', 'x'));
    await first.got(world, 1);
    await world.pass(1000);
    await world.restart();
    const second = recorder({ topic: 'orders', group: 'g' });
    await world.start(second);
    await second.got(world, 1);
    assert.deepEqual([second.payloads, second.attempts], [['x'], [2]]);
  });

  it('a retry reaches another member when the one that failed has gone', async (world) => {
    const first = recorder({ topic: 'orders', group: 'g', backoff: [5000] }, fails);
    const app = await world.start(first);
    await world.passing(app.template.syncSend('orders', 'x'));
    await first.got(world, 1);
    await world.pass(500);
    await app.close();
    const second = recorder({ topic: 'orders', group: 'g' });
    await world.start(second);
    await second.got(world, 1);
    assert.deepEqual(second.attempts, [2]);
  });

  it.rows('a backoff that is none is refused at boot', [[], [-1], 'soon', [Number.NaN]], async (world, backoff) => {
    await rejects(world.start(recorder({ topic: 'orders', backoff: backoff as number[] })), 'CONFIGURATION', /backoff/);
  });

  it.rows('a maxReconsumeTimes that is none is refused at boot', [-1, 1.5, '3'], async (world, times) => {
    await rejects(
      world.start(recorder({ topic: 'orders', maxReconsumeTimes: times as number })),
      'CONFIGURATION',
      /@MessageListener.*maxReconsumeTimes/,
    );
  });
});

export const deadLetters = subject('dead letters', (it) => {
  it('after the last retry a message becomes a dead letter of its group', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g', backoff: [10], maxReconsumeTimes: 2 }, fails);
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters);
    await world.passing(template.syncSend('orders', { id: 1 }));
    await letters.got(world, 1);
    assert.deepEqual(letters.payloads, [{ id: 1 }]);
    assert.deepEqual(orders.attempts, [1, 2, 3]);
    await world.pass(HOUR);
    assert.equal(orders.deliveries.length, 3);
    assert.equal(letters.deliveries.length, 1);
  });

  it('a dead letter says error class, message and attempts', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g', backoff: [10], maxReconsumeTimes: 1 }, fails);
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters);
    await world.passing(template.syncSend('orders', 'x'));
    await letters.got(world, 1);
    assert.deepEqual(reasonOf(letters), { errorClass: 'TypeError', message: 'cannot work', attempts: 2 });
  });

  it('a dead letter says where the message came from', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g', maxReconsumeTimes: 0 }, fails);
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters);
    const sent = await world.passing(template.syncSend('orders', 'x'));
    await letters.got(world, 1);
    const { message } = letters.deliveries[0]!;
    assert.equal(message.systemProperty('NESTMQ_DLQ_TOPIC'), 'orders');
    assert.equal(Number(message.systemProperty('NESTMQ_DLQ_QUEUE_ID')), sent.queueId);
    assert.equal(Number(message.systemProperty('NESTMQ_DLQ_QUEUE_OFFSET')), sent.queueOffset);
  });

  it('a dead letter says when it failed first and last', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g', backoff: [2000], maxReconsumeTimes: 1 }, fails).on(world);
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters);
    await world.passing(template.syncSend('orders', 'x'));
    await letters.got(world, 1);
    const { message } = letters.deliveries[0]!;
    const first = Number(message.systemProperty('NESTMQ_DLQ_FIRST_FAILED_AT'));
    const last = Number(message.systemProperty('NESTMQ_DLQ_LAST_FAILED_AT'));
    assert.ok(Math.abs(first - orders.deliveries[0]!.at) < 50, `${first - orders.deliveries[0]!.at}`);
    assert.ok(Math.abs(last - orders.deliveries[1]!.at) < 50, `${last - orders.deliveries[1]!.at}`);
  });

  it('a dead letter keeps id, tag, keys and properties', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g', maxReconsumeTimes: 0 }, fails);
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters);
    const { messageId } = await world.passing(
      template.syncSend('orders:paid', 'x', { keys: ['a', 'b'], properties: { origin: 'till' } }),
    );
    await letters.got(world, 1);
    const { message } = letters.deliveries[0]!;
    assert.equal(message.messageId, messageId);
    assert.equal(message.tag, 'paid');
    assert.deepEqual([...message.keys], ['a', 'b']);
    assert.deepEqual({ ...message.properties }, { origin: 'till' });
  });

  it('RejectMessageError makes a dead letter at once, with its reason', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g' }, () => {
      throw new RejectMessageError('no such customer');
    });
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters);
    await world.passing(template.syncSend('orders', 'x'));
    await letters.got(world, 1, 5000);
    assert.deepEqual(reasonOf(letters), { errorClass: 'RejectMessageError', message: 'no such customer', attempts: 1 });
    assert.equal(orders.deliveries.length, 1);
  });

  it('what cannot be decoded is a dead letter, and the handler is not called', async (world) => {
    class Liar extends DefaultMessageConverter {
      override encode(payload: unknown): ReturnType<DefaultMessageConverter['encode']> {
        return { body: Buffer.from(`{ broken ${String(payload)}`), contentType: 'json' };
      }
    }
    const orders = recorder({ topic: 'orders', group: 'g' });
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters, { options: { converter: new Liar() } });
    await world.passing(template.syncSend('orders', 'x'));
    await world.pass(5000);
    assert.equal(orders.deliveries.length, 0);
    const reader = recorder({ topic: '%DLQ%g', group: 'reader', from: 'earliest' });
    await world.start(
      {
        application: 'reader',
        options: { converter: { encode: () => assert.fail(), decode: (body) => body.toString() } },
      },
      reader,
    );
    await reader.got(world, 1);
    assert.equal(reasonOf(reader).errorClass, 'MessagingError');
    assert.match(reasonOf(reader).message, /not JSON/);
  });

  it('a dead letter of one group is none of another', async (world) => {
    const bad = recorder({ topic: 'orders', group: 'bad', maxReconsumeTimes: 0 }, fails);
    const good = recorder({ topic: 'orders', group: 'good' });
    const letters = deadLettersOf('good');
    const own = deadLettersOf('bad');
    const { template } = await world.start(bad, good, letters, own);
    await world.passing(template.syncSend('orders', 'x'));
    await own.got(world, 1);
    await world.pass(10_000);
    assert.equal(letters.deliveries.length, 0);
    assert.equal(good.deliveries.length, 1);
  });

  it('an error message of any length and kind does not keep a message from its end', async (world) => {
    const thrown: unknown[] = [
      new Error('x'.repeat(100_000)),
      'a text',
      undefined,
      { odd: true },
      new Error('a\u0001b\u0002c'),
    ];
    const orders = recorder({ topic: 'orders', group: 'g', maxReconsumeTimes: 0 }, (payload) => {
      throw thrown[payload as number];
    });
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters);
    for (let n = 0; n < thrown.length; n++) await world.passing(template.syncSend('orders', n));
    await letters.got(world, thrown.length);
    assert.deepEqual(letters.payloads.toSorted(), [0, 1, 2, 3, 4]);
  });

  it.needing(['restart'], 'dead letters outlive a loss of power', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g', maxReconsumeTimes: 0 }, fails);
    const app = await world.start(orders);
    await world.passing(app.template.syncSend('orders', 'x'));
    await orders.got(world, 1);
    await world.pass(5000);
    await world.crash();
    const letters = deadLettersOf('g');
    await world.start(letters);
    await letters.got(world, 1);
    assert.deepEqual(letters.payloads, ['x']);
  });

  it('with nearly all the properties that are allowed a message still becomes a dead letter', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g', backoff: [10], maxReconsumeTimes: 1 }, fails);
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters);
    const large = 'x'.repeat(31 * 1024 - 150);
    await world.passing(template.syncSend('orders', 'x', { properties: { large } }));
    await letters.got(world, 1);
    assert.equal(letters.deliveries[0]!.message.properties.large, large);
  });
});
