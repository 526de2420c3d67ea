import assert from 'node:assert/strict';
import {
  ConsumeMode,
  MessagingAdmin,
  type MessageListenerOptions,
  type PulledMessage,
  type PullOptions,
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

const pulled = { group: 'nightly', topic: 'orders' };
const payloadsOf = (messages: readonly PulledMessage[]): unknown[] => messages.map(({ payload }) => payload);

export const pulling = subject('pulling', (it) => {
  it('gives out what is asked for, in order, with its payload', async (world) => {
    const { template } = await world.start();
    const puller = await world.passing(template.pullConsumer(pulled));
    for (const n of count(5)) await world.passing(template.sendOrderly('orders', { n }, 'one'));
    await world.pass(1000);
    assert.deepEqual(payloadsOf(await world.passing(puller.poll({ maxMessages: 2 }))), [{ n: 0 }, { n: 1 }]);
    assert.deepEqual(payloadsOf(await world.passing(puller.poll())), [{ n: 2 }, { n: 3 }, { n: 4 }]);
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
    const [zero, , two] = await world.passing(puller.poll());
    await puller.acknowledge(zero!);
    await puller.acknowledge(two!);
    await first.close();
    const { template } = await world.start();
    const again = await world.passing(template.pullConsumer(pulled));
    await world.pass(1000);
    assert.deepEqual(payloadsOf(await world.passing(again.poll())), [1, 2, 3]);
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
    await world.pass(1000);
    assert.deepEqual(payloadsOf(await world.passing(again.poll())), [1]);
  });

  it('what is given back comes again after its delay, as a further attempt', async (world) => {
    const { template } = await world.start();
    const puller = await world.passing(template.pullConsumer(pulled));
    await world.passing(template.syncSend('orders', 'x'));
    const [message] = await world.passing(puller.poll());
    await world.passing(puller.retryLater(message!, '20s'));
    const before = world.now();
    const [again] = await world.passing(puller.poll({ timeout: '1m' }));
    assert.equal(again!.payload, 'x');
    assert.equal(again!.message.attempt, 2);
    assert.ok(world.now() - before >= 19_900 && world.now() - before < 20_500);
  });

  it('what is rejected is a dead letter with the reason', async (world) => {
    const letters = deadLettersOf('nightly');
    const { template } = await world.start(letters);
    const puller = await world.passing(template.pullConsumer(pulled));
    await world.passing(template.syncSend('orders', 'x'));
    const [message] = await world.passing(puller.poll());
    await world.passing(puller.reject(message!, new RangeError('no such order')));
    await letters.got(world, 1);
    assert.deepEqual(reasonOf(letters), { errorClass: 'RangeError', message: 'no such order', attempts: 1 });
  });

  it('a message is settled once', async (world) => {
    const { template } = await world.start();
    const puller = await world.passing(template.pullConsumer(pulled));
    await world.passing(template.syncSend('orders', 'x'));
    const [message] = await world.passing(puller.poll());
    await puller.acknowledge(message!);
    await rejects(puller.acknowledge(message!), 'BAD_ARGUMENT', /settled already/);
  });

  it('goes where the group is moved, and forgets what it gave out', async (world) => {
    const app = await world.start();
    const puller = await world.passing(app.template.pullConsumer(pulled));
    for (const n of count(3)) await world.passing(app.template.sendOrderly('orders', n, 'one'));
    await world.pass(1000);
    const polled = await world.passing(puller.poll());
    for (const message of polled.slice(0, 2)) await puller.acknowledge(message);
    await world.passing(app.get(MessagingAdmin).backlog.resetPosition('nightly', 'orders', 'earliest'));
    await world.pass(30_000);
    await puller.acknowledge(polled[2]!);
    assert.deepEqual(payloadsOf(await world.passing(puller.poll())), [0, 1, 2]);
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
