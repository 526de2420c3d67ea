import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { MessagingAdmin, type ReceivedMessage, RejectMessageError } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { Ledger } from '../ledger.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';
import type { Application, World } from '../world.js';

const messagesOf = ({ get }: Application): MessagingAdmin['messages'] => get(MessagingAdmin).messages;
const texts = (found: readonly ReceivedMessage[]): string[] => found.map((message) => message.text());

/** Ours has what it acknowledged in its index; Apache's index and consume queues follow a little later. */
async function finds(
  world: World,
  ask: () => Promise<readonly ReceivedMessage[]>,
  expected: readonly string[],
): Promise<void> {
  assert.deepEqual(texts(await world.soon(ask, (found) => isDeepStrictEqual(texts(found), expected))), expected);
}

/** The message with the id, once it is there. */
function byId(world: World, application: Application, messageId: string): Promise<ReceivedMessage | undefined> {
  const ask = (): Promise<ReceivedMessage | undefined> => messagesOf(application).findByMessageId('orders', messageId);
  return world.soon(ask, (found) => found !== undefined);
}

export const finding = subject('finding messages', (it) => {
  it('a message is found by its id, with all that was sent with it', async (world) => {
    const application = await world.start();
    const sent = await world.passing(
      application.template.syncSend('orders:paid', 'x', { keys: ['o-1', 'c-7'], properties: { till: '4' } }),
    );
    const found = await byId(world, application, sent.messageId);
    assert.ok(found !== undefined);
    assert.deepEqual([found.messageId, found.offsetMessageId], [sent.messageId, sent.offsetMessageId]);
    assert.deepEqual([found.topic, found.tag, [...found.keys], found.text()], ['orders', 'paid', ['o-1', 'c-7'], 'x']);
    assert.deepEqual({ ...found.properties }, { till: '4' });
    assert.equal(await world.passing(messagesOf(application).findByMessageId('orders', 'F'.repeat(32))), undefined);
  });

  it('messages are found by each of their keys, the youngest first', async (world) => {
    const application = await world.start();
    const { template } = application;
    for (const [payload, keys] of [
      ['a', ['o-1', 'c-7']],
      ['b', ['o-2', 'c-7']],
      ['c', ['o-22']],
    ] as const) {
      await world.passing(template.syncSend('orders', payload, { keys }));
      await world.pass(10);
    }
    await finds(world, () => messagesOf(application).findByKey('orders', 'c-7'), ['b', 'a']);
    await finds(world, () => messagesOf(application).findByKey('orders', 'o-1'), ['a']);
    await finds(world, () => messagesOf(application).findByKey('orders', 'o-2'), ['b']);
    await finds(world, () => messagesOf(application).findByKey('orders', 'o'), []);
  });

  it('as many are found by key as are asked for', async (world) => {
    const application = await world.start();
    for (let n = 0; n < 5; n++) {
      await world.passing(application.template.syncSend('orders', n, { keys: ['k'] }));
      await world.pass(10);
    }
    await finds(world, () => messagesOf(application).findByKey('orders', 'k', { max: 2 }), ['4', '3']);
  });

  it('messages are found between two times, both included', async (world) => {
    const application = await world.start();
    const times: Date[] = [];
    for (let n = 0; n < 4; n++) {
      await world.pass(50);
      const { messageId } = await world.passing(application.template.syncSend('orders', n, { keys: ['k'] }));
      const found = await byId(world, application, messageId);
      times.push(found!.storedAt);
    }
    const between = { from: times[1]!, to: times[2]! };
    const messages = messagesOf(application);
    await finds(world, () => messages.findByKey('orders', 'k', between), ['2', '1']);
    await finds(world, () => messages.findByTime('orders', between), ['1', '2']);
  });

  it('what a topic has is found from all its queues in the order of time', async (world) => {
    const application = await world.start({ options: { broker: { topics: [{ name: 'orders', queues: 4 }] } } });
    for (let n = 0; n < 40; n++) {
      await world.passing(application.template.syncSend('orders', n));
      await world.pass(10);
    }
    const messages = messagesOf(application);
    const expected = Array.from({ length: 40 }, (_, n) => String(n));
    await finds(world, () => messages.findByTime('orders'), expected);
    await finds(world, () => messages.findByTime('orders', { max: 3 }), ['0', '1', '2']);
  });

  it('a message is found where it was stored, and by no other broker’s place', async (world) => {
    const application = await world.start();
    const { offsetMessageId } = await world.passing(application.template.syncSend('orders', 'x'));
    const find = (id: string): Promise<ReceivedMessage | undefined> =>
      world.passing(messagesOf(application).findByOffset(id));
    assert.equal((await find(offsetMessageId))?.text(), 'x');
    assert.equal(await find(`0A010203${offsetMessageId.slice(8)}`), undefined);
  });

  it('a delayed message is found once it is delivered', async (world) => {
    const application = await world.start();
    const sent = await world.passing(application.template.delay('orders', 'x', '10s'));
    const messages = messagesOf(application);
    assert.equal(await world.passing(messages.findByMessageId('orders', sent.messageId)), undefined);
    assert.equal(await world.passing(messages.findByOffset(sent.offsetMessageId)), undefined);
    await world.pass(10_500);
    assert.equal((await byId(world, application, sent.messageId))?.text(), 'x');
  });

  it('a message of a transaction is found once it is committed', async (world) => {
    let finish = (): void => undefined;
    const executing = new Promise<void>((resolve) => (finish = resolve));
    const ledger = new Ledger('booking', () => executing.then(() => 'COMMIT'));
    const application = await world.start(ledger.listenerClass);
    const messages = messagesOf(application);
    const sending = application.template.transaction('orders', 'x', 'booking', { keys: ['k'] });
    await world.until(() => ledger.executed.length === 1, 'the local transaction');
    await world.passing(application.template.syncSend('orders', 'other'));
    assert.deepEqual(await world.passing(messages.findByKey('orders', 'k')), []);
    finish();
    await world.passing(sending);
    await finds(world, () => messages.findByKey('orders', 'k'), ['x']);
  });

  it('dead letters are found by the keys of their messages', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'billing' }, () => {
      throw new RejectMessageError('no');
    });
    const application = await world.start(orders);
    await world.passing(application.template.syncSend('orders', 'x', { keys: ['k'] }));
    await orders.got(world, 1);
    await world.pass(1000);
    await finds(world, () => messagesOf(application).findByKey('%DLQ%billing', 'k'), ['x']);
  });

  it.needing(['restart'], 'all that was acknowledged is found after a crash', async (world) => {
    const before = await world.start();
    for (let n = 0; n < 3; n++) {
      await world.passing(before.template.syncSend('orders', n, { keys: ['k'] }));
      await world.pass(n === 0 ? 20_000 : 10);
    }
    await world.crash();
    const after = await world.start();
    await world.passing(after.template.syncSend('orders', 3, { keys: ['k'] }));
    await finds(world, () => messagesOf(after).findByKey('orders', 'k'), ['3', '2', '1', '0']);
  });

  it.needing(['restart'], 'messages are found after a restart', async (world) => {
    const before = await world.start();
    const { messageId } = await world.passing(before.template.syncSend('orders', 'x', { keys: ['k'] }));
    await world.restart();
    const after = await world.start();
    assert.equal((await byId(world, after, messageId))?.text(), 'x');
    await finds(world, () => messagesOf(after).findByKey('orders', 'k'), ['x']);
  });

  it('a broker without an index says so, and still finds by time', async (world) => {
    const application = await world.start({ options: { broker: { index: false } } });
    await world.passing(application.template.syncSend('orders', 'x', { keys: ['k'] }));
    const messages = messagesOf(application);
    await rejects(world.passing(messages.findByKey('orders', 'k')), 'NOT_SUPPORTED', /broker\.index/);
    await finds(world, () => messages.findByTime('orders'), ['x']);
  });

  it.rows(
    'refuses what makes no sense',
    [
      ['findByKey', ['orders', 'two keys']],
      ['findByKey', ['orders', 'k', { limit: 3 }]],
      ['findByKey', ['orders', 'k', { max: 65 }]],
      ['findByTime', ['orders', { from: new Date(2), to: new Date(1) }]],
      ['findByTime', ['orders', { from: 'yesterday' }]],
      ['findByMessageId', ['orders', '']],
      ['findByOffset', ['xyz']],
    ] as const,
    async (world, [verb, args]) => {
      const application = await world.start();
      await world.passing(application.template.syncSend('orders', 'x'));
      const find = messagesOf(application) as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
      await rejects(world.passing(find[verb]!(...args)), 'BAD_ARGUMENT', /./);
      await application.close();
    },
  );
});
