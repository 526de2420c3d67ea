import assert from 'node:assert/strict';
import { Subject } from 'rxjs';
import { ConsumeMode, MessageListenerRegistry } from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { recorder } from '../recorder.js';
import { rejects, throws } from '../refusals.js';

export const receiving = subject('receiving', (it) => {
  it.rows(
    'text and JSON arrive as what they were sent as',
    ['text', 'größe ✓', { nested: [1, 'two', null] }, [1, 2], 17, true, null],
    async (world, payload) => {
      const kinds = recorder({ topic: 'kinds', from: 'earliest' });
      const { template, close } = await world.start(kinds);
      await world.passing(template.syncSend('kinds', payload));
      await kinds.got(world, 1);
      assert.deepEqual(kinds.payloads.at(-1), payload);
      await close();
    },
  );

  it('bytes arrive as a Buffer', async (world) => {
    const files = recorder({ topic: 'files' });
    const { template } = await world.start(files);
    await world.passing(template.syncSend('files', Uint8Array.of(0, 255, 7)));
    await files.got(world, 1);
    assert.ok(Buffer.isBuffer(files.payloads[0]));
    assert.deepEqual([...(files.payloads[0] as Buffer)], [0, 255, 7]);
  });

  it('changing a buffer after the send changes nothing for the receiver', async (world) => {
    const files = recorder({ topic: 'files' });
    const { template } = await world.start(files);
    const bytes = Buffer.from('as sent');
    const sent = template.syncSend('files', bytes);
    bytes.fill(0);
    await world.passing(sent);
    await files.got(world, 1);
    assert.equal(String(files.payloads[0]), 'as sent');
  });

  it('changing the body in a handler changes nothing for the next attempt', async (world) => {
    // In order it is the same message that is handled again; otherwise it comes from the broker once more.
    const listeners = [ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY].map((mode) => {
      const seen: string[] = [];
      const files = recorder({ topic: 'files', group: mode, mode, backoff: [10] }, (payload, _context, { attempt }) => {
        seen.push(String(payload));
        (payload as Buffer).fill(0);
        if (attempt === 1) throw new Error('again');
      });
      return { files, seen };
    });
    const { template } = await world.start(...listeners.map(({ files }) => files));
    await world.passing(template.syncSend('files', Buffer.from('as sent')));
    for (const { files, seen } of listeners) {
      await files.got(world, 2);
      assert.deepEqual(seen, ['as sent', 'as sent']);
    }
  });

  it('a message is handled once when nothing fails', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders);
    for (let n = 0; n < 30; n++) await world.passing(template.syncSend('orders', n));
    await orders.got(world, 30);
    await world.pass(60_000);
    assert.deepEqual(
      orders.payloads.toSorted((a, b) => Number(a) - Number(b)),
      Array.from({ length: 30 }, (_, n) => n),
    );
  });

  it('a waiting listener gets a message within milliseconds', async (world) => {
    const orders = recorder({ topic: 'orders' }).on(world);
    const { template } = await world.start(orders);
    await world.pass(20_000);
    const before = world.now();
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 1);
    assert.ok(orders.deliveries[0]!.at - before <= 20, `it took ${orders.deliveries[0]!.at - before} ms`);
  });

  it('the context says group, topic, connection and attempt', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'billing' });
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 1);
    const { context } = orders.deliveries[0]!;
    assert.deepEqual(
      [context.group, context.topic, context.connection, context.attempt],
      ['billing', 'orders', 'default', 1],
    );
    assert.equal(context.signal.aborted, false);
    assert.equal(context.payload, 'x');
  });

  it('the message says when it was made and stored', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders);
    await world.pass(1000);
    const before = world.now();
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 1);
    const { message } = orders.deliveries[0]!;
    assert.ok(message.bornAt.getTime() >= before && message.bornAt.getTime() <= world.now());
    assert.ok(message.storedAt.getTime() >= message.bornAt.getTime());
  });

  it('the message says queue and offset as the sender was told', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders);
    const { queueId, queueOffset, brokerName } = await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 1);
    const { message } = orders.deliveries[0]!;
    assert.deepEqual([message.queueId, message.queueOffset, message.brokerName], [queueId, queueOffset, brokerName]);
  });

  it('text() and body are the bytes that were sent', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'größe'));
    await orders.got(world, 1);
    const { message } = orders.deliveries[0]!;
    assert.equal(message.text(), 'größe');
    assert.deepEqual(message.body, Buffer.from('größe'));
    assert.equal(message.bodySize, 7);
  });

  it('properties, keys and the message itself cannot be changed by a handler', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x', { keys: 'k', properties: { a: 'b' } }));
    await orders.got(world, 1);
    const { message } = orders.deliveries[0]!;
    assert.throws(() => ((message.properties as Record<string, string>).a = 'c'), TypeError);
    assert.throws(() => (message.keys as string[]).push('other'), TypeError);
    assert.throws(() => ((message as { topic: string }).topic = 'x'), TypeError);
  });

  it('at most so many handlers of a listener run at a time', async (world) => {
    let running = 0;
    let most = 0;
    const gates: (() => void)[] = [];
    const orders = recorder({ topic: 'orders', concurrency: 3 }, async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => gates.push(resolve));
      running--;
    });
    const { template } = await world.start(orders);
    for (let n = 0; n < 10; n++) await world.passing(template.syncSend('orders', n));
    await orders.got(world, 3);
    await world.pass(1000);
    assert.equal(orders.deliveries.length, 3);
    while (orders.deliveries.length < 10 || gates.length > 0) {
      gates.shift()?.();
      await world.quiet();
    }
    assert.equal(most, 3);
  });

  it('a listener with room goes on while another one of its group is slow', async (world) => {
    let release = (): void => {};
    const slow = recorder(
      { topic: 'orders', tag: 'slow', group: 'g' },
      () => new Promise<void>((resolve) => (release = resolve)),
    );
    const fast = recorder({ topic: 'orders', tag: 'fast', group: 'g' });
    const { template } = await world.start(slow, fast);
    await world.passing(template.syncSend('orders:slow', 1));
    await slow.got(world, 1);
    for (let n = 0; n < 10; n++) await world.passing(template.syncSend('orders:fast', n));
    await fast.got(world, 10);
    release();
  });

  it('a long handler is not started a second time', async (world) => {
    let release = (): void => {};
    const orders = recorder({ topic: 'orders' }, () => new Promise<void>((resolve) => (release = resolve)));
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 1);
    await world.pass(120_000);
    assert.equal(orders.deliveries.length, 1);
    release();
  });

  it('a paused listener gets nothing until it is resumed', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template, listeners } = await world.start(orders);
    const { name } = listeners.list()[0]!;
    listeners.pause(name);
    await world.passing(template.syncSend('orders', 'x'));
    await world.pass(30_000);
    assert.equal(orders.deliveries.length, 0);
    assert.equal(listeners.list()[0]!.paused, true);
    listeners.resume(name);
    await orders.got(world, 1);
    assert.equal(listeners.list()[0]!.paused, false);
  });

  it('pausing one listener leaves the others of its group at work', async (world) => {
    const a = recorder({ topic: 'orders', tag: 'a', group: 'g' });
    const b = recorder({ topic: 'orders', tag: 'b', group: 'g' });
    const { template, listeners } = await world.start(a, b);
    listeners.pause(listeners.list()[0]!.name);
    await world.passing(template.syncSend('orders:a', 1));
    await world.passing(template.syncSend('orders:b', 2));
    await b.got(world, 1);
    assert.equal(a.deliveries.length, 0);
    listeners.resume(listeners.list()[0]!.name);
    await a.got(world, 1);
  });

  it('pausing what is no listener is refused, naming those that are', async (world) => {
    const { listeners } = await world.start(recorder({ topic: 'orders' }));
    throws(() => listeners.pause('Nobody.on'), 'BAD_ARGUMENT', /Nobody\.on.*RecorderListener\.on/);
    throws(() => listeners.resume('Nobody.on'), 'BAD_ARGUMENT', /Nobody\.on/);
  });

  it('the registry lists what listens to what', async (world) => {
    const { listeners } = await world.start(
      recorder({ topic: 'orders', tag: 'a || b', group: 'g', mode: ConsumeMode.ORDERLY }),
    );
    const { topic, tag, group, mode, connection, started, paused } = listeners.list()[0]!;
    assert.deepEqual(
      { topic, tag, group, mode, connection, started, paused },
      {
        topic: 'orders',
        tag: 'a || b',
        group: 'g',
        mode: ConsumeMode.ORDERLY,
        connection: 'default',
        started: true,
        paused: false,
      },
    );
  });

  it('autoStart: false holds the listeners until they are started', async (world) => {
    const orders = recorder({ topic: 'orders' });
    const { template, listeners } = await world.start(orders, { options: { autoStart: false } });
    await world.passing(template.syncSend('orders', 'x'));
    await world.pass(10_000);
    assert.equal(orders.deliveries.length, 0);
    assert.equal(listeners.list()[0]!.started, false);
    await world.passing(listeners.start());
    await orders.got(world, 1);
    assert.equal(listeners.list()[0]!.started, true);
  });

  it('closing waits for a handler at work', async (world) => {
    let ended = false;
    let release = (): void => {};
    const orders = recorder({ topic: 'orders' }, async () => {
      await new Promise<void>((resolve) => (release = resolve));
      ended = true;
    });
    const { template, close } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 1);
    const closing = close();
    await world.quiet();
    assert.equal(ended, false);
    release();
    await closing;
    assert.equal(ended, true);
  });

  it('a handler may still send while the application closes', async (world) => {
    let release = (): void => {};
    let sent = false;
    const orders = recorder({ topic: 'orders' }, async () => {
      await new Promise<void>((resolve) => (release = resolve));
      await template.syncSend('done', 'x');
      sent = true;
    });
    const { template, close } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 1);
    const closing = close();
    release();
    await closing;
    assert.equal(sent, true);
  });

  it('a handler that does not end in time is told so, and its message goes to the next one', async (world) => {
    let aborted = false;
    const stuck = recorder({ topic: 'orders', group: 'g' }, (_payload, { signal }) => {
      signal.addEventListener('abort', () => (aborted = true));
      return new Promise(() => undefined);
    });
    const first = await world.start(stuck, { options: { shutdownBudget: 500 } });
    await world.passing(first.template.syncSend('orders', 'x'));
    await stuck.got(world, 1);
    await first.close();
    assert.equal(aborted, true);
    const next = recorder({ topic: 'orders', group: 'g' });
    await world.start(next);
    await next.got(world, 1, 120_000);
    assert.deepEqual(next.payloads, ['x']);
  });

  it('an observable is awaited to its end', async (world) => {
    const work = new Subject<number>();
    const orders = recorder({ topic: 'orders', concurrency: 1 }, () => work);
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 1));
    await orders.got(world, 1);
    orders.handle = undefined;
    await world.passing(template.syncSend('orders', 2));
    work.next(1);
    await world.pass(1000);
    assert.equal(orders.deliveries.length, 1);
    work.complete();
    await orders.got(world, 2);
  });

  it('starting listeners before the application is up is refused', async (world) => {
    await world.start();
    await rejects(new MessageListenerRegistry().start(), 'BAD_ARGUMENT', /initialised/);
  });
});
