import assert from 'node:assert/strict';
import { ConsumeMode, RetryLaterError } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { deadLettersOf, reasonOf } from '../dead-letters.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';

export const expiry = subject('expiry', (it) => {
  it('a message whose turn comes in time is handled as any other', async (world) => {
    const offers = recorder({ topic: 'offers', group: 'g' });
    const letters = deadLettersOf('g');
    const { template } = await world.start(offers, letters);
    await world.passing(template.syncSend('offers', 'x', { expiresIn: '1m' }));
    await offers.got(world, 1);
    await world.pass(120_000);
    assert.deepEqual([offers.attempts, letters.payloads], [[1], []]);
  });

  it('a message whose turn comes too late is not handled: it is a dead letter with that reason', async (world) => {
    const sender = await world.start();
    const offers = recorder({ topic: 'offers', group: 'g', from: 'earliest' });
    const letters = deadLettersOf('g');
    await world.passing(sender.template.syncSend('offers', 'late', { expiresIn: '30s' }));
    await world.passing(sender.template.syncSend('offers', 'in time', { expiresIn: '10m' }));
    await world.pass(30_000);
    await world.start(offers, letters);
    await letters.got(world, 1);
    await offers.got(world, 1);
    assert.deepEqual([offers.payloads, letters.payloads], [['in time'], ['late']]);
    assert.equal(reasonOf(letters).errorClass, 'MessageExpiredError');
    assert.match(reasonOf(letters).message, /The message expired at .*ms before its turn/);
  });

  it('the last millisecond before it is still in time, the one itself is not', async (world) => {
    const offers = recorder({ topic: 'offers', group: 'g' });
    const app = await world.start(offers);
    const { name } = app.listeners.list()[0]!;
    app.listeners.pause(name);
    for (const expiresIn of [5_000, 5_001])
      await world.passing(app.template.syncSend('offers', expiresIn, { expiresIn }));
    await world.pass(5_000);
    app.listeners.resume(name);
    await world.pass(1_000);
    assert.deepEqual(offers.payloads, [5_001]);
  });

  it('a retry that would come too late is not made', async (world) => {
    const offers = recorder({ topic: 'offers', group: 'g' }, () => {
      throw new RetryLaterError(30_000);
    });
    const letters = deadLettersOf('g');
    const { template } = await world.start(offers, letters);
    await world.passing(template.syncSend('offers', 'x', { expiresIn: '45s' }));
    await letters.got(world, 1, 120_000);
    assert.deepEqual(offers.attempts, [1, 2]);
    assert.equal(reasonOf(letters).errorClass, 'MessageExpiredError');
  });

  it('a handler that has begun in time may end late', async (world) => {
    let end = (): void => {};
    const offers = recorder({ topic: 'offers', group: 'g' }, () => new Promise<void>((resolve) => (end = resolve)));
    const letters = deadLettersOf('g');
    const { template } = await world.start(offers, letters);
    await world.passing(template.syncSend('offers', 'x', { expiresIn: '10s' }));
    await offers.got(world, 1);
    await world.pass(60_000);
    end();
    await world.pass(60_000);
    assert.deepEqual([offers.attempts, letters.payloads], [[1], []]);
  });

  it('in order, what has expired makes way for what stands behind it', async (world) => {
    const offers = recorder(
      { topic: 'offers', group: 'g', mode: ConsumeMode.ORDERLY, backoff: [20_000] },
      (payload, _c, { attempt }) => {
        if (payload === 'first' && attempt === 1) throw new Error('again');
      },
    );
    const letters = deadLettersOf('g');
    const { template } = await world.start(offers, letters);
    await world.passing(template.sendOrderly('offers', 'first', 'k'));
    await world.passing(template.sendOrderly('offers', 'second', 'k', { expiresIn: '5s' }));
    await world.passing(template.sendOrderly('offers', 'third', 'k', { expiresIn: '5m' }));
    await offers.got(world, 3);
    await letters.got(world, 1);
    assert.deepEqual([offers.payloads, letters.payloads], [['first', 'first', 'third'], ['second']]);
  });

  it('a broadcast listener does not get what has expired, and nothing becomes a dead letter', async (world) => {
    const offers = recorder({ topic: 'offers', group: 'g', mode: ConsumeMode.BROADCAST });
    const app = await world.start(offers);
    const { name } = app.listeners.list()[0]!;
    app.listeners.pause(name);
    await world.passing(app.template.syncSend('offers', 'late', { expiresIn: '5s' }));
    await world.passing(app.template.syncSend('offers', 'in time'));
    await world.pass(10_000);
    app.listeners.resume(name);
    await offers.got(world, 1);
    await world.pass(5_000);
    assert.deepEqual(offers.payloads, ['in time']);
  });

  it('each message of a batch may have its own, over that of the batch', async (world) => {
    const sender = await world.start();
    const offers = recorder({ topic: 'offers', group: 'g', from: 'earliest' });
    const options = { expiresIn: '10s', each: (n: unknown) => (n === 2 ? { expiresIn: '5m' } : undefined) };
    await world.passing(sender.template.batch('offers', [1, 2, 3], options));
    await world.pass(60_000);
    await world.start(offers);
    await offers.got(world, 1);
    await world.pass(5_000);
    assert.deepEqual(offers.payloads, [2]);
  });

  it('it is kept over a delay, counted from the send', async (world) => {
    const offers = recorder({ topic: 'offers', group: 'g' }, () => {
      throw new RetryLaterError(15_000);
    });
    const { template } = await world.start(offers);
    await world.passing(template.delay('offers', 'x', '20s', { expiresIn: '30s' }));
    await world.pass(120_000);
    assert.deepEqual(offers.attempts, [1]);
  });

  it.rows('an expiry that makes no sense is refused', [0, -1, 'soon', null, Number.NaN], async (world, expiresIn) => {
    const { template } = await world.start();
    const options = { expiresIn } as { expiresIn: number };
    await rejects(world.passing(template.syncSend('offers', 'x', options)), 'BAD_ARGUMENT', /expiresIn must be/);
  });

  it('one before the delivery time of a delay is refused, and so is one of a request', async (world) => {
    const { template } = await world.start();
    await rejects(world.passing(template.delay('offers', 'x', '10m', { expiresIn: '5m' })), 'BAD_ARGUMENT', /expire/);
    await rejects(
      world.passing(template.request('offers', 'x', { expiresIn: '5m' } as object)),
      'BAD_ARGUMENT',
      /expiresIn/,
    );
  });
});
