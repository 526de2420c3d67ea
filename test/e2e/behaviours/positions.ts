import assert from 'node:assert/strict';
import { ConsumeMode, MessagingAdmin } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';
import type { Application, World } from '../world.js';

const count = (n: number): number[] => Array.from({ length: n }, (_, index) => index);

async function send(world: World, { template }: Application, payloads: readonly unknown[]): Promise<void> {
  for (const payload of payloads) await world.passing(template.syncSend('orders', payload));
}

/** Positions are stored every few seconds. */
const STORED = 10_000;

export const positions = subject('positions', (it) => {
  it('lag counts what a group has not settled, queue by queue', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g' });
    const sender = await world.start();
    const listening = await world.start(orders);
    await send(world, sender, count(4));
    await orders.got(world, 4);
    await listening.close();
    await send(world, sender, count(8));
    const { lag, queues, members } = await world.passing(
      sender.get(MessagingAdmin).groups.lag('g', { topic: 'orders' }),
    );
    assert.equal(lag, 8);
    assert.deepEqual(members, []);
    assert.deepEqual(
      queues.map(({ queueId, position, end }) => [queueId, position, end]),
      count(4).map((queueId) => [queueId, 1, 3]),
    );
  });

  it('lag tells for how long the oldest message has been waiting', async (world) => {
    const sender = await world.start();
    const listening = await world.start(recorder({ topic: 'orders', group: 'g' }));
    await listening.close();
    await send(world, sender, count(4));
    await world.pass(90_000);
    await send(world, sender, count(4));
    const { oldestAgeMillis } = await world.passing(sender.get(MessagingAdmin).groups.lag('g'));
    assert.ok(oldestAgeMillis >= 90_000 && oldestAgeMillis < 91_000, String(oldestAgeMillis));
  });

  it('all groups are listed with their topics, members and lag', async (world) => {
    const sender = await world.start(recorder({ topic: 'orders', group: 'here' }));
    await (await world.start(recorder({ topic: 'orders', group: 'away' }))).close();
    await send(world, sender, count(4));
    await world.pass(STORED);
    const list = await world.passing(sender.get(MessagingAdmin).groups.list());
    assert.deepEqual(
      list.map(({ group, members, topics, lag }) => [group, members.length, topics, lag]),
      [
        ['away', 0, ['orders'], 4],
        ['here', 1, ['orders'], 0],
      ],
    );
  });

  it('the groups of a topic are known, whether they are at work or not', async (world) => {
    const sender = await world.start(recorder({ topic: 'orders', group: 'here' }));
    const away = await world.start(
      recorder({ topic: 'orders', group: 'away' }),
      recorder({ topic: 'other', group: 'o' }),
    );
    await away.close();
    await send(world, sender, [1]);
    assert.deepEqual(await world.passing(sender.get(MessagingAdmin).groups.of('orders')), ['away', 'here']);
  });

  it.rows(
    'a group at work that is moved back handles everything again, once',
    [ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY],
    async (world, mode) => {
      const topic = `orders-${mode}`;
      const orders = recorder({ topic, group: `g-${mode}`, mode });
      const application = await world.start(orders);
      for (const n of count(8)) await world.passing(application.template.syncSend(topic, n));
      await orders.got(world, 8);
      await world.pass(STORED);
      await world.passing(application.get(MessagingAdmin).backlog.resetPosition(`g-${mode}`, topic, 'earliest'));
      await orders.got(world, 16);
      await world.pass(STORED);
      assert.deepEqual(orders.payloads.slice(8).toSorted(), count(8));
    },
  );

  it('a group that is moved to the end skips what it has not begun', async (world) => {
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    const orders = recorder({ topic: 'orders', group: 'g', mode: ConsumeMode.ORDERLY }, () => opened);
    const application = await world.start(orders);
    await send(world, application, count(40));
    await orders.got(world, 4);
    await world.passing(application.get(MessagingAdmin).backlog.resetPosition('g', 'orders', 'latest'));
    open();
    await world.pass(STORED);
    await send(world, application, ['after']);
    await orders.got(world, 5);
    assert.deepEqual(orders.payloads.slice(4), ['after']);
  });

  it('what a member settles of the old position does not undo the move', async (world) => {
    let open = (): void => {};
    let wait = false;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const orders = recorder({ topic: 'orders', group: 'g' }, () => (wait ? opened : undefined));
    const application = await world.start(orders);
    await send(world, application, count(4));
    await orders.got(world, 4);
    wait = true;
    await send(world, application, count(4));
    await orders.got(world, 8);
    const admin = application.get(MessagingAdmin);
    await world.passing(admin.backlog.resetPosition('g', 'orders', 'earliest'));
    wait = false;
    open();
    await orders.got(world, 16);
    assert.deepEqual(orders.payloads.slice(8).toSorted(), [...count(4), ...count(4)].toSorted());
  });

  it('a group that is away can be moved to a date, or to an offset of one queue', async (world) => {
    const sender = await world.start();
    await (await world.start(recorder({ topic: 'orders', group: 'g' }))).close();
    await send(world, sender, count(8));
    await world.pass(60_000);
    const noon = new Date(world.now());
    await send(world, sender, count(8));
    const { backlog, groups } = sender.get(MessagingAdmin);
    const lags = async () => (await world.passing(groups.lag('g', { topic: 'orders' }))).queues.map(({ lag }) => lag);
    await world.passing(backlog.resetPosition('g', 'orders', noon));
    assert.deepEqual(await lags(), [2, 2, 2, 2]);
    await world.passing(backlog.resetPosition('g', 'orders', 1, { queueId: 2 }));
    assert.deepEqual(await lags(), [2, 2, 3, 2]);
  });

  it.needing(['restart'], 'a move that was acknowledged survives a crash', async (world) => {
    const sender = await world.start();
    const orders = recorder({ topic: 'orders', group: 'g' });
    const listening = await world.start(orders);
    await send(world, sender, count(8));
    await orders.got(world, 8);
    await listening.close();
    await world.pass(STORED);
    await world.passing(sender.get(MessagingAdmin).backlog.resetPosition('g', 'orders', 'earliest'));
    await world.crash();
    const again = recorder({ topic: 'orders', group: 'g' });
    await world.start(again);
    await again.got(world, 8);
  });

  it('moving a group that is none, or that has nothing to do with the topic, is refused', async (world) => {
    const application = await world.start(recorder({ topic: 'orders', group: 'g' }));
    await send(world, application, [1]);
    await world.passing(application.template.syncSend('other', 1));
    const { backlog } = application.get(MessagingAdmin);
    await rejects(world.passing(backlog.resetPosition('none', 'orders', 'latest')), 'GROUP_NOT_FOUND', /none/);
    await rejects(world.passing(backlog.resetPosition('g', 'other', 'latest')), 'BAD_ARGUMENT', /never subscribed/);
    await rejects(world.passing(backlog.resetPosition('g', 'orders', 9)), 'BAD_ARGUMENT', /queueId/);
    await rejects(
      world.passing(backlog.resetPosition('g', 'orders', 9, { queueId: 0 })),
      'OFFSET_OUT_OF_RANGE',
      /0 to/,
    );
  });
});
