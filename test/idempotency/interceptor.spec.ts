import type { CallHandler, ExecutionContext } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { defer, lastValueFrom } from 'rxjs';
import type { ReceivedMessage } from '../../lib/client/index.js';
import {
  type Claimed,
  DELIVERY,
  type DeliveringListener,
  IdempotencyInterceptor,
  IdempotencyOutcomes,
  type IdempotentDelivery,
  type IdempotentOptions,
  MemoryIdempotencyStore,
} from '../../lib/idempotency/index.js';
import { silentLogger, VirtualClock } from '../../lib/platform/index.js';

const SECOND = 1000;
const KEY = 'g|t|id-1';

/** An interceptor, a listener and a store on one virtual clock; every attempt is a delivery of the same message. */
function bench(options: IdempotentOptions = {}) {
  const clock = new VirtualClock();
  const store = new MemoryIdempotencyStore({ clock });
  const outcomes = new IdempotencyOutcomes((error) => {
    throw error;
  });
  const interceptor = new IdempotencyInterceptor({ store, lease: '30s', ...options });
  const listener: DeliveringListener = {
    name: 'Payments.book',
    group: 'g',
    connection: 'default',
    instance: undefined,
    delivery: 'at-least-once',
    clock,
    logger: silentLogger,
    outcomes,
    options: undefined,
    defaults: undefined,
    severalMethods: false,
  };
  const message = {
    messageId: 'id-1',
    topic: 't',
    isRequest: false,
    repetition: undefined,
    systemProperty: (name: string) => (name === 'UNIQ_KEY' ? 'id-1' : undefined),
  } as unknown as ReceivedMessage;

  /** One delivery, in a handler that ends when the test says so. */
  function attempt(handle: () => unknown = () => undefined) {
    const aborted: Error[] = [];
    const revoked = new AbortController();
    let calls = 0;
    let finish!: (outcome?: unknown) => void;
    let fail!: (error: Error) => void;
    const ended = new Promise<unknown>((resolve, reject) => {
      finish = resolve;
      fail = reject;
    });
    ended.catch(() => undefined);
    const delivery: IdempotentDelivery = {
      listener,
      messages: [message],
      batch: undefined,
      several: false,
      isTaken: false,
      signal: revoked.signal,
      abort: (reason) => void aborted.push(reason),
      watch: () => undefined,
      setTransaction: () => undefined,
      end: () => undefined,
    };
    const context = { getArgByIndex: () => ({ [DELIVERY]: delivery }) } as unknown as ExecutionContext;
    const next: CallHandler = {
      handle: () =>
        defer(async () => {
          calls++;
          handle();
          return ended;
        }),
    };
    const settled = (async () => {
      try {
        return await lastValueFrom(await interceptor.intercept(context, next), { defaultValue: undefined });
      } catch (error) {
        return error;
      }
    })();
    return { settled, finish, fail, aborted, revoke: () => revoked.abort(), calls: () => calls };
  }

  const report = () => outcomes.report('Payments.book')!.counts;
  const look = async (): Promise<Claimed['outcome']> => {
    const [claimed] = await store.acquire([{ key: KEY, fingerprint: undefined }], SECOND);
    return claimed!.outcome;
  };
  return { clock, store, attempt, report, look };
}

describe('the lease of an attempt', () => {
  it('is kept while the handler runs, and no timer is left afterwards', async () => {
    const { clock, attempt, look, report } = bench();
    const slow = attempt();
    await clock.advance(600 * SECOND);
    expect(await look()).toBe('busy');
    slow.finish('done');
    expect(await slow.settled).toBe('done');
    expect(await look()).toBe('completed');
    expect(report()).toMatchObject({ acquired: 1, 'lost-lease': 0 });
    await clock.advance(30 * SECOND);
    expect(clock.pending).toEqual([]);
  });

  it('is not kept any longer once the message may go to another member', async () => {
    const { clock, attempt, look } = bench();
    const revoked = attempt();
    await clock.advance(60 * SECOND);
    revoked.revoke();
    await clock.advance(40 * SECOND);
    expect(await look()).toBe('acquired');
    revoked.finish();
    await revoked.settled;
  });

  it('that a zombie has lost makes it no success: it is postponed, and the other attempt decides', async () => {
    const { clock, store, attempt, report } = bench();
    store.extend = (held) => Promise.resolve(held.map(() => false));
    const zombie = attempt();
    await clock.advance(31 * SECOND);
    expect(zombie.aborted).toHaveLength(1);
    const other = attempt();
    await clock.settle();
    expect(other.calls()).toBe(1);
    zombie.finish();
    expect(await zombie.settled).toMatchObject({ name: 'PostponeError', suspendListener: false });
    other.finish('by the other');
    expect(await other.settled).toBe('by the other');
    expect(report()).toMatchObject({ acquired: 2, 'lost-lease': 1 });
    const again = attempt();
    expect(await again.settled).toBeUndefined();
    expect(again.calls()).toBe(0);
  });

  it('that a failing zombie has lost is not released: the other attempt goes on undisturbed', async () => {
    const { clock, store, attempt, look, report } = bench();
    store.extend = (held) => Promise.resolve(held.map(() => false));
    const zombie = attempt();
    await clock.advance(31 * SECOND);
    const other = attempt();
    await clock.settle();
    zombie.fail(new Error('interrupted'));
    const outcome = (await zombie.settled) as Error;
    expect(outcome).toMatchObject({ name: 'PostponeError' });
    expect((outcome.cause as Error).message).toBe('interrupted');
    expect(await look()).toBe('busy');
    other.finish();
    await other.settled;
    expect(report()['lost-lease']).toBe(1);
  });

  it('that only ended, and that nobody took over, still marks what was handled', async () => {
    const { clock, store, attempt, look, report } = bench();
    store.extend = () => Promise.reject(new Error('away'));
    const late = attempt();
    await clock.advance(100 * SECOND);
    expect(late.aborted).toHaveLength(1);
    late.finish('done');
    expect(await late.settled).toBe('done');
    expect(await look()).toBe('completed');
    expect(report()['lost-lease']).toBe(0);
  });
});

describe('a store that does not answer', () => {
  it('is waited for 5 s; what it acquires later is given back', async () => {
    const { clock, store, attempt, look } = bench();
    const { acquire } = store;
    let answer!: () => void;
    const answers = new Promise<void>((resolve) => {
      answer = resolve;
    });
    store.acquire = async (...asked) => {
      await answers;
      return acquire.apply(store, asked);
    };
    const waiting = attempt();
    await clock.advance(5 * SECOND);
    expect(await waiting.settled).toMatchObject({ name: 'PostponeError', suspendListener: true, delayMillis: SECOND });
    expect(waiting.calls()).toBe(0);
    store.acquire = acquire;
    answer();
    await clock.settle();
    expect(await look()).toBe('acquired');
  });

  it('when marking is marked later, and the handler does not run again', async () => {
    const { clock, store, attempt, look } = bench();
    const { complete } = store;
    store.complete = () => new Promise(() => undefined);
    const first = attempt();
    first.finish('done');
    await clock.advance(5 * SECOND);
    expect(await first.settled).toMatchObject({ name: 'PostponeError', suspendListener: true });
    await clock.advance(120 * SECOND);
    expect(await look()).toBe('busy');
    store.complete = complete;
    await clock.advance(60 * SECOND);
    expect(await look()).toBe('completed');
    const again = attempt();
    await again.settled;
    expect(again.calls()).toBe(0);
  });

  it('when marking counts the message and its duplicate once each, although both wait for the mark', async () => {
    const { clock, store, attempt, report } = bench();
    const { complete } = store;
    store.complete = () => new Promise(() => undefined);
    const first = attempt();
    first.finish('done');
    await clock.advance(5 * SECOND);
    await first.settled;
    store.complete = complete;
    await clock.advance(SECOND);
    const both = [attempt(), attempt()];
    for (const again of both) expect(await again.settled).not.toBeInstanceOf(Error);
    expect(both.map((again) => again.calls())).toEqual([0, 0]);
    expect(report()).toMatchObject({ acquired: 1, skipped: 1 });
  });
});
