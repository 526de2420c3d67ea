import assert from 'node:assert/strict';
import { subject } from '../behaviour.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';

export const tags = subject('tags', (it) => {
  it('a listener without a tag gets all, tagged or not', async (world) => {
    const all = recorder({ topic: 'orders' });
    const { template } = await world.start(all);
    await world.passing(template.syncSend('orders', 1));
    await world.passing(template.syncSend('orders:paid', 2));
    await all.got(world, 2);
    assert.deepEqual(all.payloads.toSorted(), [1, 2]);
  });

  it('* is the same as no tag', async (world) => {
    const all = recorder({ topic: 'orders', tag: '*' });
    const { template } = await world.start(all);
    await world.passing(template.syncSend('orders', 1));
    await world.passing(template.syncSend('orders:paid', 2));
    await all.got(world, 2);
  });

  it('a listener with a tag gets only messages with that tag', async (world) => {
    const paid = recorder({ topic: 'orders', tag: 'paid' });
    const { template } = await world.start(paid);
    for (const tag of ['created', 'paid', 'paidx', 'PAID', 'paid'])
      await world.passing(template.syncSend(`orders:${tag}`, tag));
    await world.passing(template.syncSend('orders', 'none'));
    await paid.got(world, 2);
    await world.pass(5000);
    assert.deepEqual(paid.payloads, ['paid', 'paid']);
  });

  it('a || b gets both and nothing else', async (world) => {
    const some = recorder({ topic: 'orders', tag: 'a || b' });
    const { template } = await world.start(some);
    for (const tag of ['a', 'b', 'c', 'a']) await world.passing(template.syncSend(`orders:${tag}`, tag));
    await some.got(world, 3);
    await world.pass(5000);
    assert.deepEqual(some.payloads.toSorted(), ['a', 'a', 'b']);
  });

  it('tags with the same hash are told apart', async (world) => {
    // Java's hash of both is 2112.
    const some = recorder({ topic: 'orders', tag: 'Aa' });
    const { template } = await world.start(some);
    await world.passing(template.syncSend('orders:BB', 'other'));
    await world.passing(template.syncSend('orders:Aa', 'own'));
    await some.got(world, 1);
    await world.pass(5000);
    assert.deepEqual(some.payloads, ['own']);
  });

  it('a waiting listener is not kept from its messages by others that pass by', async (world) => {
    const rare = recorder({ topic: 'orders', tag: 'rare' });
    const { template } = await world.start(rare);
    for (let n = 0; n < 200; n++) await world.passing(template.syncSend('orders:common', n));
    await world.passing(template.syncSend('orders:rare', 'x'));
    await rare.got(world, 1);
    assert.deepEqual(rare.payloads, ['x']);
  });

  it('listeners of one group share the tags of a topic', async (world) => {
    const created = recorder({ topic: 'orders', tag: 'created', group: 'g' });
    const paid = recorder({ topic: 'orders', tag: 'paid || refunded', group: 'g' });
    const { template } = await world.start(created, paid);
    for (const tag of ['created', 'paid', 'refunded', 'other'])
      await world.passing(template.syncSend(`orders:${tag}`, tag));
    await created.got(world, 1);
    await paid.got(world, 2);
    await world.pass(5000);
    assert.deepEqual(created.payloads, ['created']);
    assert.deepEqual(paid.payloads.toSorted(), ['paid', 'refunded']);
  });

  it('what a group does not want is behind it and does not come back', async (world) => {
    const first = recorder({ topic: 'orders', tag: 'a', group: 'g' });
    const app = await world.start(first);
    await world.passing(app.template.syncSend('orders:b', 'unwanted'));
    await world.passing(app.template.syncSend('orders:a', 'wanted'));
    await first.got(world, 1);
    await world.pass(10_000);
    await app.close();
    const later = recorder({ topic: 'orders', tag: 'b', group: 'g' });
    const next = await world.start(later);
    await world.passing(next.template.syncSend('orders:b', 'new'));
    await later.got(world, 1);
    await world.pass(5000);
    assert.ok(later.payloads.includes('new'));
  });

  it.rows(
    'two listeners of a group that could match the same message are refused at boot',
    [
      ['*', 'a'],
      ['a', 'a || b'],
      ['a', undefined],
    ],
    async (world, [one, other]) => {
      await rejects(
        world.start(
          recorder({ topic: 'orders', tag: one, group: 'g' }),
          recorder({ topic: 'orders', tag: other, group: 'g' }),
        ),
        'CONFIGURATION',
        /could match the same message/,
      );
    },
  );

  it('the same tag in two groups is fine: each gets the message', async (world) => {
    const one = recorder({ topic: 'orders', tag: 'a', group: 'g1' });
    const two = recorder({ topic: 'orders', tag: 'a', group: 'g2' });
    const { template } = await world.start(one, two);
    await world.passing(template.syncSend('orders:a', 'x'));
    await one.got(world, 1);
    await two.got(world, 1);
  });

  it('a retry comes back to the listener whose tag it has', async (world) => {
    const a = recorder({ topic: 'orders', tag: 'a', group: 'g', backoff: [100] }, (_p, _c, { attempt }) => {
      if (attempt === 1) throw new Error('again');
    });
    const b = recorder({ topic: 'orders', tag: 'b', group: 'g' });
    const { template } = await world.start(a, b);
    await world.passing(template.syncSend('orders:a', 'x'));
    await a.got(world, 2);
    assert.deepEqual(a.attempts, [1, 2]);
    assert.equal(b.deliveries.length, 0);
  });
});
