import { Injectable, type Type } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MessageListener, MessagingModule, type ReceivedMessage, RejectMessageError } from '../../lib/index.js';
import { MessagingTestingModule, type MessagingTestKit } from '../../lib/testing.js';

let kit: MessagingTestKit;
afterEach(() => kit.close());

async function start(...providers: Type[]): Promise<void> {
  kit = await MessagingTestingModule.create({
    imports: [MessagingModule.forRoot({ application: 'test' })],
    providers,
  });
}

describe('rateLimit', () => {
  it('spaces the messages of a listener', async () => {
    const at: number[] = [];
    @Injectable()
    class Slow {
      @MessageListener({ topic: 'x', rateLimit: { limit: 2, interval: '1m' } })
      handle(): void {
        at.push(kit.now().getTime());
      }
    }
    await start(Slow);
    await kit.template().batch('x', [1, 2, 3, 4]);
    await kit.advance('5m');
    expect(at.slice(1).map((time, index) => time - at[index]!)).toEqual([30_000, 30_000, 30_000]);
  });
});

describe('keyOrder', () => {
  it.each([
    ['true', true as const],
    ['a function', (message: ReceivedMessage) => message.properties.account],
  ])('%s: the messages of a key one after the other, of others at once', async (_, keyOrder) => {
    const events: string[] = [];
    @Injectable()
    class Accounts {
      @MessageListener({ topic: 'x', keyOrder })
      async book(step: string): Promise<void> {
        events.push(`${step} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        events.push(`${step} ends`);
      }
    }
    await start(Accounts);
    const sender = kit.template();
    await Promise.all(
      ['A1', 'A2', 'B1'].map((step) => sender.sendOrderly('x', step, step[0]!, { properties: { account: step[0]! } })),
    );
    await kit.settled();
    expect(events.indexOf('A2 begins')).toBeGreaterThan(events.indexOf('A1 ends'));
    expect(events.indexOf('B1 begins')).toBeLessThan(events.indexOf('A2 begins'));
  });
});

describe("delivery: 'at-most-once'", () => {
  it('a failure is the end of it, for the test kit too; a rejection is a dead letter', async () => {
    @Injectable()
    class Once {
      @MessageListener({ topic: 'x', group: 'g', delivery: 'at-most-once' })
      handle(what: string): void {
        if (what === 'bad') throw new RejectMessageError('never');
        if (what === 'failing') throw new Error('not now');
      }
    }
    await start(Once);
    for (const what of ['fine', 'failing', 'bad']) await kit.template().syncSend('x', what);
    await kit.advance('3h');
    expect(
      kit
        .consumed('x')
        .map(({ payload, outcome }) => [payload, outcome])
        .toSorted(),
    ).toEqual([
      ['bad', 'dead-lettered'],
      ['failing', 'failed'],
      ['fine', 'acknowledged'],
    ]);
    expect(kit.deadLettered('g')).toHaveLength(1);
  });
});
