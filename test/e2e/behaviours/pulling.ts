import assert from 'node:assert/strict';
import { MessagingAdmin, type MessagePuller, type PulledMessage, type PullOptions } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { deadLettersOf, reasonOf } from '../dead-letters.js';
import { rejects } from '../refusals.js';
import type { World } from '../world.js';

const count = (n: number): number[] => Array.from({ length: n }, (_, index) => index);
const pulled = { group: 'nightly', topic: 'orders' };
const payloadsOf = (messages: readonly PulledMessage[]): unknown[] => messages.map(({ payload }) => payload);

/** Polls until so many have come; they may come one by one. */
async function polled(
  world: World,
  puller: MessagePuller,
  wanted: number,
  maxMessages?: number,
): Promise<PulledMessage[]> {
  const messages: PulledMessage[] = [];
  while (messages.length < wanted) {
    const left = maxMessages === undefined ? undefined : maxMessages - messages.length;
    const more = await world.passing(puller.poll({ timeout: '1m', maxMessages: left }));
    if (more.length === 0) break;
    messages.push(...more);
  }
  return messages;
}

export const pulling = subject('pulling', (it) => {
  it('gives out what is asked for, in order, with its payload', async (world) => {
    const { template } = await world.start();
    const puller = await world.passing(template.pullConsumer(pulled));
    for (const n of count(5)) await world.passing(template.sendOrderly('orders', { n }, 'one'));
    await world.pass(1000);
    assert.deepEqual(payloadsOf(await polled(world, puller, 2, 2)), [{ n: 0 }, { n: 1 }]);
    assert.deepEqual(payloadsOf(await polled(world, puller, 3)), [{ n: 2 }, { n: 3 }, { n: 4 }]);
  });

  it('waits for the first message as long as it is told', async (world) => {
    const { template } = await world.start();
    const puller = await world.passing(template.pullConsumer(pulled));
    const before = world.now();
    assert.deepEqual(await world.passing(puller.poll({ timeout: '5s' })), []);
    assert.ok(world.now() - before >= 5000);
    const waiting = puller.poll({ timeout: '1m' });
    await world.passing(template.syncSend('orders', 'x'));
    assert.deepEqual(payloadsOf(await world.passing(waiting)), ['x']);
  });

  it('what is not acknowledged comes again, from the first such message on', async (world) => {
    const first = await world.start();
    const puller = await world.passing(first.template.pullConsumer(pulled));
    for (const n of count(4)) await world.passing(first.template.sendOrderly('orders', n, 'one'));
    await world.pass(1000);
    const [zero, , two] = await polled(world, puller, 4);
    await puller.acknowledge(zero!);
    await puller.acknowledge(two!);
    await first.close();
    const { template } = await world.start();
    const again = await world.passing(template.pullConsumer(pulled));
    await world.pass(1000);
    assert.deepEqual(payloadsOf(await polled(world, again, 3)), [1, 2, 3]);
  });

  it.needing(['restart'], 'a committed position outlives a loss of power', async (world) => {
    const first = await world.start();
    const puller = await world.passing(first.template.pullConsumer(pulled));
    for (const n of count(2)) await world.passing(first.template.sendOrderly('orders', n, 'one'));
    await puller.acknowledge((await world.passing(puller.poll({ maxMessages: 1 })))[0]!);
    await world.passing(puller.commit());
    await world.crash();
    const { template } = await world.start();
    const again = await world.passing(template.pullConsumer(pulled));
    // Over a network the queues stay locked until the lock of a member that nobody has seen leave runs out.
    assert.deepEqual(payloadsOf(await world.passing(again.poll({ timeout: '90s' }))), [1]);
  });

  it('what is given back comes again after its delay, as a further attempt', async (world) => {
    const { template } = await world.start();
    const puller = await world.passing(template.pullConsumer(pulled));
    await world.passing(template.syncSend('orders', 'x'));
    const [message] = await polled(world, puller, 1);
    await world.passing(puller.retryLater(message!, '20s'));
    const before = world.now();
    const [again] = await world.passing(puller.poll({ timeout: '1m' }));
    assert.equal(again!.payload, 'x');
    assert.equal(again!.message.attempt, 2);
    assert.ok(world.now() - before >= 19_900 && world.now() - before < 20_500 + world.slack);
  });

  it('what is rejected is a dead letter with the reason', async (world) => {
    const letters = deadLettersOf('nightly');
    const { template } = await world.start(letters);
    const puller = await world.passing(template.pullConsumer(pulled));
    await world.passing(template.syncSend('orders', 'x'));
    const [message] = await polled(world, puller, 1);
    await world.passing(puller.reject(message!, new RangeError('no such order')));
    await letters.got(world, 1);
    assert.deepEqual(reasonOf(letters), { errorClass: 'RangeError', message: 'no such order', attempts: 1 });
  });

  it('a message is settled once', async (world) => {
    const { template } = await world.start();
    const puller = await world.passing(template.pullConsumer(pulled));
    await world.passing(template.syncSend('orders', 'x'));
    const [message] = await polled(world, puller, 1);
    await puller.acknowledge(message!);
    await rejects(puller.acknowledge(message!), 'BAD_ARGUMENT', /settled already/);
  });

  it('goes where the group is moved, and forgets what it gave out', async (world) => {
    const app = await world.start();
    const puller = await world.passing(app.template.pullConsumer(pulled));
    for (const n of count(3)) await world.passing(app.template.sendOrderly('orders', n, 'one'));
    await world.pass(1000);
    const given = await polled(world, puller, 3);
    for (const message of given.slice(0, 2)) await puller.acknowledge(message);
    await world.passing(app.get(MessagingAdmin).backlog.resetPosition('nightly', 'orders', 'earliest'));
    await world.pass(30_000);
    await puller.acknowledge(given[2]!);
    assert.deepEqual(payloadsOf(await polled(world, puller, 3)), [0, 1, 2]);
  });

  it.rows(
    'options that are none are refused',
    [{ concurrency: 4 }, { pullBatchSize: 0 }, { topic: 7 }, { group: undefined }] as object[],
    async (world, options) => {
      const { template, close } = await world.start();
      await rejects(
        template.pullConsumer({ ...pulled, ...options } as PullOptions),
        'CONFIGURATION',
        new RegExp(Object.keys(options)[0]!),
      );
      await close();
    },
  );
});
