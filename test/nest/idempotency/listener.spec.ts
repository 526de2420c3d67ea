import { type CallHandler, type CanActivate, ForbiddenException, Injectable, Scope } from '@nestjs/common';
import { type ExecutionContext, ParseIntPipe, UseGuards, UseInterceptors } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Observable, tap, timer } from 'rxjs';
import {
  Idempotent,
  IdempotencyInterceptor,
  type LocalTransaction,
  MessageContext,
  MessageListener,
  Payload,
  TransactionListener,
  TransactionState,
} from '../../../lib/index.js';
import { closeBenches, gate, newBench } from './support.js';

afterEach(closeBenches);

describe('an idempotent listener', () => {
  it('handles a message once, and acknowledges what is delivered again', async () => {
    const handled: unknown[] = [];
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking' })
      @Idempotent()
      book(payment: unknown): void {
        handled.push(payment);
      }
    }
    const { kit, start, report, store } = newBench();
    await start([Payments]);
    const { messageId } = await kit.template().syncSend('payments', 'p1');
    await kit.settled();
    await kit.redeliver(kit.consumed()[0]!, { group: 'booking', times: 2 });
    await kit.settled();
    expect(handled).toEqual(['p1']);
    expect(kit.consumed().map(({ outcome }) => outcome)).toEqual(['acknowledged', 'acknowledged', 'acknowledged']);
    expect(report()).toMatchObject({ listener: 'Payments.book', group: 'booking', store: 'faulty' });
    expect(report().counts).toMatchObject({ acquired: 1, skipped: 2, busy: 0, 'lost-lease': 0 });
    expect(new Set(store.of('acquire').flat())).toEqual(new Set([`booking|payments|${messageId}`]));
  });

  it('releases a failed attempt, and keeps its key through retries, delays and transactions', async () => {
    const handled: unknown[] = [];
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking', backoff: [1000] })
      @Idempotent()
      book(payment: unknown, context: MessageContext): void {
        if (context.attempt < 3) throw new Error('not yet');
        handled.push(payment);
      }
    }
    @TransactionListener('pay')
    class Pay implements LocalTransaction {
      execute(): TransactionState {
        return TransactionState.COMMIT;
      }
      check(): TransactionState {
        return TransactionState.COMMIT;
      }
    }
    const { kit, start, report, store } = newBench();
    await start([Payments, Pay]);
    const ids = [
      await kit.template().syncSend('payments', 'now'),
      await kit.template().delay('payments', 'later', '30s'),
      await kit.template().transaction('payments', 'both', 'pay'),
    ].map(({ messageId }) => `booking|payments|${messageId}`);
    await kit.advance('60s');
    for (const message of kit.consumed('payments', { attempt: 3 })) await kit.redeliver(message, { group: 'booking' });
    await kit.settled();
    expect(handled.toSorted()).toEqual(['both', 'later', 'now']);
    expect(new Set(store.of('acquire').flat())).toEqual(new Set(ids));
    expect(store.of('release').flat()).toHaveLength(6);
    expect(report().counts).toMatchObject({ acquired: 9, skipped: 3 });
  });

  it('does not run a duplicate while the first is at work, and skips it when that is done', async () => {
    const { wait, open } = gate();
    let calls = 0;
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking' })
      @Idempotent()
      async book(): Promise<void> {
        calls++;
        await wait;
      }
    }
    const { kit, start, report } = newBench();
    await start([Payments]);
    const sent = await kit.template().syncSend('payments', 1);
    await kit.until(() => calls === 1);
    await kit.redeliver({ ...kit.sent()[0]!, messageId: sent.messageId }, { group: 'booking' });
    await kit.until(() => report().counts.busy === 1);
    expect(kit.consumed()).toMatchObject([{ outcome: 'postponed', attempt: 1, retryDelay: 5000 }]);
    open();
    await kit.advance('5s');
    expect(calls).toBe(1);
    expect(kit.consumed().map(({ outcome }) => outcome)).toEqual(['postponed', 'acknowledged', 'acknowledged']);
    expect(report().counts).toMatchObject({ acquired: 1, busy: 1, skipped: 1 });
  });

  it('gives a duplicate back to the broker with onBusy: retry, which counts as an attempt', async () => {
    const { wait, open } = gate();
    let calls = 0;
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking' })
      @Idempotent({ onBusy: 'retry', lease: '10s' })
      async book(): Promise<void> {
        calls++;
        await wait;
      }
    }
    const { kit, start, report } = newBench();
    await start([Payments]);
    await kit.template().syncSend('payments', 1);
    await kit.until(() => calls === 1);
    await kit.redeliver(kit.sent()[0]! as never, { group: 'booking' });
    await kit.until(() => report().counts.busy === 1);
    open();
    await kit.advance('11s');
    expect(kit.consumed().map(({ outcome, attempt }) => [outcome, attempt])).toEqual([
      ['retried', 1],
      ['acknowledged', 1],
      ['acknowledged', 2],
    ]);
    expect(calls).toBe(1);
  });

  it('makes no record of what a guard denies, and releases what a pipe refuses', async () => {
    @Injectable()
    class Denied implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        if (context.getArgByIndex(0) === 'denied') throw new ForbiddenException();
        return true;
      }
    }
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking' })
      @UseGuards(Denied)
      @Idempotent()
      book(@Payload(ParseIntPipe) _payment: number): void {}
    }
    const { kit, start, store, report } = newBench();
    await start([Payments]);
    await kit.template().syncSend('payments', 'denied');
    await kit.settled();
    expect(store.asked).toEqual([]);
    await kit.template().syncSend('payments', 'no number');
    await kit.settled();
    expect(store.asked.map(({ verb }) => verb)).toEqual(['acquire', 'release']);
    expect(store.size).toBe(0);
    expect(kit.deadLettered('booking')).toHaveLength(2);
    expect(report().counts.acquired).toBe(1);
  });

  it('waits for what an Observable comes to before it marks', async () => {
    const order: string[] = [];
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking' })
      @Idempotent()
      book(): Observable<unknown> {
        return timer(5).pipe(tap(() => order.push('handled')));
      }
    }
    const { kit, start, store } = newBench();
    store.break(['complete'], (passOn) => {
      order.push('marked');
      return passOn();
    });
    await start([Payments]);
    await kit.template().syncSend('payments', 1);
    await kit.settled();
    expect(order).toEqual(['handled', 'marked']);
  });

  it('stands before all other interceptors of the listener, also when one of them makes a success of a failure', async () => {
    const order: string[] = [];
    @Injectable()
    class Other {
      intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
        order.push('other');
        return next.handle();
      }
    }
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking' })
      @UseInterceptors(Other)
      @Idempotent()
      book(): void {
        order.push('handler');
      }
    }
    const { kit, start, store } = newBench();
    store.break(['acquire', 'complete'], (passOn) => {
      order.push('store');
      return passOn();
    });
    await start([Payments]);
    await kit.template().syncSend('payments', 1);
    await kit.settled();
    expect(order).toEqual(['store', 'other', 'handler', 'store']);
  });

  it('can be one by @UseInterceptors, as a class or as an instance with options', async () => {
    const handled: string[] = [];
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'a', group: 'by-class' })
      @UseInterceptors(IdempotencyInterceptor)
      byClass(): void {
        handled.push('class');
      }
      @MessageListener({ topic: 'a', group: 'by-instance' })
      @UseInterceptors(new IdempotencyInterceptor({ key: 'keys' }))
      byInstance(): void {
        handled.push('instance');
      }
    }
    const { kit, start, store } = newBench();
    await start([Payments]);
    const { messageId } = await kit.template().syncSend('a', 1, { keys: 'k-1' });
    await kit.settled();
    for (const message of kit.consumed()) await kit.redeliver(message, { group: message.group });
    await kit.settled();
    expect(handled.toSorted()).toEqual(['class', 'instance']);
    const asked = new Set(store.of('acquire').flat());
    expect(asked).toEqual(new Set([`by-class|a|${messageId}`, 'by-instance|a|k-1']));
  });

  it('replies to a duplicate request as to the first when results are kept, and with an error when not', async () => {
    const calls: string[] = [];
    @Injectable()
    class Prices {
      @MessageListener({ topic: 'ask', tag: 'kept', group: 'kept' })
      @Idempotent({ cacheResult: true, key: 'keys' })
      kept(): object {
        calls.push('kept');
        return { cents: calls.length };
      }
      @MessageListener({ topic: 'ask', tag: 'lost', group: 'lost' })
      @Idempotent({ key: 'keys' })
      lost(): object {
        calls.push('lost');
        return { cents: 1 };
      }
      @MessageListener({ topic: 'ask', tag: 'bytes', group: 'bytes' })
      @Idempotent({ cacheResult: true, key: 'keys' })
      bytes(): Buffer {
        calls.push('bytes');
        return Buffer.from([1, 2, 255]);
      }
    }
    const { kit, start } = newBench();
    await start([Prices]);
    const ask = (tag: string) => kit.template().request(`ask:${tag}`, {}, { keys: 'k' });
    expect(await ask('kept')).toEqual({ cents: 1 });
    expect(await ask('kept')).toEqual({ cents: 1 });
    expect(await ask('bytes')).toEqual(Buffer.from([1, 2, 255]));
    expect(await ask('bytes')).toEqual(Buffer.from([1, 2, 255]));
    expect(await ask('lost')).toEqual({ cents: 1 });
    await expect(ask('lost')).rejects.toThrow('its result was not kept');
    expect(calls).toEqual(['kept', 'bytes', 'lost']);
    expect(kit.deadLettered()).toEqual([]);
  });

  it('may be a class that is made for each message', async () => {
    const handled: unknown[] = [];
    @Injectable({ scope: Scope.REQUEST })
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking' })
      @Idempotent()
      book(payment: unknown): void {
        handled.push(payment);
      }
    }
    const { kit, start, report } = newBench();
    await start([Payments]);
    await kit.template().syncSend('payments', 'p1');
    await kit.settled();
    await kit.redeliver(kit.consumed()[0]!, { group: 'booking' });
    await kit.settled();
    expect(handled).toEqual(['p1']);
    expect(report().counts).toMatchObject({ acquired: 1, skipped: 1 });
  });

  it('shares what it has handled with the other members of its group', async () => {
    const { wait, open } = gate();
    const handled: string[] = [];
    const member = (name: string) => {
      @Injectable()
      class Payments {
        @MessageListener({ topic: 'payments', group: 'booking' })
        @Idempotent({ key: 'keys' })
        async book(): Promise<void> {
          handled.push(name);
          await wait;
        }
      }
      return Payments;
    };
    const { kit, start, store } = newBench();
    await start([member('one')]);
    await start([member('two')]);
    // Until the queues of the topic are divided among the two.
    await kit.advance('1m');
    for (let i = 0; i < 8; i++) await kit.template().syncSend('payments', i, { keys: 'k' });
    await kit.until(() => store.of('acquire').length === 8);
    expect(handled).toHaveLength(1);
    open();
    await kit.advance('10s');
    expect(handled).toHaveLength(1);
    expect(kit.consumed('payments', { outcome: 'acknowledged' })).toHaveLength(8);
  });
});
