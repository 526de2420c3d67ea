import assert from 'node:assert/strict';
import { MessagingAdmin, RejectMessageError, type SendResult } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';
import type { ApplicationSpec, World } from '../world.js';

const MINUTE = 60_000;
const asked = (options: object) => options as never;

const spec = (dedup: object = { window: '10m' }): ApplicationSpec => ({
  options: {
    broker: { topics: [{ name: 'payments', queues: 2, dedup }, { name: 'refunds', dedup }, 'plain'] },
  },
});

const place = ({ messageId, offsetMessageId, queueId, queueOffset }: SendResult): unknown[] => [
  messageId,
  offsetMessageId,
  queueId,
  queueOffset,
];

export const deduplication = subject('de-duplication', (it) => {
  it('a second message with the id is not stored, and its sender is told of the first', async (world) => {
    const payments = recorder({ topic: 'payments' });
    const { template } = await world.start(payments, spec());
    const send = (payload: string): Promise<SendResult> =>
      world.passing(template.syncSend('payments', payload, { dedupId: 'invoice-17' }));
    const [first, again] = [await send('one'), await send('two')];
    assert.deepEqual([first.duplicate, again.duplicate], [false, true]);
    assert.deepEqual(place(again), place(first));
    await world.passing(template.syncSend('payments', 'last'));
    await payments.got(world, 2);
    await world.quiet();
    assert.deepEqual(payments.payloads.toSorted(), ['last', 'one']);
  });

  it('it is the id that counts, and not the payload', async (world) => {
    const payments = recorder({ topic: 'payments' });
    const { template } = await world.start(payments, spec());
    for (const dedupId of ['a', 'ab', 'A']) await world.passing(template.syncSend('payments', 'same', { dedupId }));
    await world.passing(template.syncSend('payments', 'same'));
    await payments.got(world, 4);
  });

  it('one id in two topics is two ids', async (world) => {
    const { template } = await world.start(spec());
    for (const topic of ['payments', 'refunds']) {
      const sent = await world.passing(template.syncSend(topic, 'x', { dedupId: 'a' }));
      assert.equal(sent.duplicate, false, topic);
    }
  });

  it('two sends at once store one message, and both are told of it', async (world) => {
    const payments = recorder({ topic: 'payments' });
    const { template } = await world.start(payments, spec());
    const sends = ['one', 'two', 'three'].map((payload) => template.syncSend('payments', payload, { dedupId: 'a' }));
    const results = await world.passing(Promise.all(sends));
    assert.deepEqual(results.map(({ duplicate }) => duplicate).toSorted(), [false, true, true]);
    for (const result of results) assert.deepEqual(place(result), place(results[0]!));
    await payments.got(world, 1);
    await world.quiet();
    assert.equal(payments.deliveries.length, 1);
  });

  it.needing(['virtual time'], 'an id is taken again when its window has closed', async (world) => {
    const { template } = await world.start(spec({ window: '10m' }));
    const send = async (): Promise<boolean | undefined> =>
      (await world.passing(template.syncSend('payments', 'x', { dedupId: 'a' }))).duplicate;
    assert.equal(await send(), false);
    await world.pass(10 * MINUTE - 1000);
    assert.equal(await send(), true);
    await world.pass(1000);
    assert.equal(await send(), false);
  });

  it('a topic knows no more ids than its count, the newest', async (world) => {
    const { template } = await world.start(spec({ count: 2 }));
    const send = async (dedupId: string): Promise<boolean | undefined> =>
      (await world.passing(template.syncSend('payments', 'x', { dedupId }))).duplicate;
    for (const id of ['a', 'b', 'c']) assert.equal(await send(id), false);
    assert.deepEqual([await send('b'), await send('c')], [true, true]);
    assert.equal(await send('a'), false);
  });

  it('a delayed message counts from its sending, and is delivered once', async (world) => {
    const payments = recorder({ topic: 'payments' });
    const { template } = await world.start(payments, spec());
    const first = await world.passing(template.delay('payments', 'one', '2s', { dedupId: 'a' }));
    for (const again of [
      await world.passing(template.syncSend('payments', 'two', { dedupId: 'a' })),
      await world.passing(template.delay('payments', 'three', '1s', { dedupId: 'a' })),
    ]) {
      assert.equal(again.duplicate, true);
      assert.equal(again.messageId, first.messageId);
    }
    await payments.got(world, 1);
    await world.pass(3000);
    assert.deepEqual(payments.payloads, ['one']);
  });

  it.needing(['virtual time'], 'the delivery of a delayed message opens no window', async (world) => {
    const payments = recorder({ topic: 'payments' });
    const { template } = await world.start(payments, spec({ window: '10m' }));
    await world.passing(template.delay('payments', 'one', '9m', { dedupId: 'a' }));
    await world.pass(10 * MINUTE);
    assert.equal(payments.deliveries.length, 1);
    const again = await world.passing(template.syncSend('payments', 'two', { dedupId: 'a' }));
    assert.equal(again.duplicate, false);
  });

  it('a message that fails is retried, whatever its id', async (world) => {
    const payments = recorder({ topic: 'payments', backoff: [100] }, (_payload, _context, { attempt }) => {
      if (attempt < 3) throw new Error('not yet');
    });
    const { template } = await world.start(payments, spec());
    await world.passing(template.syncSend('payments', 'x', { dedupId: 'a' }));
    await payments.got(world, 3);
    assert.deepEqual(payments.attempts, [1, 2, 3]);
  });

  it('a dead letter that is resent passes, and says that it was', async (world) => {
    let known = false;
    const payments = recorder({ topic: 'payments', group: 'ledger' }, () => {
      if (!known) throw new RejectMessageError('no such account');
    });
    const { template, get } = await world.start(payments, spec());
    await world.passing(template.syncSend('payments', 'x', { dedupId: 'a' }));
    await payments.got(world, 1);
    await world.pass(1000);
    known = true;
    const { deadLetters } = get(MessagingAdmin);
    const report = await world.passing(deadLetters.resendAll('ledger', {}, { to: 'payments' }));
    assert.equal(report.resent, 1);
    await payments.got(world, 2);
    assert.equal(payments.deliveries[1]!.message.resent, true);
  });

  const known = async (world: World, send: () => Promise<SendResult>, sent: SendResult): Promise<void> => {
    const again = await world.passing(send());
    assert.equal(again.duplicate, true);
    assert.deepEqual(place(again), place(sent));
  };

  it.needing(['restart'], 'what was acknowledged is known after a crash', async (world) => {
    const first = await world.start(spec());
    const sent: SendResult[] = [];
    // Of the first, a snapshot is on the disk by then; the second is in the log only.
    for (const dedupId of ['a', 'b']) {
      sent.push(await world.passing(first.template.syncSend('payments', 'x', { dedupId })));
      if (dedupId === 'a') await world.pass(20_000);
    }
    await world.crash();
    const { template } = await world.start(spec());
    await known(world, () => template.syncSend('payments', 'x', { dedupId: 'a' }), sent[0]!);
    await known(world, () => template.syncSend('payments', 'x', { dedupId: 'b' }), sent[1]!);
  });

  it.needing(['restart'], 'ids are known after a restart, those of delayed messages as well', async (world) => {
    const first = await world.start(spec());
    const now = await world.passing(first.template.syncSend('payments', 'x', { dedupId: 'now' }));
    const later = await world.passing(first.template.delay('payments', 'x', '5m', { dedupId: 'later' }));
    await world.restart();
    const { template } = await world.start(spec());
    await known(world, () => template.syncSend('payments', 'x', { dedupId: 'now' }), now);
    await known(world, () => template.syncSend('payments', 'x', { dedupId: 'later' }), later);
  });

  it('a topic that does not de-duplicate refuses an id, and is not made by it', async (world) => {
    const { template, get } = await world.start(spec());
    for (const topic of ['plain', 'fresh'])
      await rejects(
        world.passing(template.syncSend(topic, 'x', { dedupId: 'a' })),
        'PROPERTIES_INVALID',
        /broker\.topics/,
      );
    assert.deepEqual(await world.passing(get(MessagingAdmin).topics.list()), ['payments', 'plain', 'refunds']);
  });

  it.rows('is refused where it makes no sense', ['batch', 'transaction', 'request'] as const, async (world, verb) => {
    const { template, close } = await world.start(spec());
    const options = asked({ dedupId: 'a' });
    const send = {
      batch: () => template.batch('payments', ['x'], options),
      transaction: () => template.transaction('payments', 'x', 'name', options),
      request: () => template.request('payments', 'x', options),
    }[verb];
    await rejects(world.passing(send()), 'BAD_ARGUMENT', new RegExp(`^${verb}: .*dedupId`));
    await close();
  });
});
