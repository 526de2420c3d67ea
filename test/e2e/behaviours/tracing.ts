import assert from 'node:assert/strict';
import {
  MessagingAdmin,
  type MessageTrace,
  type MessagingConnectionOptions,
  RejectMessageError,
} from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { Ledger } from '../ledger.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';
import type { Application, World } from '../world.js';

const TRACED: { options: MessagingConnectionOptions } = { options: { trace: true } };

/** Records come after what they are about: `whole` tells when all of them are there. */
async function traceOf(
  world: World,
  { get }: Application,
  messageId: string,
  whole: (trace: MessageTrace) => boolean = ({ sends }) => sends.length > 0,
): Promise<MessageTrace | undefined> {
  await world.pass(1500);
  const { traces } = get(MessagingAdmin);
  return world.soon(
    () => traces.find(messageId),
    (trace) => trace !== undefined && whole(trace),
  );
}

function settled(count: number): (trace: MessageTrace) => boolean {
  return ({ deliveries }) => deliveries.filter(({ settledAt }) => settledAt !== undefined).length === count;
}

export const tracing = subject('message trace', (it) => {
  it('tells when and where a message was born and stored', async (world) => {
    const application = await world.start(TRACED);
    const before = world.now();
    const sent = await world.passing(application.template.syncSend('orders:paid', 'x', { keys: ['o-1', 'c-7'] }));
    const after = world.now();
    const trace = await traceOf(world, application, sent.messageId);
    assert.equal(trace?.sends.length, 1);
    const [send] = trace.sends;
    assert.deepEqual([send!.topic, send!.tag, send!.keys], ['orders', 'paid', ['o-1', 'c-7']]);
    assert.deepEqual([send!.outcome, send!.offsetMessageId], ['stored', sent.offsetMessageId]);
    assert.match(send!.group, /^test-producer$/);
    assert.ok(send!.bornAt.getTime() >= before && send!.storedAt!.getTime() <= after + 1);
    assert.ok(send!.bornAt <= send!.storedAt!);
  });

  it('tells each attempt of each group, and how it ended', async (world) => {
    const billing = recorder({ topic: 'orders', group: 'billing', backoff: [200] }, (_p, _c, { attempt }) => {
      if (attempt === 1) throw new Error('not yet');
    });
    const shipping = recorder({ topic: 'orders', group: 'shipping' }, () => {
      throw new RejectMessageError('no');
    });
    const application = await world.start(billing, shipping, TRACED);
    const { messageId } = await world.passing(application.template.syncSend('orders', 'x'));
    await billing.got(world, 2);
    await shipping.got(world, 1);
    const trace = await traceOf(world, application, messageId, settled(3));
    const told = trace!.deliveries.map(({ group, attempt, outcome }) => `${group} ${attempt} ${outcome}`);
    assert.deepEqual(told.toSorted(), ['billing 1 retried', 'billing 2 acknowledged', 'shipping 1 deadLettered']);
    for (const { deliveredAt, settledAt } of trace!.deliveries) assert.ok(settledAt! >= deliveredAt);
  });

  it('tells what a transaction said', async (world) => {
    const ledger = new Ledger('booking', () => 'ROLLBACK');
    const application = await world.start(ledger.listenerClass, TRACED);
    const { messageId } = await world.passing(application.template.transaction('orders', 'x', 'booking'));
    const trace = await traceOf(world, application, messageId, ({ transactions }) => transactions.length > 0);
    assert.deepEqual(
      trace?.transactions.map(({ state, fromCheck }) => [state, fromCheck]),
      [['ROLLBACK', false]],
    );
  });

  it('tells every message of a batch', async (world) => {
    const application = await world.start(TRACED);
    const sent = await world.passing(application.template.batch('orders', ['a', 'b']));
    for (const id of sent.messageIds!) assert.equal((await traceOf(world, application, id))?.sends.length, 1);
  });

  it('leaves a delivery open whose handler has not settled', async (world) => {
    let finish = (): void => undefined;
    const working = new Promise<void>((resolve) => (finish = resolve));
    const orders = recorder({ topic: 'orders' }, () => working);
    const application = await world.start(orders, TRACED);
    const { messageId } = await world.passing(application.template.syncSend('orders', 'x'));
    await orders.got(world, 1);
    const [delivery] = (await traceOf(world, application, messageId, ({ deliveries }) => deliveries.length > 0))!
      .deliveries;
    assert.deepEqual([delivery!.settledAt, delivery!.outcome], [undefined, undefined]);
    finish();
    const [done] = (await traceOf(world, application, messageId, settled(1)))!.deliveries;
    assert.equal(done!.outcome, 'acknowledged');
  });

  it('is off unless it is asked for', async (world) => {
    const application = await world.start();
    const { messageId } = await world.passing(application.template.syncSend('orders', 'x'));
    await world.pass(1500);
    assert.equal(await world.passing(application.get(MessagingAdmin).traces.find(messageId)), undefined);
    const topics = await world.passing(application.get(MessagingAdmin).topics.list({ all: true }));
    assert.ok(!topics.includes('RMQ_SYS_TRACE_TOPIC'));
  });

  it('is of a share of the messages: their sends and their deliveries', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const application = await world.start(orders, { options: { trace: { sample: 0.5 } } });
    const ids: string[] = [];
    for (let n = 0; n < 40; n++) ids.push((await world.passing(application.template.syncSend('orders', n))).messageId);
    await orders.got(world, 40);
    const traces: (MessageTrace | undefined)[] = [];
    await world.pass(1500);
    const whole = (trace: MessageTrace | undefined) =>
      trace === undefined || (trace.sends.length === 1 && settled(1)(trace));
    for (const id of ids) traces.push(await world.soon(() => application.get(MessagingAdmin).traces.find(id), whole));
    const told = traces.filter((trace) => trace !== undefined);
    assert.ok(told.length >= 5 && told.length <= 35, `${told.length} of 40`);
    for (const { sends, deliveries } of told) assert.deepEqual([sends.length, deliveries.length], [1, 1]);
  });

  it('goes to the topic that it is told, and does not trace itself there', async (world) => {
    const records = recorder({ topic: 'records', from: 'earliest' }, () => undefined);
    const application = await world.start(records, { options: { trace: { topic: 'records' } } });
    const { messageId } = await world.passing(application.template.syncSend('orders', 'x'));
    assert.equal((await traceOf(world, application, messageId))?.sends.length, 1);
    await world.pass(10_000);
    assert.equal(records.deliveries.length, 1);
  });

  it('is complete when the application has closed', async (world) => {
    const first = await world.start(TRACED);
    const { messageId } = await world.passing(first.template.syncSend('orders', 'x'));
    await first.close();
    const second = await world.start();
    const trace = await world.passing(second.get(MessagingAdmin).traces.find(messageId));
    assert.equal(trace?.sends.length, 1);
  });

  it('harms no send where it cannot be stored, and says so once', async (world) => {
    const application = await world.start({
      options: { trace: true, broker: { autoCreateTopics: false, topics: ['orders'] } },
    });
    for (let n = 0; n < 3; n++) {
      assert.equal((await world.passing(application.template.syncSend('orders', n))).status, 'SEND_OK');
      await world.pass(5000);
    }
    const warnings = world.log.filter(({ level, text }) => level === 'warn' && text.includes('RMQ_SYS_TRACE_TOPIC'));
    assert.equal(warnings.length, 1);
  });

  it.rows(
    'refuses at boot what makes no sense',
    [{ sample: 0 }, { sample: 1.5 }, { rate: 1 }, { topic: 'no topic' }, 'yes'] as const,
    async (world, trace) => {
      await rejects(world.start({ options: { trace: trace as never } }), 'CONFIGURATION', /trace/);
    },
  );
});
