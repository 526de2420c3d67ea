import assert from 'node:assert/strict';
import { ConsumeMode } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';

export const groups = subject('groups', (it) => {
  it('every group gets every message', async (world) => {
    const one = recorder({ topic: 'orders', group: 'one' });
    const two = recorder({ topic: 'orders', group: 'two' });
    const { template } = await world.start(one, two);
    for (let n = 0; n < 5; n++) await world.passing(template.syncSend('orders', n));
    await one.got(world, 5);
    await two.got(world, 5);
    assert.deepEqual(new Set(one.payloads), new Set(two.payloads));
  });

  it('members of a group share the messages', async (world) => {
    const one = recorder({ topic: 'orders', group: 'g' });
    const two = recorder({ topic: 'orders', group: 'g' });
    const { template } = await world.start(one);
    await world.start(two);
    await world.pass(60_000);
    for (let n = 0; n < 40; n++) await world.passing(template.syncSend('orders', n));
    await world.until(() => one.deliveries.length + two.deliveries.length >= 40, '40 deliveries');
    await world.pass(5000);
    assert.equal(new Set([...one.payloads, ...two.payloads]).size, 40);
    assert.equal(one.deliveries.length + two.deliveries.length, 40);
    assert.ok(one.deliveries.length > 0 && two.deliveries.length > 0);
  });

  it('when a member closes, the others take over its queues', async (world) => {
    const one = recorder({ topic: 'orders', group: 'g' });
    const two = recorder({ topic: 'orders', group: 'g' });
    const { template } = await world.start(one);
    const leaving = await world.start(two);
    await world.pass(60_000);
    await leaving.close();
    for (let n = 0; n < 8; n++) await world.passing(template.syncSend('orders', n));
    await one.got(world, 8);
    assert.equal(two.deliveries.length, 0);
  });

  it('a group without a name is named after application, class and method', async (world) => {
    const { listeners } = await world.start(recorder({ topic: 'orders' }), { application: 'shop' });
    assert.equal(listeners.list()[0]!.group, 'shop-RecorderListener-on');
  });

  it('a new group begins with what is sent after it registered', async (world) => {
    const sender = await world.start();
    await world.passing(sender.template.syncSend('orders', 'before'));
    const orders = recorder({ topic: 'orders', group: 'g' });
    await world.start(orders);
    await world.passing(sender.template.syncSend('orders', 'after'));
    await orders.got(world, 1);
    await world.pass(10_000);
    assert.deepEqual(orders.payloads, ['after']);
  });

  it("from: 'earliest' begins with the oldest message that is there", async (world) => {
    const sender = await world.start();
    await world.passing(sender.template.syncSend('orders', 'before'));
    const orders = recorder({ topic: 'orders', group: 'g', from: 'earliest' });
    await world.start(orders);
    await orders.got(world, 1);
    assert.deepEqual(orders.payloads, ['before']);
  });

  it('from: a date begins with what was stored from then on', async (world) => {
    const sender = await world.start();
    await world.passing(sender.template.syncSend('orders', 'old'));
    await world.pass(10_000);
    const from = new Date(world.now());
    await world.pass(10_000);
    await world.passing(sender.template.syncSend('orders', 'new'));
    const orders = recorder({ topic: 'orders', group: 'g', from });
    await world.start(orders);
    await orders.got(world, 1);
    await world.pass(10_000);
    assert.deepEqual(orders.payloads, ['new']);
  });

  it('a group misses nothing that is sent while it is away', async (world) => {
    const before = recorder({ topic: 'orders', group: 'g' });
    const app = await world.start(before);
    await app.close();
    const sender = await world.start();
    for (let n = 0; n < 10; n++) await world.passing(sender.template.syncSend('orders', n));
    const after = recorder({ topic: 'orders', group: 'g' });
    await world.start(after);
    await after.got(world, 10);
    assert.equal(new Set(after.payloads).size, 10);
  });

  it('a group goes on where it was, also when it is said to begin elsewhere', async (world) => {
    const first = recorder({ topic: 'orders', group: 'g' });
    const app = await world.start(first);
    await world.passing(app.template.syncSend('orders', 'handled'));
    await first.got(world, 1);
    await app.close();
    const second = recorder({ topic: 'orders', group: 'g', from: 'earliest' });
    const again = await world.start(second);
    await world.passing(again.template.syncSend('orders', 'next'));
    await second.got(world, 1);
    await world.pass(10_000);
    assert.deepEqual(second.payloads, ['next']);
  });

  it.needing(['restart'], 'positions outlive a restart of the broker', async (world) => {
    const first = recorder({ topic: 'orders', group: 'g' });
    const app = await world.start(first);
    for (let n = 0; n < 10; n++) await world.passing(app.template.syncSend('orders', n));
    await first.got(world, 10);
    await world.restart();
    const second = recorder({ topic: 'orders', group: 'g' });
    const again = await world.start(second);
    await world.passing(again.template.syncSend('orders', 'next'));
    await second.got(world, 1);
    await world.pass(10_000);
    assert.deepEqual(second.payloads, ['next']);
  });

  it.needing(['restart'], 'after a loss of power nothing is skipped that was not handled', async (world) => {
    let release = (): void => {};
    const first = recorder(
      { topic: 'orders', group: 'g', concurrency: 1 },
      () => new Promise<void>((resolve) => (release = resolve)),
    );
    const app = await world.start(first);
    for (let n = 0; n < 6; n++) await world.passing(app.template.syncSend('orders', n));
    await first.got(world, 1);
    await world.pass(10_000);
    await world.crash();
    release();
    const second = recorder({ topic: 'orders', group: 'g' });
    await world.start(second);
    await world.until(() => new Set(second.payloads).size === 6, 'all six', 120_000);
  });

  it('a topic that is born later is read from its beginning', async (world) => {
    const orders = recorder({ topic: 'later', group: 'g' });
    await world.start(orders);
    const sender = await world.start();
    await world.passing(sender.template.syncSend('later', 'first'));
    await orders.got(world, 1);
    assert.deepEqual(orders.payloads, ['first']);
  });

  it('two modes in one group are refused at boot', async (world) => {
    await rejects(
      world.start(
        recorder({ topic: 'a', group: 'g', mode: ConsumeMode.ORDERLY }),
        recorder({ topic: 'b', group: 'g', mode: ConsumeMode.CONCURRENT }),
      ),
      'CONFIGURATION',
      /ORDERLY.*CONCURRENT|CONCURRENT.*ORDERLY/,
    );
  });

  it('two start positions in one group are refused at boot', async (world) => {
    await rejects(
      world.start(recorder({ topic: 'a', group: 'g', from: 'earliest' }), recorder({ topic: 'b', group: 'g' })),
      'CONFIGURATION',
      /start position/,
    );
  });

  it('one group may listen to several topics', async (world) => {
    const a = recorder({ topic: 'a', group: 'g' });
    const b = recorder({ topic: 'b', group: 'g' });
    const { template } = await world.start(a, b);
    await world.passing(template.syncSend('a', 1));
    await world.passing(template.syncSend('b', 2));
    await a.got(world, 1);
    await b.got(world, 1);
    assert.deepEqual([a.payloads, b.payloads], [[1], [2]]);
  });

  it.rows(
    'a group with a name that is none is refused at boot',
    ['a b', 'ä', 'x'.repeat(121), '%RETRY%g'],
    async (world, group) => {
      await rejects(world.start(recorder({ topic: 'orders', group })), 'CONFIGURATION', /group/);
    },
  );

  it('a listener on the dead letters of its own group is refused at boot', async (world) => {
    await rejects(world.start(recorder({ topic: '%DLQ%g', group: 'g' })), 'CONFIGURATION', /own group/);
  });

  it('a listener on a retry topic is refused at boot', async (world) => {
    await rejects(world.start(recorder({ topic: '%RETRY%g', group: 'h' })), 'CONFIGURATION', /retries of a group/);
  });

  it('two applications in one process keep their groups apart', async (world) => {
    const one = recorder({ topic: 'orders' });
    const two = recorder({ topic: 'orders' });
    const shop = await world.start(one, { application: 'shop' });
    await world.start(two, { application: 'office' });
    await world.passing(shop.template.syncSend('orders', 'x'));
    await one.got(world, 1);
    await two.got(world, 1);
  });
});
