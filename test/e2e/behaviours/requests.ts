import assert from 'node:assert/strict';
import { BadRequestException } from '@nestjs/common';
import { of } from 'rxjs';
import {
  ConsumeMode,
  DefaultMessageConverter,
  MessagingError,
  RejectMessageError,
  RequestFailedError,
} from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { deadLettersOf } from '../dead-letters.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';

class OutOfStock extends Error {
  readonly code = 'OUT_OF_STOCK';
}

/** The promise rejects with what the listener failed with. */
async function fails(promise: Promise<unknown>): Promise<RequestFailedError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof RequestFailedError, `no RequestFailedError, but ${String(error)}`);
  assert.equal(error.code, 'REQUEST_FAILED');
  return error;
}

export const requests = subject('requests', (it) => {
  it('what the listener returns is the reply', async (world) => {
    const quotes = recorder({ topic: 'quotes' }, (payload) => ({ total: (payload as { amount: number }).amount * 2 }));
    const { template } = await world.start(quotes);
    const reply = await world.passing(template.request<{ total: number }>('quotes', { amount: 21 }));
    assert.deepEqual(reply, { total: 42 });
  });

  it.rows(
    'text, JSON and nothing come back as what they were returned as',
    ['text', 17, null, [1, 2], undefined, ''],
    async (world, value) => {
      const echo = recorder({ topic: 'echo' }, () => value);
      const { template, close } = await world.start(echo);
      assert.deepEqual(await world.passing(template.request('echo', 'x')), value);
      await close();
    },
  );

  it('bytes come back as a Buffer', async (world) => {
    const echo = recorder({ topic: 'echo' }, () => Buffer.from([0, 255]));
    const { template } = await world.start(echo);
    const reply = await world.passing(template.request<Buffer>('echo', 'x'));
    assert.deepEqual([...reply], [0, 255]);
  });

  it('promises and observables are awaited for the reply', async (world) => {
    const promise = recorder({ topic: 'a', group: 'a' }, () => Promise.resolve('later'));
    const observable = recorder({ topic: 'b', group: 'b' }, () => of(1, 2, 3));
    const { template } = await world.start(promise, observable);
    assert.equal(await world.passing(template.request('a', 'x')), 'later');
    assert.equal(await world.passing(template.request('b', 'x')), 3);
  });

  it('the listener may be in another application', async (world) => {
    const quotes = recorder({ topic: 'quotes' }, () => 'from there');
    await world.start(quotes, { application: 'office' });
    const { template } = await world.start({ application: 'shop' });
    assert.equal(await world.passing(template.request('quotes', 'x')), 'from there');
  });

  it('the reply goes to the application that asked', async (world) => {
    const echo = recorder({ topic: 'echo' }, (payload) => payload);
    const one = await world.start(echo, { application: 'one' });
    const two = await world.start({ application: 'two' });
    const replies = await world.passing(
      Promise.all([one.template.request('echo', 'to one'), two.template.request('echo', 'to two')]),
    );
    assert.deepEqual(replies, ['to one', 'to two']);
  });

  it('hundreds of requests at once get each their own reply', async (world) => {
    const echo = recorder({ topic: 'echo' }, (payload) => payload);
    const { template } = await world.start(echo);
    const all = Array.from({ length: 300 }, (_, n) => n);
    assert.deepEqual(await world.passing(Promise.all(all.map((n) => template.request('echo', n)))), all);
  });

  it('tag, keys and properties reach the listener', async (world) => {
    const quotes = recorder({ topic: 'quotes', tag: 'small' }, () => 'ok');
    const { template } = await world.start(quotes);
    await world.passing(template.request('quotes:small', 'x', { keys: 'k', properties: { a: 'b' } }));
    const { message } = quotes.deliveries[0]!;
    assert.deepEqual([message.tag, [...message.keys], { ...message.properties }], ['small', ['k'], { a: 'b' }]);
  });

  it('without a listener it times out after 3 s', async (world) => {
    const { template } = await world.start();
    const start = world.now();
    const error = await rejects(world.passing(template.request('nowhere', 'x')), 'TIMEOUT', /nowhere.*3000 ms/);
    const took = world.now() - start;
    assert.ok(took >= 3000 && took < 3100 + world.slack, `after ${took} ms`);
    assert.equal(error.retryable, true);
  });

  it('the time-out may be another', async (world) => {
    const { template } = await world.start();
    const start = world.now();
    await rejects(world.passing(template.request('nowhere', 'x', { timeout: 500 })), 'TIMEOUT', /500 ms/);
    assert.ok(world.now() - start < 600 + world.slack);
  });

  it('a reply that comes too late changes nothing', async (world) => {
    let release = (_value: string): void => {};
    const slow = recorder({ topic: 'slow' }, () => new Promise<string>((resolve) => (release = resolve)));
    const { template } = await world.start(slow);
    await rejects(world.passing(template.request('slow', 'x', { timeout: 500 })), 'TIMEOUT', /slow/);
    release('too late');
    await world.pass(1000);
    slow.handle = () => 'in time';
    assert.equal(await world.passing(template.request('slow', 'x')), 'in time');
  });

  it('a request that nobody waits for any more is not handled', async (world) => {
    const late = recorder({ topic: 'late' }, () => 'x');
    const { template, listeners } = await world.start(late);
    listeners.pause(listeners.list()[0]!.name);
    await rejects(world.passing(template.request('late', 'x', { timeout: 500 })), 'TIMEOUT', /late/);
    await world.pass(1000);
    listeners.resume(listeners.list()[0]!.name);
    await world.pass(5000);
    assert.equal(late.deliveries.length, 0);
  });

  it('what the listener throws comes back with class, message and code', async (world) => {
    const quotes = recorder({ topic: 'quotes' }, () => {
      throw new OutOfStock('no lanterns left');
    });
    const { template } = await world.start(quotes);
    const error = await world.passing(fails(template.request('quotes', 'x')));
    assert.equal(error.errorClass, 'OutOfStock');
    assert.match(error.message, /quotes.*OutOfStock: no lanterns left/);
    assert.equal(error.remoteCode, 'OUT_OF_STOCK');
    assert.equal(error.retryable, false);
  });

  it('an HttpException comes back with status and response', async (world) => {
    const quotes = recorder({ topic: 'quotes' }, () => {
      throw new BadRequestException({ reason: 'no amount' });
    });
    const { template } = await world.start(quotes);
    const error = await world.passing(fails(template.request('quotes', 'x')));
    assert.equal(error.status, 400);
    assert.deepEqual(error.response, { reason: 'no amount' });
  });

  it.rows('a failing request is not tried again, and makes no dead letter', ['error', 'reject'], async (world, how) => {
    const quotes = recorder({ topic: 'quotes', group: how, backoff: [10] }, () => {
      throw how === 'error' ? new Error('no') : new RejectMessageError('no');
    });
    const letters = deadLettersOf(how);
    const { template, close } = await world.start(quotes, letters);
    await world.passing(fails(template.request('quotes', 'x')));
    await world.pass(60_000);
    assert.deepEqual([quotes.deliveries.length, letters.deliveries.length], [1, 0]);
    await close();
  });

  it('with retryRequests a failing request is tried again, and the success is the reply', async (world) => {
    const quotes = recorder({ topic: 'quotes', backoff: [50], retryRequests: true }, (_p, _c, { attempt }) => {
      if (attempt < 3) throw new Error('not yet');
      return 'at last';
    });
    const { template } = await world.start(quotes);
    assert.equal(await world.passing(template.request('quotes', 'x')), 'at last');
    assert.deepEqual(quotes.attempts, [1, 2, 3]);
  });

  it('with retryRequests the last failure is the reply, and the request a dead letter', async (world) => {
    const quotes = recorder(
      { topic: 'quotes', group: 'g', backoff: [50], retryRequests: true, maxReconsumeTimes: 1 },
      () => {
        throw new OutOfStock('none');
      },
    );
    const letters = deadLettersOf('g');
    const { template } = await world.start(quotes, letters);
    assert.equal((await world.passing(fails(template.request('quotes', 'x')))).errorClass, 'OutOfStock');
    await letters.got(world, 1);
    assert.deepEqual(quotes.attempts, [1, 2]);
  });

  it('what cannot be decoded comes back as an error', async (world) => {
    class Deaf extends DefaultMessageConverter {
      override decode(): unknown {
        throw new MessagingError('UNDECODABLE', 'cannot read this');
      }
    }
    await world.start(recorder({ topic: 'quotes' }), { application: 'deaf', options: { converter: new Deaf() } });
    const { template } = await world.start({ application: 'asker' });
    const error = await world.passing(fails(template.request('quotes', 'x')));
    assert.equal(error.remoteCode, 'UNDECODABLE');
  });

  it('an orderly listener replies, and a failure does not hold its queue', async (world) => {
    const quotes = recorder({ topic: 'quotes', mode: ConsumeMode.ORDERLY }, (payload) => {
      if (payload === 'bad') throw new Error('no');
      return 'ok';
    });
    const { template } = await world.start(quotes, {
      options: { broker: { topics: [{ name: 'quotes', queues: 1 }] } },
    });
    await world.passing(fails(template.request('quotes', 'bad')));
    assert.equal(await world.passing(template.request('quotes', 'good')), 'ok');
    assert.deepEqual(quotes.payloads, ['bad', 'good']);
  });

  it('of several replies the first one counts', async (world) => {
    const one = recorder({ topic: 'quotes', group: 'one' }, () => 'a reply');
    const two = recorder({ topic: 'quotes', group: 'two' }, () => 'a reply');
    const { template } = await world.start(one, two);
    assert.equal(await world.passing(template.request('quotes', 'x')), 'a reply');
    await one.got(world, 1);
    await two.got(world, 1);
  });

  it('what a listener of plain messages returns goes nowhere', async (world) => {
    const orders = recorder({ topic: 'orders', backoff: [100] }, () => ({ huge: 'value' }));
    const { template } = await world.start(orders);
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 1);
    await world.pass(5000);
    assert.equal(orders.deliveries.length, 1);
  });

  it('a closing application lets its requests fail', async (world) => {
    const { template, close } = await world.start();
    const waiting = rejects(template.request('nowhere', 'x', { timeout: '60s' }), 'SHUTTING_DOWN', /no replies/);
    await world.pass(100);
    await close();
    await waiting;
  });

  it('options that a request does not have are refused', async (world) => {
    const { template } = await world.start();
    await rejects(template.request('quotes', 'x', { each: 1 } as never), 'BAD_ARGUMENT', /request.*"each"/);
  });
});
