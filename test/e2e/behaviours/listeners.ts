import assert from 'node:assert/strict';
import {
  ConsumeMode,
  type MessageListenerOptions,
  type ReceivedMessage,
  RejectMessageError,
} from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { deadLettersOf, reasonOf } from '../dead-letters.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';

const count = (n: number): number[] => Array.from({ length: n }, (_, index) => index);

/** Handlers that wait until they are let go, by payload. */
function gates(): { readonly wait: (payload: unknown) => Promise<void>; readonly open: (payload: string) => void } {
  const waiting = new Map<unknown, () => void>();
  return {
    wait: (payload) => new Promise<void>((resolve) => waiting.set(payload, resolve)),
    open: (payload) => waiting.get(payload)!(),
  };
}

export const keyOrder = subject('keyOrder', (it) => {
  it('a message waits for the one of its key that is at work', async (world) => {
    const { wait, open } = gates();
    const events = recorder({ topic: 'events', keyOrder: true }, wait);
    const { template } = await world.start(events);
    for (const step of ['a1', 'a2', 'a3']) await world.passing(template.sendOrderly('events', step, 'a'));
    await events.got(world, 1);
    await world.pass(5000);
    assert.deepEqual(events.payloads, ['a1']);
    for (const [index, step] of ['a1', 'a2'].entries()) {
      open(step);
      await events.got(world, index + 2);
      await world.pass(1000);
    }
    assert.deepEqual(events.payloads, ['a1', 'a2', 'a3']);
    open('a3');
  });

  it('keys are handled side by side', async (world) => {
    const { wait, open } = gates();
    const events = recorder({ topic: 'events', keyOrder: true }, wait);
    const { template } = await world.start(events);
    for (const step of ['a1', 'a2', 'b1', 'b2']) await world.passing(template.sendOrderly('events', step, step[0]!));
    await events.got(world, 2);
    assert.deepEqual(events.payloads.toSorted(), ['a1', 'b1']);
    open('b1');
    await events.got(world, 3);
    assert.equal(events.payloads[2], 'b2');
    for (const step of ['a1', 'b2']) open(step);
    await events.got(world, 4);
    open('a2');
  });

  it('the key can be taken from the message by a function', async (world) => {
    const { wait, open } = gates();
    const account = (message: ReceivedMessage): string | undefined => message.properties.account;
    const events = recorder({ topic: 'events', keyOrder: account }, wait);
    const { template } = await world.start(events);
    for (const step of ['a1', 'a2', 'b1']) {
      await world.passing(template.syncSend('events', step, { properties: { account: step[0]! } }));
    }
    await events.got(world, 2);
    await world.pass(1000);
    assert.equal(events.payloads.includes('b1'), true);
    assert.equal(events.deliveries.length, 2);
    open('b1');
    open(events.payloads.includes('a1') ? 'a1' : 'a2');
    await events.got(world, 3);
    open(events.payloads[2] as string);
  });

  it('messages without a key wait for nobody', async (world) => {
    const { wait, open } = gates();
    const events = recorder({ topic: 'events', keyOrder: true }, wait);
    const { template } = await world.start(events);
    for (const n of count(3)) await world.passing(template.syncSend('events', `free ${n}`));
    await events.got(world, 3);
    for (const n of count(3)) open(`free ${n}`);
  });

  it("those that wait for their key take no handler's place", async (world) => {
    const { wait, open } = gates();
    const handle = (payload: unknown): unknown => (payload === 'a0' ? wait(payload) : undefined);
    const events = recorder({ topic: 'events', keyOrder: true, concurrency: 2 }, handle);
    const { template } = await world.start(events);
    for (const n of count(10)) await world.passing(template.sendOrderly('events', `a${n}`, 'a'));
    for (const n of count(10)) await world.passing(template.sendOrderly('events', `b${n}`, 'b'));
    await events.got(world, 11);
    assert.deepEqual(
      events.payloads.filter((payload) => payload !== 'a0'),
      count(10).map((n) => `b${n}`),
    );
    open('a0');
    await events.got(world, 20);
    assert.deepEqual(
      events.payloads.slice(11),
      count(9).map((n) => `a${n + 1}`),
    );
  });

  it('a message that fails goes to its retry, and those behind it go on', async (world) => {
    const events = recorder({ topic: 'events', keyOrder: true, backoff: [1000] }, (payload, _c, { attempt }) => {
      if (payload === 1 && attempt === 1) throw new Error('not now');
    });
    const { template } = await world.start(events);
    for (const n of [1, 2, 3]) await world.passing(template.sendOrderly('events', n, 'a'));
    await events.got(world, 4);
    assert.deepEqual(events.payloads, [1, 2, 3, 1]);
  });

  it('a message whose key cannot be told is tried again', async (world) => {
    let calls = 0;
    const key = (): string => {
      if (++calls === 1) throw new Error('no key yet');
      return 'a';
    };
    const events = recorder({ topic: 'events', keyOrder: key, backoff: [1000] });
    const { template } = await world.start(events);
    await world.passing(template.syncSend('events', 'x'));
    await events.got(world, 1);
    assert.deepEqual(events.attempts, [2]);
    assert.ok(world.log.some(({ text }) => text.includes('no key yet')));
  });

  it.rows(
    'is refused at boot as anything else, and where it would do nothing',
    [{ keyOrder: 'a' as never }, { keyOrder: true, mode: ConsumeMode.ORDERLY }] as Partial<MessageListenerOptions>[],
    async (world, options) => {
      await rejects(world.start(recorder({ topic: 'events', ...options })), 'CONFIGURATION', /keyOrder/);
    },
  );
});

export const rateLimits = subject('rateLimit', (it) => {
  it('messages begin evenly spaced, at most so many per interval', async (world) => {
    const events = recorder({ topic: 'events', rateLimit: { limit: 2, interval: '1m' } }).on(world);
    const { template } = await world.start(events);
    for (const n of count(5)) await world.passing(template.syncSend('events', n));
    await events.got(world, 5, 300_000);
    const gaps = events.gaps.slice(1);
    assert.ok(
      gaps.every((gap) => gap >= 29_900 && gap < 30_500),
      gaps.join(),
    );
  });

  it('holds in orderly mode as well', async (world) => {
    const options = { topic: 'events', mode: ConsumeMode.ORDERLY, rateLimit: { limit: 1, interval: '10s' } } as const;
    const events = recorder(options).on(world);
    const { template } = await world.start(events);
    for (const n of count(4)) await world.passing(template.sendOrderly('events', n, 'a'));
    await events.got(world, 4, 120_000);
    assert.deepEqual(events.payloads, count(4));
    const gaps = events.gaps.slice(1);
    assert.ok(
      gaps.every((gap) => gap >= 9900 && gap < 10_500),
      gaps.join(),
    );
  });

  it.rows(
    'a limit of nothing, or without a time, is refused at boot',
    [{ limit: 0, interval: '1s' }, { limit: 1.5, interval: '1s' }, { limit: 1, interval: 0 }, { limit: 1 } as never],
    async (world, rateLimit) => {
      await rejects(world.start(recorder({ topic: 'events', rateLimit })), 'CONFIGURATION', /rateLimit/);
    },
  );
});

const once = { topic: 'alarms', group: 'phones', delivery: 'at-most-once' } as const;
const forever = (): Promise<void> => new Promise(() => {});

export const atMostOnce = subject('at most once', (it) => {
  it.needing(
    ['restart'],
    'what is at work when the power goes is not delivered again, what waits is',
    async (world) => {
      const { template } = await world.start({ application: 'sender' });
      for (const n of count(6)) await world.passing(template.sendOrderly('alarms', n, 'one'));
      const before = recorder({ ...once, from: 'earliest', concurrency: 2 }, forever);
      await world.start(before);
      await before.got(world, 2);
      await world.crash();
      const after = recorder(once);
      await world.start(after);
      await after.got(world, 4);
      await world.pass(60_000);
      assert.deepEqual(before.payloads, [0, 1]);
      assert.deepEqual(after.payloads, [2, 3, 4, 5]);
    },
  );

  it('a failure is logged and not tried again', async (world) => {
    const alarms = recorder(once, () => {
      throw new Error('nobody answers');
    });
    const { template } = await world.start(alarms);
    await world.passing(template.syncSend('alarms', 'x'));
    await alarms.got(world, 1);
    await world.pass(60_000);
    assert.equal(alarms.deliveries.length, 1);
    assert.ok(world.log.some(({ text }) => text.includes('nobody answers')));
  });

  it('RejectMessageError makes a dead letter', async (world) => {
    const alarms = recorder(once, () => {
      throw new RejectMessageError('no such room');
    });
    const letters = deadLettersOf('phones');
    const { template } = await world.start(alarms, letters);
    await world.passing(template.syncSend('alarms', 'x'));
    await letters.got(world, 1);
    assert.equal(reasonOf(letters).message, 'no such room');
    assert.equal(alarms.deliveries.length, 1);
  });

  it('every message is delivered once when queues move to another member', async (world) => {
    const first = recorder({ ...once, concurrency: 2 }, () => Promise.resolve());
    const second = recorder({ ...once, concurrency: 2 }, () => Promise.resolve());
    const one = await world.start(first);
    const sender = await world.start({ application: 'sender' });
    for (const n of count(20)) await world.passing(sender.template.syncSend('alarms', n));
    const two = await world.start(second);
    for (const n of count(20)) await world.passing(sender.template.syncSend('alarms', 20 + n));
    await one.close();
    await world.until(() => first.payloads.length + second.payloads.length >= 40, '40 deliveries', 120_000);
    await world.pass(60_000);
    const all = [...first.payloads, ...second.payloads] as number[];
    assert.deepEqual(
      all.toSorted((a, b) => a - b),
      count(40),
    );
    await two.close();
  });

  it.rows(
    'is refused at boot where it cannot be kept, and with what belongs to retries',
    [
      { mode: ConsumeMode.ORDERLY },
      { backoff: [10] },
      { maxReconsumeTimes: 3 },
      { retryRequests: true },
      { delivery: 'once' as never },
    ] as Partial<MessageListenerOptions>[],
    async (world, options) => {
      const [name] = Object.keys(options);
      const named = new RegExp(name === 'mode' ? 'delivery' : name!);
      await rejects(world.start(recorder({ ...once, ...options })), 'CONFIGURATION', named);
    },
  );

  it('listeners of a group that differ in it are refused at boot', async (world) => {
    const other = recorder({ topic: 'others', group: 'phones' });
    await rejects(world.start(recorder(once), other), 'CONFIGURATION', /at-most-once and the other at-least-once/);
  });
});

export const consumeTimeouts = subject('consumeTimeout', (it) => {
  const slow = { topic: 'orders', group: 'g', consumeTimeout: '30s' } as const;

  it('a message whose handler takes too long is tried again on the ladder', async (world) => {
    const orders = recorder(slow, (_p, _c, { attempt }) => (attempt === 1 ? forever() : undefined)).on(world);
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 2);
    assert.deepEqual(orders.attempts, [1, 2]);
    assert.ok(orders.gaps[0]! >= 40_000 && orders.gaps[0]! < 41_000, orders.gaps.join());
  });

  it('the handler is told by its signal, and why', async (world) => {
    let signal: AbortSignal | undefined;
    const orders = recorder(slow, (_p, context) => {
      signal = context.signal;
      return forever();
    });
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 1);
    await world.pass(29_000);
    assert.equal(signal!.aborted, false);
    await world.until(() => signal!.aborted, 'the signal', 2000 + world.slack);
    assert.match(String(signal!.reason), /had not settled after 30000 ms/);
  });

  it('what the handler comes to afterwards counts for nothing', async (world) => {
    let end: () => void = () => {};
    const orders = recorder({ ...slow, maxReconsumeTimes: 0 }, () => new Promise<void>((resolve) => (end = resolve)));
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters);
    await world.passing(template.syncSend('orders', 'x'));
    await letters.got(world, 1);
    assert.equal(reasonOf(letters).errorClass, 'ConsumeTimeoutError');
    end();
    const isTold = () => world.log.some(({ text }) => text.includes('handled to the end after its time-out'));
    await world.until(isTold, 'the end', 1000 + world.slack);
    assert.equal(letters.deliveries.length, 1);
  });

  it('a handler that hangs keeps its place', async (world) => {
    const orders = recorder({ ...slow, concurrency: 2, maxReconsumeTimes: 0 }, forever);
    const { template } = await world.start(orders);
    for (const n of count(3)) await world.passing(template.syncSend('orders', n));
    await orders.got(world, 2);
    await world.pass(120_000);
    assert.equal(orders.deliveries.length, 2);
  });

  it('a handler that ends in time is left alone', async (world) => {
    const { wait, open } = gates();
    const orders = recorder(slow, wait);
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'a'));
    await orders.got(world, 1);
    await world.pass(20_000);
    await world.passing(template.syncSend('orders', 'b'));
    await orders.got(world, 2);
    await world.pass(9000);
    open('a');
    await world.pass(11_000);
    open('b');
    await world.pass(120_000);
    assert.deepEqual(orders.payloads, ['a', 'b']);
    for (const { context } of orders.deliveries) assert.equal(context.signal.aborted, false);
  });

  it('in orderly mode the queue is given back, and goes on with the same message', async (world) => {
    const orders = recorder({ ...slow, mode: ConsumeMode.ORDERLY }, (payload, _c, { attempt }) =>
      payload === 0 && attempt === 1 ? forever() : undefined,
    );
    const { template } = await world.start(orders);
    for (const n of count(3)) await world.passing(template.sendOrderly('orders', n, 'one'));
    await orders.got(world, 4);
    assert.deepEqual(orders.payloads, [0, 0, 1, 2]);
    assert.deepEqual(orders.attempts, [1, 2, 1, 1]);
  });

  it('in orderly mode the last attempt makes a dead letter, and the queue goes on', async (world) => {
    const options = { ...slow, mode: ConsumeMode.ORDERLY, maxReconsumeTimes: 1 };
    const orders = recorder(options, (payload) => (payload === 0 ? forever() : undefined));
    const letters = deadLettersOf('g');
    const { template } = await world.start(orders, letters);
    for (const n of count(2)) await world.passing(template.sendOrderly('orders', n, 'one'));
    await letters.got(world, 1, 300_000);
    await orders.got(world, 3, 300_000);
    assert.deepEqual(orders.payloads, [0, 0, 1]);
    assert.equal(reasonOf(letters).errorClass, 'ConsumeTimeoutError');
  });

  it.rows(
    'is refused at boot as no time, and where nothing is retried',
    [
      { consumeTimeout: 0 },
      { consumeTimeout: 'soon' },
      { mode: ConsumeMode.BROADCAST },
      { delivery: 'at-most-once' },
    ] as Partial<MessageListenerOptions>[],
    async (world, options) => {
      await rejects(world.start(recorder({ ...slow, ...options })), 'CONFIGURATION', /consumeTimeout/);
    },
  );
});
