import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  ConsumeMode,
  Idempotent,
  InjectAdmin,
  MessageContext,
  MessageListener,
  MessagingAdmin,
  type ReceivedMessage,
} from '../../../lib/index.js';
import { closeBenches, newBench } from './support.js';

afterEach(closeBenches);

describe('the same message', () => {
  it('handles what is resent on purpose once more, and once only', async () => {
    let fail = true;
    const handled: unknown[] = [];
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking', maxReconsumeTimes: 0 })
      @Idempotent({ key: 'keys' })
      book(payment: unknown, { message }: MessageContext): void {
        handled.push([payment, message.resent]);
        if (fail) throw new Error('broken');
      }
    }
    @Injectable()
    class Operator {
      constructor(@InjectAdmin() readonly admin: MessagingAdmin) {}
    }
    const { kit, start, store, modules } = newBench();
    await start([Payments, Operator]);
    await kit.template().syncSend('payments', 1, { keys: 'k' });
    await kit.settled();
    fail = false;
    const { admin } = modules[0]!.get(Operator, { strict: false });
    await admin.deadLetters.resendAll('booking');
    await kit.settled();
    expect(handled).toEqual([
      [1, false],
      [1, true],
    ]);
    const [first, second] = store.of('acquire').flat();
    expect(first).toBe('booking|payments|k');
    expect(second).toMatch(/^booking\|payments\|\\again .+\|k$/);
    await kit.redeliver(kit.consumed('payments').at(-1)!, { group: 'booking' });
    await kit.settled();
    expect(handled).toHaveLength(2);
  });

  it('handles what is broadcast in every instance, and in each once', async () => {
    const handled: string[] = [];
    const board = (name: string) => {
      @Injectable()
      class Board {
        @MessageListener({ topic: 'prices', group: 'board', mode: ConsumeMode.BROADCAST })
        @Idempotent()
        show(): void {
          handled.push(name);
        }
      }
      return Board;
    };
    const { kit, start, store } = newBench();
    await start([board('one')]);
    await start([board('two')], {}, 'other');
    await kit.template().syncSend('prices', 1);
    await kit.settled();
    await kit.redeliver(kit.consumed()[0]!);
    await kit.settled();
    expect(handled.toSorted()).toEqual(['one', 'two']);
    expect(new Set(store.of('acquire').flat()).size).toBe(2);
    expect(kit.consumed()).toHaveLength(4);
  });

  it('knows a message by what a function gives, and makes a dead letter of one without a key', async () => {
    const handled: unknown[] = [];
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking' })
      @Idempotent({ key: ({ properties: { account, number } }: ReceivedMessage) => account && [account, number!] })
      book(payment: unknown): void {
        handled.push(payment);
      }
    }
    const { kit, start, store } = newBench();
    await start([Payments]);
    const pay = (payload: string, properties: Record<string, string>) =>
      kit.template().syncSend('payments', payload, { properties });
    await pay('first', { account: 'a|b', number: '1' });
    await kit.settled();
    await pay('again', { account: 'a|b', number: '1' });
    await pay('other', { account: 'a', number: 'b|1' });
    await pay('without', {});
    await kit.settled();
    expect(handled).toEqual(['first', 'other']);
    expect(new Set(store.of('acquire').flat()).size).toBe(2);
    const [letter] = kit.deadLettered('booking');
    expect(letter).toMatchObject({ payload: 'without', errorClass: 'IdempotencyKeyError' });
    expect(letter!.reason).toContain('no key');
  });

  it('finds a conflict where a known key comes with another payload', async () => {
    const handled: unknown[] = [];
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking' })
      @Idempotent({ key: 'keys', fingerprint: true })
      book(payment: unknown): void {
        handled.push(payment);
      }
    }
    const { kit, start, report } = newBench();
    await start([Payments]);
    for (const payload of ['100 EUR', '100 EUR', '999 EUR']) {
      await kit.template().syncSend('payments', payload, { keys: 'k' });
      await kit.settled();
    }
    expect(handled).toEqual(['100 EUR']);
    expect(kit.deadLettered('booking')).toMatchObject([
      { payload: '999 EUR', errorClass: 'IdempotencyConflictError', attempts: 1 },
    ]);
    expect(report().counts).toMatchObject({ acquired: 1, skipped: 1, conflict: 1 });
  });
});
