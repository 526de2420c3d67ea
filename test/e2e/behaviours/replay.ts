import assert from 'node:assert/strict';
import { ConsumeMode, MessagingAdmin } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';

const count = (n: number): number[] => Array.from({ length: n }, (_, index) => index);

export const replay = subject('replay', (it) => {
  it('what is stored comes to one group once more, and to no other', async (world) => {
    const billing = recorder({ topic: 'orders', group: 'billing' });
    const mail = recorder({ topic: 'orders', group: 'mail' });
    const { template, get } = await world.start(billing, mail);
    for (const n of count(20)) await world.passing(template.syncSend('orders', n));
    await billing.got(world, 20);
    await mail.got(world, 20);
    const report = await world.passing(get(MessagingAdmin).backlog.replay({ topic: 'orders' }, { group: 'billing' }));
    assert.equal(report.replayed, 20);
    assert.equal(report.complete, true);
    await billing.got(world, 40);
    await world.pass(30_000);
    assert.equal(mail.deliveries.length, 20);
    assert.deepEqual(new Set(billing.payloads.slice(20)), new Set(count(20)));
  });

  it('a replayed message says so, is a first attempt, and names the message that it was', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g' });
    const { template, get } = await world.start(orders);
    await world.passing(template.syncSend('orders:paid', 'x', { keys: ['k'], properties: { city: 'Bonn' } }));
    await orders.got(world, 1);
    await world.passing(get(MessagingAdmin).backlog.replay({ topic: 'orders' }, { group: 'g' }));
    const [first, again] = (await orders.got(world, 2)).map(({ message }) => message);
    assert.deepEqual([first!.replayed, again!.replayed, again!.attempt], [false, true, 1]);
    assert.equal(again!.originId, first!.messageId);
    assert.notEqual(again!.messageId, first!.messageId);
    assert.deepEqual(
      [again!.topic, again!.tag, again!.keys, again!.properties['city']],
      ['orders', 'paid', ['k'], 'Bonn'],
    );
  });

  it('to another topic it comes to all groups of that one, each key in its order', async (world) => {
    const one = recorder({ topic: 'copy', group: 'one', mode: ConsumeMode.ORDERLY });
    const two = recorder({ topic: 'copy', group: 'two' });
    const { template, get } = await world.start(one, two);
    for (const n of count(30)) await world.passing(template.sendOrderly('orders', { key: n % 3, n }, `key-${n % 3}`));
    await world.passing(get(MessagingAdmin).backlog.replay({ topic: 'orders' }, { topic: 'copy' }));
    await one.got(world, 30);
    await two.got(world, 30);
    for (const key of count(3)) {
      const own = (one.payloads as { key: number; n: number }[]).filter((payload) => payload.key === key);
      assert.deepEqual(
        own.map(({ n }) => n),
        count(10).map((at) => at * 3 + key),
      );
    }
  });

  it('a range of time replays what was stored in it', async (world) => {
    const copies = recorder({ topic: 'copy', group: 'g' });
    const { template, get } = await world.start(copies);
    const send = async (name: string): Promise<void> => {
      for (const n of count(6)) await world.passing(template.syncSend('orders', `${name}-${n}`));
      await world.pass(60_000);
    };
    await send('early');
    const from = new Date(world.now());
    await send('middle');
    const until = new Date(world.now());
    await send('late');
    const { backlog } = get(MessagingAdmin);
    const { replayed } = await world.passing(backlog.replay({ topic: 'orders', from, until }, { topic: 'copy' }));
    assert.equal(replayed, 6);
    await copies.got(world, 6);
    await world.pass(10_000);
    assert.deepEqual(new Set(copies.payloads), new Set(count(6).map((n) => `middle-${n}`)));
  });

  it('a range of offsets of one queue, a tag or a condition replays what matches', async (world) => {
    const { template, get } = await world.start();
    for (const n of count(20)) await world.passing(template.syncSend(n % 5 === 0 ? 'orders:fifth' : 'orders', n));
    const { backlog } = get(MessagingAdmin);
    const replayed = async (range: object): Promise<number> =>
      (await world.passing(backlog.replay({ topic: 'orders', ...range }, { topic: 'copy' }))).replayed;
    assert.equal(await replayed({ queueId: 1, from: 1, until: 4 }), 3);
    assert.equal(await replayed({ tag: 'fifth' }), 4);
    assert.equal(await replayed({ where: (message: { text(): string }) => Number(message.text()) < 7 }), 7);
  });

  it('a replay into its own topic ends with what was there when it began', async (world) => {
    const { template, get } = await world.start();
    for (const n of count(50)) await world.passing(template.syncSend('orders', n));
    const { backlog, topics } = get(MessagingAdmin);
    const { replayed } = await world.passing(backlog.replay({ topic: 'orders' }, { topic: 'orders' }));
    assert.equal(replayed, 50);
    assert.equal((await world.passing(topics.stats('orders'))).messages, 100);
  });

  it('one that is called off goes on where it ended, without loss or repetition', async (world) => {
    const copies = recorder({ topic: 'copy', group: 'g' });
    const { template, get } = await world.start(copies);
    for (const n of count(40)) await world.passing(template.syncSend('orders', n));
    const { backlog } = get(MessagingAdmin);
    const off = new AbortController();
    const options = { id: 'again', ratePerSecond: 10, signal: off.signal };
    const going = backlog.replay({ topic: 'orders' }, { topic: 'copy' }, options);
    await world.pass(1500);
    off.abort();
    const { complete, next, replayed } = await world.passing(going);
    assert.equal(complete, false);
    assert.ok(replayed > 8 && replayed < 20, String(replayed));
    const rest = await world.passing(
      backlog.replay({ topic: 'orders', from: next }, { topic: 'copy' }, { id: 'again' }),
    );
    assert.deepEqual([rest.complete, rest.replayed], [true, 40 - replayed]);
    await copies.got(world, 40);
    await world.pass(10_000);
    assert.deepEqual(
      (copies.payloads as number[]).toSorted((a, b) => a - b),
      count(40),
    );
  });

  it('a group gets nothing that its listeners do not want', async (world) => {
    const paid = recorder({ topic: 'orders', tag: 'paid', group: 'g' });
    const { template, get } = await world.start(paid);
    await world.passing(template.syncSend('orders:paid', 1));
    await world.passing(template.syncSend('orders:open', 2));
    // Until it has handled something, a real RocketMQ may not know yet that the group reads the topic.
    await paid.got(world, 1);
    await world.passing(get(MessagingAdmin).backlog.replay({ topic: 'orders' }, { group: 'g' }));
    await paid.got(world, 2);
    await world.pass(30_000);
    assert.deepEqual(paid.payloads, [1, 1]);
    assert.equal((await world.passing(get(MessagingAdmin).deadLetters.list('g'))).letters.length, 0);
  });

  it('to a group that does not read the topic, to nobody or to a topic of the broker it is refused', async (world) => {
    const { template, get } = await world.start(recorder({ topic: 'other', group: 'g' }));
    await world.passing(template.syncSend('orders', 1));
    const { backlog } = get(MessagingAdmin);
    const to = (target: object): Promise<unknown> =>
      world.passing(backlog.replay({ topic: 'orders' }, target as { topic: string }));
    await rejects(to({ group: 'g' }), 'BAD_ARGUMENT', /never subscribed.*Groups that have: none/);
    await rejects(to({ group: 'none' }), 'GROUP_NOT_FOUND', /none/);
    await rejects(to({}), 'BAD_ARGUMENT', /name the group or the topic/);
    await rejects(to({ topic: '%DLQ%g' }), 'BAD_ARGUMENT', /of your own/);
  });
});

export const moving = subject('moving a backlog', (it) => {
  it('what a resting group has not settled goes to a wider topic, and the group goes on behind it', async (world) => {
    await (await world.start(recorder({ topic: 'orders', group: 'g' }))).close();
    const { template, get } = await world.start();
    for (const n of count(40)) await world.passing(template.syncSend('orders', n));
    const { backlog, groups, topics } = get(MessagingAdmin);
    await world.passing(topics.create('wide', 16));
    const report = await world.passing(backlog.move('g', 'orders', { topic: 'wide' }));
    assert.deepEqual([report.complete, report.replayed], [true, 40]);
    assert.equal((await world.passing(groups.lag('g'))).lag, 0);
    const { queues } = await world.passing(topics.stats('wide'));
    assert.ok(queues.every(({ maxOffset }) => maxOffset > 0));
    const again = recorder({ topic: 'orders', group: 'g' });
    await world.start(again);
    await world.passing(template.syncSend('orders', 'new'));
    await again.got(world, 1);
    await world.pass(10_000);
    assert.deepEqual(again.payloads, ['new']);
  });

  it('what is left in the wider topic comes back to its group, as of its own topic', async (world) => {
    await (
      await world.start(recorder({ topic: 'orders', group: 'g' }), recorder({ topic: 'wide', group: 'w' }))
    ).close();
    const { template, get } = await world.start();
    for (const n of count(20)) await world.passing(template.syncSend('orders', n));
    const { backlog, groups } = get(MessagingAdmin);
    await world.passing(backlog.move('g', 'orders', { topic: 'wide' }));
    await world.passing(backlog.move('w', 'wide', { group: 'g', as: 'orders' }));
    assert.equal((await world.passing(groups.lag('w'))).lag, 0);
    const orders = recorder({ topic: 'orders', group: 'g' });
    await world.start(orders);
    await orders.got(world, 20);
    assert.deepEqual(new Set(orders.payloads), new Set(count(20)));
    assert.equal(orders.deliveries[0]!.message.topic, 'orders');
  });

  it('of a group that is at work nothing is moved', async (world) => {
    const { template, get } = await world.start(recorder({ topic: 'orders', group: 'g' }));
    await world.passing(template.syncSend('orders', 1));
    await rejects(
      world.passing(get(MessagingAdmin).backlog.move('g', 'orders', { topic: 'wide' })),
      'BAD_ARGUMENT',
      /Stop its listeners first/,
    );
  });

  it.needing(['restart'], 'one that a crash ends is done by another call, and nothing is lost', async (world) => {
    await (await world.start(recorder({ topic: 'orders', group: 'g' }))).close();
    const { template, get } = await world.start();
    for (const n of count(60)) await world.passing(template.syncSend('orders', n));
    const options = { id: 'moved', ratePerSecond: 10 };
    get(MessagingAdmin)
      .backlog.move('g', 'orders', { topic: 'wide' }, options)
      .catch(() => undefined);
    await world.pass(2500);
    await world.crash();
    const copies = recorder({ topic: 'wide', group: 'h', from: 'earliest' });
    const after = await world.start(copies);
    const { complete } = await world.passing(
      after.get(MessagingAdmin).backlog.move('g', 'orders', { topic: 'wide' }, { id: 'moved' }),
    );
    assert.equal(complete, true);
    await world.pass(30_000);
    assert.deepEqual(new Set(copies.payloads), new Set(count(60)));
    assert.equal(new Set(copies.deliveries.map(({ message }) => message.originId)).size, 60);
  });
});
