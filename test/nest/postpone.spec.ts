import { afterEach, describe, expect, it } from '@jest/globals';
import { Catch, type ExceptionFilter, Injectable, type Type, UseFilters } from '@nestjs/common';
import {
  type MessageBatchContext,
  MessageListener,
  MessageListenerRegistry,
  MessagingModule,
  PostponeError,
} from '../../lib/index.js';
import { MessagingTestingModule, type MessagingTestKit } from '../../lib/testing.js';

let kit: MessagingTestKit;
afterEach(() => kit.close());

async function start(...providers: Type[]): Promise<void> {
  kit = await MessagingTestingModule.create({
    imports: [MessagingModule.forRoot({ application: 'test' })],
    providers,
  });
}

const outcomes = (): unknown[] =>
  kit.consumed('x').map(({ payload, attempt, outcome, retryDelay }) => [payload, attempt, outcome, retryDelay]);

describe('PostponeError', () => {
  it('suspends the listener that throws it, which the registry shows with the reason', async () => {
    let down = true;
    @Injectable()
    class Ledger {
      @MessageListener({ topic: 'x', group: 'g', concurrency: 1 })
      handle(): void {
        if (down) throw new PostponeError(60_000, 'the ledger is closed', { suspendListener: true });
      }
    }
    await start(Ledger);
    const registry = kit.get(MessageListenerRegistry);
    expect(registry.list()[0]).toMatchObject({ name: 'Ledger.handle', suspended: undefined });
    const sentAt = kit.now().getTime();
    for (const n of [1, 2]) await kit.template().syncSend('x', n);
    await kit.advance('30s');
    expect(registry.list()[0]!.suspended).toMatchObject({ reason: 'the ledger is closed' });
    expect(registry.list()[0]!.suspended!.until).toBeGreaterThanOrEqual(sentAt + 60_000);
    expect(outcomes()).toEqual([[1, 1, 'postponed', 60_000]]);
    down = false;
    await kit.advance('31s');
    expect(registry.list()[0]).toMatchObject({ suspended: undefined, paused: false });
    expect(outcomes()).toEqual([
      [1, 1, 'postponed', 60_000],
      [1, 1, 'acknowledged', undefined],
      [2, 1, 'acknowledged', undefined],
    ]);
  });

  it('puts off one message of a batch', async () => {
    const got: unknown[] = [];
    @Injectable()
    class Ledger {
      @MessageListener({ topic: 'x', group: 'g', batch: { size: 3, timeout: '1s' } })
      handle(entries: number[], context: MessageBatchContext): void {
        got.push(entries);
        if (got.length === 1) context.fail(1, new PostponeError(5000));
      }
    }
    await start(Ledger);
    for (const n of [1, 2, 3]) await kit.template().syncSend('x', n);
    await kit.advance('10s');
    expect(got).toEqual([[1, 2, 3], [2]]);
    expect(kit.consumed('x', { outcome: 'postponed' })).toMatchObject([{ payload: 2, attempt: 1 }]);
  });

  it('is what a filter may turn a failure into', async () => {
    @Catch(RangeError)
    class Later implements ExceptionFilter {
      catch(): never {
        throw new PostponeError(1000);
      }
    }
    let calls = 0;
    @Injectable()
    class Ledger {
      @MessageListener({ topic: 'x', group: 'g' })
      @UseFilters(Later)
      handle(): void {
        if (++calls === 1) throw new RangeError('full');
      }
    }
    await start(Ledger);
    await kit.template().syncSend('x', 1);
    await kit.advance('10s');
    expect(outcomes()).toEqual([
      [1, 1, 'postponed', 1000],
      [1, 1, 'acknowledged', undefined],
    ]);
  });
});
