import assert from 'node:assert/strict';
import { ConsumeMode, RejectMessageError, RetryLaterError } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { deadLettersOf, reasonOf } from '../dead-letters.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';

const mode = ConsumeMode.ORDERLY;
const count = (n: number): number[] => Array.from({ length: n }, (_, index) => index);

function fails(): never {
  throw new TypeError('cannot work');
}

export const order = subject('order', (it) => {
  it('messages with one key go to one queue', async (world) => {
    const { template } = await world.start();
    const queues = new Set<number>();
    for (const n of count(8))
      queues.add((await world.passing(template.sendOrderly('orders', n, 'customer-7'))).queueId);
    assert.equal(queues.size, 1);
  });

  it('keys are spread over the queues', async (world) => {
    const { template } = await world.start();
    const queues = new Set<number>();
    for (const n of count(40)) queues.add((await world.passing(template.sendOrderly('orders', n, `key-${n}`))).queueId);
    assert.equal(queues.size, 4);
  });

  it("a key's queue is Java's hash of it, so that producers of all languages agree", async (world) => {
    const { template } = await world.start();
    // "abc".hashCode() is 96354, "polygenelubricants".hashCode() is -2147483648: 2 and 0 of 4.
    assert.equal((await world.passing(template.sendOrderly('orders', 1, 'abc'))).queueId, 2);
    assert.equal((await world.passing(template.sendOrderly('orders', 1, 'polygenelubricants'))).queueId, 0);
  });

  it('an orderly listener handles the messages of a key in the order in which they were sent', async (world) => {
    const orders = recorder({ topic: 'orders', mode }, () => Promise.resolve());
    const { template } = await world.start(orders);
    for (const n of count(50)) await world.passing(template.sendOrderly('orders', n, 'one'));
    await orders.got(world, 50);
    assert.deepEqual(orders.payloads, count(50));
  });

  it('sends of a key that are not awaited keep their order', async (world) => {
    const orders = recorder({ topic: 'orders', mode });
    const { template } = await world.start(orders);
    await world.passing(Promise.all(count(50).map((n) => template.sendOrderly('orders', n, 'one'))));
    await orders.got(world, 50);
    assert.deepEqual(orders.payloads, count(50));
  });

  it('sends of a key keep their order also when the topic is only just born', async (world) => {
    const { template } = await world.start();
    const sent = await world.passing(Promise.all(count(20).map((n) => template.sendOrderly('fresh', n, 'one'))));
    assert.deepEqual(
      sent.map((result) => result.queueOffset),
      count(20),
    );
  });

  it('one message of a queue is handled at a time', async (world) => {
    let running = 0;
    let most = 0;
    const orders = recorder({ topic: 'orders', mode }, async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
    });
    const { template } = await world.start(orders);
    for (const n of count(20)) await world.passing(template.sendOrderly('orders', n, 'one'));
    await orders.got(world, 20);
    assert.equal(most, 1);
  });

  it('queues are handled side by side', async (world) => {
    const gates: (() => void)[] = [];
    const orders = recorder({ topic: 'orders', mode }, () => new Promise<void>((resolve) => gates.push(resolve)));
    const { template } = await world.start(orders);
    for (const n of count(40)) await world.passing(template.sendOrderly('orders', n, `key-${n}`));
    await orders.got(world, 4);
    for (let open = gates.shift(); open !== undefined; open = gates.shift()) {
      open();
      await world.quiet();
    }
    await orders.got(world, 40);
  });

  it('a failing message holds its queue until it succeeds', async (world) => {
    const orders = recorder({ topic: 'orders', mode }, (payload, _c, { attempt }) => {
      if (payload === 1 && attempt < 4) fails();
    });
    const { template } = await world.start(orders);
    for (const n of count(4)) await world.passing(template.sendOrderly('orders', n, 'one'));
    await orders.got(world, 7);
    assert.deepEqual(orders.payloads, [0, 1, 1, 1, 1, 2, 3]);
    assert.deepEqual(orders.attempts, [1, 1, 2, 3, 4, 1, 1]);
  });

  it('a failing message holds its own queue only', async (world) => {
    const orders = recorder({ topic: 'orders', mode }, (payload) => {
      if (payload === 'bad') fails();
    });
    const { template } = await world.start(orders);
    const bad = await world.passing(template.sendOrderly('orders', 'bad', 'abc'));
    const good = await world.passing(template.sendOrderly('orders', 'good', 'polygenelubricants'));
    assert.notEqual(bad.queueId, good.queueId);
    await world.until(() => orders.payloads.includes('good'), 'the good one', 900 + world.slack);
  });

  it('the next try comes after a second', async (world) => {
    const orders = recorder({ topic: 'orders', mode }, (_p, _c, { attempt }) => {
      if (attempt < 4) fails();
    }).on(world);
    const { template } = await world.start(orders);
    await world.passing(template.sendOrderly('orders', 'x', 'one'));
    await orders.got(world, 4);
    assert.ok(
      orders.gaps.every((gap) => gap >= 1000 && gap < 1100 + world.slack),
      orders.gaps.join(),
    );
  });

  it('after 16 retries the message is a dead letter and the queue goes on', async (world) => {
    const orders = recorder({ topic: 'orders', mode, group: 'g' }, (payload) => {
      if (payload === 'bad') fails();
    });
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters);
    await world.passing(template.sendOrderly('orders', 'bad', 'one'));
    await world.passing(template.sendOrderly('orders', 'good', 'one'));
    await letters.got(world, 1);
    await world.until(() => orders.payloads.includes('good'), 'the good one');
    assert.equal(orders.payloads.filter((payload) => payload === 'bad').length, 17);
    assert.deepEqual(reasonOf(letters), { errorClass: 'TypeError', message: 'cannot work', attempts: 17 });
  });

  it('maxReconsumeTimes bounds the tries of an orderly listener', async (world) => {
    const orders = recorder({ topic: 'orders', mode, group: 'g', maxReconsumeTimes: 2 }, fails);
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters);
    await world.passing(template.sendOrderly('orders', 'bad', 'one'));
    await letters.got(world, 1);
    assert.deepEqual(orders.attempts, [1, 2, 3]);
  });

  it('RetryLaterError lets the queue wait for so long', async (world) => {
    const orders = recorder({ topic: 'orders', mode }, (payload, _c, { attempt }) => {
      if (payload === 1 && attempt === 1) throw new RetryLaterError(4000);
    }).on(world);
    const { template } = await world.start(orders);
    for (const n of count(3)) await world.passing(template.sendOrderly('orders', n, 'one'));
    await orders.got(world, 4);
    assert.deepEqual(orders.payloads, [0, 1, 1, 2]);
    assert.ok(orders.gaps[1]! >= 4000 && orders.gaps[1]! < 4100 + world.slack, orders.gaps.join());
  });

  it('RejectMessageError makes a dead letter at once and the queue goes on', async (world) => {
    const orders = recorder({ topic: 'orders', mode, group: 'g' }, (payload) => {
      if (payload === 0) throw new RejectMessageError('never');
    });
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters);
    for (const n of count(3)) await world.passing(template.sendOrderly('orders', n, 'one'));
    await orders.got(world, 3, 900);
    await letters.got(world, 1);
    assert.deepEqual(orders.payloads, [0, 1, 2]);
  });

  it('order is kept when a queue moves to another member', async (world) => {
    const seen: unknown[] = [];
    const note = (payload: unknown): void => void seen.push(payload);
    const one = recorder({ topic: 'orders', mode, group: 'g' }, note);
    const two = recorder({ topic: 'orders', mode, group: 'g' }, note);
    const sender = await world.start();
    const first = await world.start(one);
    for (const n of count(20)) await world.passing(sender.template.sendOrderly('orders', n, 'one'));
    await world.start(two);
    for (const n of count(20)) await world.passing(sender.template.sendOrderly('orders', 20 + n, 'one'));
    await world.pass(30_000);
    await first.close();
    for (const n of count(20)) await world.passing(sender.template.sendOrderly('orders', 40 + n, 'one'));
    await world.until(() => seen.length >= 60, '60 deliveries', 120_000);
    assert.deepEqual(seen, count(60));
  });

  it.needing(['restart'], 'order is kept over a restart', async (world) => {
    const one = recorder({ topic: 'orders', mode, group: 'g' });
    const first = await world.start(one);
    for (const n of count(10)) await world.passing(first.template.sendOrderly('orders', n, 'one'));
    await one.got(world, 10);
    await world.restart();
    const two = recorder({ topic: 'orders', mode, group: 'g' });
    const second = await world.start(two);
    for (const n of count(10)) await world.passing(second.template.sendOrderly('orders', 10 + n, 'one'));
    await two.got(world, 10);
    await world.pass(5000);
    assert.deepEqual([...one.payloads, ...two.payloads], count(20));
  });

  it.rows('a key that is no text is refused', ['', 7, undefined], async (world, key) => {
    const { template, close } = await world.start();
    await rejects(template.sendOrderly('orders', 'x', key as string), 'BAD_ARGUMENT', /key/);
    await close();
  });

  it('with one key for all the whole topic is in order', async (world) => {
    const orders = recorder({ topic: 'orders', mode });
    const { template } = await world.start(orders);
    await world.passing(Promise.all(count(30).map((n) => template.sendOrderly('orders', n, 'all'))));
    await orders.got(world, 30);
    assert.deepEqual(orders.payloads, count(30));
  });
});
