import { Injectable, type Type, UsePipes, ValidationPipe } from '@nestjs/common';
// The pipe loads it with its first payload, which the kit would wait 4 s for.
import 'class-transformer';
import { IsInt } from 'class-validator';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type MessageBatchContext, MessageListener, MessagingModule, RejectMessageError } from '../../lib/index.js';
import { MessagingTestingModule, type MessagingTestKit } from '../../lib/testing.js';

let kit: MessagingTestKit;
afterEach(() => kit.close());

async function start(...providers: Type[]): Promise<void> {
  kit = await MessagingTestingModule.create({
    imports: [MessagingModule.forRoot({ application: 'test' })],
    providers,
  });
}

class Entry {
  @IsInt()
  n!: number;
}

const batch = { size: 3, timeout: '1s' };

describe('batch', () => {
  it('gives the handler payloads and a context, and each message its own outcome', async () => {
    const got: unknown[] = [];
    @Injectable()
    class Entries {
      @MessageListener({ topic: 'x', group: 'g', batch, backoff: [1000] })
      handle(entries: { n: number }[], context: MessageBatchContext): void {
        got.push(entries.map(({ n }) => n));
        entries.forEach(({ n }, index) => {
          if (n === 2) context.fail(index, new RejectMessageError('never'));
          if (n === 3 && context.messages[index]!.attempt === 1) context.fail(index, new Error('not now'));
        });
      }
    }
    await start(Entries);
    for (const n of [1, 2, 3]) await kit.template().syncSend('x', { n });
    await kit.advance('10s');
    expect(got).toEqual([[1, 2, 3], [3]]);
    expect(kit.deadLettered('g')).toHaveLength(1);
  });

  it('runs pipes for each payload; what they refuse is a dead letter, and the handler gets the others', async () => {
    const got: unknown[] = [];
    @Injectable()
    class Entries {
      @MessageListener({ topic: 'x', group: 'g', batch: { ...batch, type: Entry } })
      @UsePipes(new ValidationPipe({ transform: true }))
      handle(entries: Entry[], context: MessageBatchContext): void {
        expect(entries.every((entry) => entry instanceof Entry)).toBe(true);
        expect(context.messages).toHaveLength(entries.length);
        got.push(...entries.map(({ n }) => n));
      }
    }
    await start(Entries);
    for (const n of [1, 'two', 3]) await kit.template().syncSend('x', { n });
    await kit.advance('10s');
    expect(got).toEqual([1, 3]);
    expect(kit.deadLettered('g')).toHaveLength(1);
  });

  it('a failure that is thrown is one of all; fail() knows its places', async () => {
    let calls = 0;
    let refusal: unknown;
    @Injectable()
    class Entries {
      @MessageListener({ topic: 'x', group: 'g', batch, backoff: [1000] })
      handle(_entries: unknown[], context: MessageBatchContext): void {
        if (++calls === 1) throw new Error('not now');
        try {
          context.fail(3, new Error('nobody'));
        } catch (error) {
          refusal = error;
        }
      }
    }
    await start(Entries);
    for (const n of [1, 2, 3]) await kit.template().syncSend('x', { n });
    await kit.advance('10s');
    expect(calls).toBe(2);
    expect(refusal).toMatchObject({
      code: 'BAD_ARGUMENT',
      message: expect.stringMatching(/no message 3, only 0 to 2/),
    });
    expect(kit.deadLettered('g')).toHaveLength(0);
  });
});
