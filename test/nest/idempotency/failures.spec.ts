import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  ConsumeMode,
  Idempotent,
  type IdempotentOptions,
  MessageContext,
  MessageListener,
} from '../../../lib/index.js';
import { type Bench, closeBenches, gate, newBench } from './support.js';

afterEach(closeBenches);

const SECOND = 1000;

/** A listener that counts its calls and does what the test says; the payload is its message's key. */
async function started(
  options: IdempotentOptions = {},
  handle: (call: number, context: MessageContext) => unknown = () => undefined,
): Promise<Bench & { calls(): number; send(): Promise<string>; outcomes(): string[] }> {
  let calls = 0;
  @Injectable()
  class Payments {
    @MessageListener({ topic: 'payments', group: 'booking', backoff: [SECOND] })
    @Idempotent(options)
    async book(_: unknown, context: MessageContext): Promise<void> {
      await handle(++calls, context);
    }
  }
  const bench = newBench();
  await bench.start([Payments]);
  return {
    ...bench,
    calls: () => calls,
    /** Gives the key. */
    send: async () => `booking|payments|${(await bench.kit.template().syncSend('payments', 1)).messageId}`,
    outcomes: () => bench.kit.consumed().map(({ outcome }) => outcome),
  };
}

const claimed = (key: string) => [{ key, fingerprint: undefined }];

describe('a process that dies', () => {
  it('before or after the handler, but before the mark: the next attempt runs when the lease has ended', async () => {
    const { kit, store, calls, send, outcomes } = await started();
    // The dead one asked for it first: the store answers nobody until it has.
    const { wait, open } = gate();
    store.break(['acquire'], async (passOn) => (await wait, passOn()));
    const key = await send();
    await kit.until(() => store.of('acquire').length === 1);
    store.mend();
    await store.acquire(claimed(key), 60 * SECOND);
    open();
    await kit.advance('55s');
    expect(calls()).toBe(0);
    expect(new Set(outcomes())).toEqual(new Set(['postponed']));
    await kit.advance('10s');
    expect(calls()).toBe(1);
    expect(outcomes().at(-1)).toBe('acknowledged');
    expect(kit.consumed().at(-1)!.attempt).toBe(1);
  });

  it('between mark and acknowledgement: what comes again is acknowledged and not run', async () => {
    const { kit, store, calls, send, outcomes } = await started();
    const { wait, open } = gate();
    store.break(['acquire'], async (passOn) => (await wait, passOn()));
    const key = await send();
    await kit.until(() => store.of('acquire').length === 1);
    store.mend();
    const [dead] = await store.acquire(claimed(key), 60 * SECOND);
    if (dead!.outcome === 'acquired')
      await store.complete([{ key, token: dead!.token, result: undefined }], 60 * SECOND);
    open();
    await kit.settled();
    expect(calls()).toBe(0);
    expect(outcomes()).toEqual(['acknowledged']);
  });
});

describe('a store that is away', () => {
  it('suspends the listener, burns no attempt, and is asked less and less often', async () => {
    const { kit, store, calls, send, report } = await started();
    store.break(['acquire']);
    await send();
    await kit.advance('31s');
    // At 0, 1, 3, 7, 15 and 31 s.
    expect(store.of('acquire')).toHaveLength(6);
    expect(calls()).toBe(0);
    expect(report().storeDownSince).toBeDefined();
    await send();
    await send();
    await kit.advance('25s');
    expect(store.of('acquire')).toHaveLength(6);
    store.mend();
    await kit.advance('10s');
    expect(calls()).toBe(3);
    expect(kit.consumed('payments', { outcome: 'acknowledged' }).map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
    expect(kit.retried()).toEqual([]);
    expect(report()).toMatchObject({ storeDownSince: undefined, unprotected: 0, counts: { acquired: 3, skipped: 0 } });
  });

  it('is not waited for with failurePolicy open: messages are handled without it, and counted', async () => {
    const { kit, store, calls, send, report, outcomes } = await started({ failurePolicy: 'open' });
    store.break(['acquire']);
    await send();
    await kit.settled();
    await kit.redeliver(kit.consumed()[0]!, { group: 'booking' });
    await kit.settled();
    expect(calls()).toBe(2);
    expect(outcomes()).toEqual(['acknowledged', 'acknowledged']);
    expect(report()).toMatchObject({ unprotected: 2, counts: { 'store-error': 2, acquired: 0 } });
    expect(store.of('acquire')).toHaveLength(1);
  });

  it('is told when it is back what was handled meanwhile, which is not handled again', async () => {
    const { kit, store, calls, send, outcomes, report } = await started();
    store.break(['complete']);
    const key = await send();
    await kit.advance('10s');
    expect(calls()).toBe(1);
    expect(new Set(outcomes())).toEqual(new Set(['postponed']));
    store.mend();
    await kit.advance('10s');
    expect(calls()).toBe(1);
    expect(outcomes().at(-1)).toBe('acknowledged');
    expect((await store.acquire(claimed(key), SECOND))[0]!.outcome).toBe('completed');
    expect(report().counts).toMatchObject({ acquired: 1, 'lost-lease': 0 });
  });

  it('may lose a mark with failurePolicy open: the message is acknowledged all the same', async () => {
    const { kit, store, calls, send, outcomes } = await started({ failurePolicy: 'open' });
    store.break(['complete']);
    await send();
    await kit.settled();
    expect([calls(), outcomes()]).toEqual([1, ['acknowledged']]);
  });

  it('cannot release: the next attempt runs when the lease has ended', async () => {
    const { kit, store, calls, send, outcomes } = await started({ lease: '30s' }, (call) => {
      if (call === 1) throw new Error('not yet');
    });
    store.break(['release']);
    await send();
    await kit.settled();
    store.mend();
    await kit.advance('25s');
    expect(calls()).toBe(1);
    await kit.advance('10s');
    expect(calls()).toBe(2);
    expect(outcomes()[0]).toBe('retried');
    expect(outcomes().at(-1)).toBe('acknowledged');
  });

  it('holds up an ordered queue, whose order stays', async () => {
    const handled: unknown[] = [];
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking', mode: ConsumeMode.ORDERLY })
      @Idempotent()
      book(payment: unknown, { attempt }: MessageContext): void {
        handled.push([payment, attempt]);
      }
    }
    const { kit, store, start } = newBench();
    await start([Payments]);
    const send = (payment: number) => kit.template().sendOrderly('payments', payment, 'account');
    await send(1);
    await kit.settled();
    store.break(['acquire']);
    for (const payment of [2, 3]) await send(payment);
    await kit.advance('10s');
    expect(handled).toHaveLength(1);
    store.mend();
    await kit.advance('30s');
    expect(handled).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
  });

  it('counts as away when it answers with nonsense', async () => {
    const { kit, store, calls, send, outcomes } = await started();
    store.break(['acquire'], () => Promise.resolve([]));
    await send();
    await kit.settled();
    expect([calls(), outcomes()]).toEqual([0, ['postponed']]);
    expect((kit.consumed()[0]!.error as Error).cause).toMatchObject({ code: 'IDEMPOTENCY_STORE_FAILED' });
  });
});
