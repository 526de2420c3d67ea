import assert from 'node:assert/strict';
import { MessagingAdmin, RejectMessageError } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { deadLettersOf, reasonOf } from '../dead-letters.js';
import { Ledger } from '../ledger.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';

const inside = (namespace: string) => ({ application: namespace, options: { namespace } });

export const namespaces = subject('namespaces', (it) => {
  it('the same topic and group in two of them, and in none, are three', async (world) => {
    const listeners = [0, 1, 2].map(() => recorder({ topic: 'orders', group: 'g' }));
    const [one, two, three] = [
      await world.start(inside('shop'), listeners[0]!),
      await world.start(inside('office'), listeners[1]!),
      await world.start(listeners[2]!),
    ];
    const numbers = [0, 1, 2, 3, 4, 5, 6, 7];
    for (const [n, { template }] of [one, two, three].entries()) {
      for (const k of numbers) await world.passing(template.syncSend('orders', `${n}-${k}`));
    }
    for (const listener of listeners) await listener.got(world, 8);
    await world.pass(5_000);
    assert.deepEqual(
      listeners.map(({ payloads }) => payloads.toSorted()),
      listeners.map((_, n) => numbers.map((k) => `${n}-${k}`)),
    );
  });

  it('inside, names are those that were given: in results, messages and contexts', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g' });
    const { template } = await world.start(inside('shop'), orders);
    const result = await world.passing(template.syncSend('orders:paid', 'x'));
    await orders.got(world, 1);
    const { message, context } = orders.deliveries[0]!;
    assert.deepEqual([result.topic, message.topic, message.tag, context.group], ['orders', 'orders', 'paid', 'g']);
  });

  it('at the broker they are RocketMQ’s, as an operator without a namespace sees them', async (world) => {
    const outside = recorder({ topic: 'shop%orders', group: 'operator' });
    await world.start(outside);
    const { template } = await world.start(inside('shop'), recorder({ topic: 'orders', group: 'g' }));
    await world.passing(template.syncSend('orders', 'x'));
    await outside.got(world, 1);
    assert.equal(outside.deliveries[0]!.message.topic, 'shop%orders');
  });

  it('retries stay inside', async (world) => {
    const fails = recorder({ topic: 'orders', group: 'g', backoff: [100] }, (_p, _c, { attempt }) => {
      if (attempt < 3) throw new Error('again');
    });
    const stranger = recorder({ topic: 'orders', group: 'g' });
    await world.start(stranger);
    const { template } = await world.start(inside('shop'), fails);
    await world.passing(template.syncSend('orders', 'x'));
    await fails.got(world, 3);
    assert.deepEqual([fails.attempts, stranger.payloads], [[1, 2, 3], []]);
    assert.deepEqual(new Set(fails.deliveries.map(({ message }) => message.topic)), new Set(['orders']));
  });

  it('dead letters stay inside, and name the topic as it was given', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g' }, () => {
      throw new RejectMessageError('no');
    });
    const [letters, others] = [deadLettersOf('g'), deadLettersOf('g')];
    await world.start(others);
    const { template } = await world.start(inside('shop'), orders, letters);
    await world.passing(template.syncSend('orders', 'x'));
    await letters.got(world, 1);
    await world.pass(5_000);
    const { message } = letters.deliveries[0]!;
    assert.deepEqual([message.topic, message.systemProperty('NESTMQ_DLQ_TOPIC')], ['%DLQ%g', 'orders']);
    assert.equal(reasonOf(letters).message, 'no');
    assert.deepEqual(others.payloads, []);
  });

  it('the administration sees the dead letters of its own, and resends inside', async (world) => {
    let broken = true;
    const orders = recorder({ topic: 'orders', group: 'g' }, () => {
      if (broken) throw new RejectMessageError('no');
    });
    const stranger = await world.start(recorder({ topic: 'orders', group: 'g' }));
    const app = await world.start(inside('shop'), orders);
    await world.passing(app.template.syncSend('orders', 'x'));
    await orders.got(world, 1);
    await world.pass(1_000);
    const { deadLetters } = app.get(MessagingAdmin);
    assert.deepEqual(await world.passing(stranger.get(MessagingAdmin).deadLetters.list('g')), {
      letters: [],
      cursor: undefined,
    });
    const { letters } = await world.soon(
      () => deadLetters.list('g'),
      (list) => list.letters.length > 0,
    );
    assert.deepEqual(
      letters.map(({ group, topic, payload }) => [group, topic, payload]),
      [['g', 'orders', 'x']],
    );
    broken = false;
    assert.equal((await world.passing(deadLetters.resendAll('g'))).resent, 1);
    await orders.got(world, 2);
    assert.deepEqual(orders.deliveries[1]!.message.topic, 'orders');
  });

  it('delays, transactions and requests work inside', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g' });
    const prices = recorder({ topic: 'prices', group: 'p' }, (article) => `${String(article)}: 2.55`);
    const ledger = new Ledger('create');
    const { template } = await world.start(inside('shop'), orders, prices, {
      providers: [orders.listenerClass, prices.listenerClass, ledger.listenerClass],
      ...inside('shop'),
    });
    await world.passing(template.delay('orders', 'later', '10s'));
    await world.passing(template.transaction('orders', 'committed', 'create'));
    assert.equal(await world.passing(template.request('prices', 'lantern')), 'lantern: 2.55');
    await orders.got(world, 2);
    assert.deepEqual(orders.payloads, ['committed', 'later']);
    assert.equal(ledger.executed[0]!.message.topic, 'orders');
  });

  it('a filter sees the same inside as outside', async (world) => {
    const eu = recorder({ topic: 'orders', group: 'g', selector: "region = 'eu'" });
    const { template } = await world.start(inside('shop'), eu);
    for (const region of ['us', 'eu'])
      await world.passing(template.syncSend('orders', region, { properties: { region } }));
    await eu.got(world, 1);
    await world.pass(3_000);
    assert.deepEqual(eu.payloads, ['eu']);
  });

  it.needing(['restart'], 'positions of a group inside outlive a crash', async (world) => {
    const before = recorder({ topic: 'orders', group: 'g' });
    const { template } = await world.start(inside('shop'), before);
    await world.passing(template.syncSend('orders', 'handled'));
    await before.got(world, 1);
    await world.pass(10_000);
    await world.crash();
    const after = recorder({ topic: 'orders', group: 'g' });
    const next = await world.start(inside('shop'), after);
    await world.passing(next.template.syncSend('orders', 'next'));
    await after.got(world, 1);
    await world.pass(10_000);
    assert.deepEqual(after.payloads, ['next']);
  });

  it.rows('a namespace that is no name is refused at boot', ['a%b', '', 'x'.repeat(61), 'a b'], async (world, name) => {
    await rejects(
      world.start({ options: { namespace: name } }),
      'CONFIGURATION',
      /namespace must be a name of letters/,
    );
  });

  it('a group that does not fit with its namespace is refused at boot', async (world) => {
    const long = recorder({ topic: 'orders', group: 'g'.repeat(116) });
    await rejects(world.start(inside('shop'), long), 'CONFIGURATION', /115 are allowed beside the namespace shop/);
  });
});
