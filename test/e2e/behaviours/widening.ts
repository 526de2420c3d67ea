import assert from 'node:assert/strict';
import { ConsumeMode, MessagingAdmin, type MessagingError } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';
import type { Application, World } from '../world.js';

const count = (n: number): number[] => Array.from({ length: n }, (_, index) => index);
const KEYS = count(16).map((n) => `key-${n}`);

/** The queue of each key, shown by a message. */
async function queuesOf(world: World, { template }: Application): Promise<number[]> {
  const queues: number[] = [];
  for (const key of KEYS) queues.push((await world.passing(template.sendOrderly('orders', 'x', key))).queueId);
  return queues;
}

export const widening = subject('widening a topic', (it) => {
  it('messages without a key go to the new queues at once, and are handled', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g' });
    await world.start(orders);
    const application = await world.start();
    await world.passing(application.template.syncSend('orders', 'first'));
    await orders.got(world, 1);
    await world.passing(application.get(MessagingAdmin).topics.widen('orders', 10));
    const queues = new Set<number>();
    for (const n of count(20)) queues.add((await world.passing(application.template.syncSend('orders', n))).queueId);
    assert.equal(queues.size, 10);
    await orders.got(world, 21, 5000);
  });

  it('keys stay in their queues, for producers old and new', async (world) => {
    const old = await world.start();
    const before = await queuesOf(world, old);
    await world.passing(old.get(MessagingAdmin).topics.widen('orders', 10));
    await world.pass(60_000);
    assert.deepEqual(await queuesOf(world, old), before);
    assert.deepEqual(await queuesOf(world, await world.start()), before);
  });

  it('with `keys` they are spread over all queues, for producers old and new', async (world) => {
    const [old, other] = [await world.start(), await world.start()];
    await queuesOf(world, old);
    await queuesOf(world, other);
    const { orderedQueues } = await world.passing(other.get(MessagingAdmin).topics.widen('orders', 10, { keys: true }));
    assert.equal(orderedQueues, 10);
    await world.pass(60_000);
    const after = await queuesOf(world, old);
    assert.ok(new Set(after).size > 5);
    assert.deepEqual(await queuesOf(world, other), after);
    assert.deepEqual(await queuesOf(world, await world.start()), after);
  });

  it('with `keys` they wait until every group has settled what was sent before', async (world) => {
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    const orders = recorder({ topic: 'orders', group: 'g', mode: ConsumeMode.ORDERLY }, () => opened);
    const application = await world.start(orders);
    await world.passing(application.template.sendOrderly('orders', 1, 'key'));
    await orders.got(world, 1);
    let done = false;
    const widened = application
      .get(MessagingAdmin)
      .topics.widen('orders', 10, { keys: true })
      .then(() => (done = true));
    await world.pass(20_000);
    assert.equal(done, false);
    const refused = await rejects(
      world.passing(application.template.sendOrderly('orders', 2, 'key')),
      'QUEUE_UNAVAILABLE',
      /again in a moment/,
    );
    assert.equal(refused.retryable, true);
    await world.passing(application.template.syncSend('orders', 'without a key'));
    open();
    await world.passing(widened);
    await world.passing(application.template.sendOrderly('orders', 2, 'key'));
  });

  it('no message of a key overtakes another while its topic is widened, and none is lost', async (world) => {
    const handled = new Map<string, number[]>(KEYS.map((key) => [key, []]));
    /** Handlers take a round each, so that messages wait in all queues. */
    const handling: (() => void)[] = [];
    const take = async (payload: unknown): Promise<void> => {
      const { key, n } = payload as { key: string; n: number };
      await new Promise<void>((resolve) => handling.push(resolve));
      handled.get(key)!.push(n);
    };
    const one = recorder({ topic: 'orders', group: 'g', mode: ConsumeMode.ORDERLY }, take);
    const two = recorder({ topic: 'orders', group: 'g', mode: ConsumeMode.ORDERLY }, take);
    const application = await world.start(one);
    const leaving = await world.start(two);
    const admin = (await world.start()).get(MessagingAdmin);
    const sent = KEYS.map(() => 0);
    const busy = KEYS.map(() => false);
    const round = async (): Promise<void> => {
      await world.pass(100);
      for (const end of handling.splice(0)) end();
    };
    /** The next message of every key whose last one was taken; one that was refused is tried again. */
    const produce = async (): Promise<void> => {
      for (const [at, key] of KEYS.entries()) {
        if (busy[at]!) continue;
        busy[at] = true;
        application.template
          .sendOrderly('orders', { key, n: sent[at]! }, key)
          .then(
            () => sent[at]!++,
            (error: MessagingError) => assert.ok(error.retryable, error.message),
          )
          .finally(() => (busy[at] = false));
      }
      await round();
    };
    for (let n = 0; n < 5; n++) await produce();
    let done = false;
    const widened = admin.topics.widen('orders', 12, { keys: true }).then(() => (done = true));
    for (let n = 0; n < 3; n++) await produce();
    const left = leaving.close();
    for (let n = 0; n < 200 && !done; n++) await produce();
    await widened;
    await left;
    for (let n = 0; n < 10; n++) await produce();
    const total = (): number => sent.reduce((sum, n) => sum + n, 0);
    for (let n = 0; n < 500 && (busy.includes(true) || [...handled.values()].flat().length < total()); n++)
      await round();
    for (const [at, key] of KEYS.entries()) assert.deepEqual(handled.get(key), count(sent[at]!));
    assert.ok(total() > KEYS.length * 10, `only ${total()} messages`);
  });

  it('keys stay where they are when a group does not settle in time, and go on at once', async (world) => {
    await (await world.start(recorder({ topic: 'orders', group: 'away' }))).close();
    const sender = await world.start();
    const before = await queuesOf(world, sender);
    const { topics } = sender.get(MessagingAdmin);
    await rejects(
      world.passing(topics.widen('orders', 10, { keys: true, timeoutMillis: 2000 })),
      'TIMEOUT',
      /away \(16 messages\)/,
    );
    assert.deepEqual(await queuesOf(world, sender), before);
    const { orderedQueues } = await world.passing(topics.widen('orders', 10, { keys: true, except: ['away'] }));
    assert.equal(orderedQueues, 10);
  });

  it('a topic does not become narrower', async (world) => {
    const { template, get } = await world.start();
    await world.passing(template.syncSend('orders', 1));
    await rejects(world.passing(get(MessagingAdmin).topics.widen('orders', 2)), 'BAD_ARGUMENT', /narrower/);
  });

  it.needing(['restart'], 'keys that were spread stay so over a crash', async (world) => {
    const application = await world.start();
    await queuesOf(world, application);
    await world.passing(application.get(MessagingAdmin).topics.widen('orders', 10, { keys: true }));
    const after = await queuesOf(world, application);
    await world.crash();
    assert.deepEqual(await queuesOf(world, await world.start()), after);
  });
});
