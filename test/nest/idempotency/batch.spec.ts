import { Injectable, ParseIntPipe, UsePipes } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Ctx,
  Idempotent,
  type IdempotentOptions,
  type MessageBatchContext,
  MessageListener,
  Payload,
  RejectMessageError,
} from '../../../lib/index.js';
import { type Bench, closeBenches, newBench } from './support.js';

afterEach(closeBenches);

type Handle = (payloads: unknown[], context: MessageBatchContext) => void;

async function started(handle: Handle, options: IdempotentOptions = {}): Promise<Bench & { handled: unknown[][] }> {
  const handled: unknown[][] = [];
  @Injectable()
  class Payments {
    @MessageListener({ topic: 'payments', group: 'booking', batch: { size: 4, timeout: '1s' }, backoff: [1000] })
    @Idempotent({ key: 'keys', ...options })
    book(payments: unknown[], context: MessageBatchContext): void {
      handled.push(payments);
      expect(context.messages).toHaveLength(payments.length);
      handle(payments, context);
    }
  }
  const bench = newBench();
  await bench.start([Payments]);
  return { ...bench, handled };
}

async function send({ kit }: Bench, ...keys: string[]): Promise<void> {
  for (const key of keys) await kit.template().syncSend('payments', `p-${key}`, { keys: key });
}

describe('a batch of an idempotent listener', () => {
  it('asks for all its messages at once, and its handler gets those that are new', async () => {
    const bench = await started(() => undefined);
    const { kit, store, handled, report } = bench;
    await send(bench, 'a', 'b', 'c', 'd');
    await kit.advance('2s');
    await send(bench, 'b', 'e', 'd', 'f');
    await kit.advance('2s');
    expect(handled).toEqual([
      ['p-a', 'p-b', 'p-c', 'p-d'],
      ['p-e', 'p-f'],
    ]);
    expect(store.of('acquire').map((keys) => keys.length)).toEqual([4, 4]);
    expect(store.of('complete').map((keys) => keys.length)).toEqual([4, 2]);
    expect(kit.consumed().map(({ outcome }) => outcome)).toEqual(new Array(8).fill('acknowledged'));
    expect(report().counts).toMatchObject({ acquired: 6, skipped: 2 });
  });

  it('does not come to its handler when none is new', async () => {
    const bench = await started(() => undefined);
    await send(bench, 'a', 'b', 'c', 'd');
    await bench.kit.advance('2s');
    await send(bench, 'a', 'b', 'c', 'd');
    await bench.kit.advance('2s');
    expect(bench.handled).toHaveLength(1);
    expect(bench.kit.consumed().map(({ outcome }) => outcome)).toEqual(new Array(8).fill('acknowledged'));
  });

  it('settles each of its messages by itself: the failed ones are released, the others marked', async () => {
    const bench = await started((payments, context) => {
      payments.forEach((payment, i) => {
        if (payment === 'p-b' && context.messages[i]!.attempt === 1) context.fail(i, new Error('not yet'));
        if (payment === 'p-c') context.fail(i, new RejectMessageError('never'));
      });
    });
    const { kit, store, handled } = bench;
    await send(bench, 'a', 'b', 'c', 'd');
    await kit.advance('10s');
    expect(handled).toEqual([['p-a', 'p-b', 'p-c', 'p-d'], ['p-b']]);
    expect(store.of('release')).toEqual([['booking|payments|b', 'booking|payments|c']]);
    expect(kit.deadLettered('booking')).toMatchObject([{ payload: 'p-c' }]);
  });

  it('that fails as a whole is released as a whole; what was handled before stays acknowledged', async () => {
    let fail = true;
    const bench = await started(() => {
      if (fail) throw new Error('broken');
    });
    const { kit, handled } = bench;
    fail = false;
    await send(bench, 'a', 'b', 'c', 'd');
    await kit.advance('2s');
    fail = true;
    await send(bench, 'a', 'e', 'f', 'b');
    await kit.advance('1s');
    fail = false;
    await kit.advance('10s');
    expect(handled.slice(1)).toEqual([
      ['p-e', 'p-f'],
      ['p-e', 'p-f'],
    ]);
    expect(kit.retried()).toHaveLength(2);
  });

  it('has a message twice: one runs, the other is looked at again when it is done', async () => {
    const bench = await started(() => undefined);
    await send(bench, 'a', 'a', 'b', 'b');
    await bench.kit.advance('20s');
    expect(bench.handled).toEqual([['p-a', 'p-b']]);
    const outcomes = bench.kit.consumed().map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'acknowledged')).toHaveLength(4);
    expect(outcomes.filter((outcome) => outcome === 'postponed')).toHaveLength(2);
  });

  it('keeps apart what has no key, what conflicts and what a pipe refuses', async () => {
    const handled: unknown[][] = [];
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking', batch: { size: 4, timeout: '1s' } })
      @Idempotent({ key: 'keys', fingerprint: true })
      @UsePipes(ParseIntPipe)
      book(@Payload() payments: number[], @Ctx() _context: MessageBatchContext): void {
        handled.push(payments);
      }
    }
    const bench = newBench();
    await bench.start([Payments]);
    const { kit, store } = bench;
    const pay = (payload: string, keys?: string) => kit.template().syncSend('payments', payload, { keys });
    await pay('1', 'a');
    await kit.advance('2s');
    await pay('2', 'a');
    await pay('3');
    await pay('no number', 'c');
    await pay('4', 'd');
    await kit.advance('2s');
    expect(handled).toEqual([[1], [4]]);
    expect(store.of('release')).toEqual([['booking|payments|c']]);
    const letters = kit.deadLettered('booking').map(({ payload, errorClass }) => [payload, errorClass]);
    expect(letters.toSorted()).toEqual([
      ['2', 'IdempotencyConflictError'],
      ['3', 'IdempotencyKeyError'],
      ['no number', 'BadRequestException'],
    ]);
  });

  it('waits as a whole for a store that is away', async () => {
    const bench = await started(() => undefined);
    bench.store.break(['acquire']);
    await send(bench, 'a', 'b', 'c', 'd');
    await bench.kit.advance('2s');
    expect(bench.handled).toEqual([]);
    bench.store.mend();
    await bench.kit.advance('10s');
    expect(bench.handled.flat()).toHaveLength(4);
    expect(bench.kit.retried()).toEqual([]);
  });
});
