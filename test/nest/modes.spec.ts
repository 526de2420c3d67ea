import { Injectable, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { of } from 'rxjs';
import { ConsumeMode, Ctx, MessageContext, MessageListener, MessagingTemplate, Payload } from '../../lib/index.js';
import { LogBook, closeApplications, startApplication } from './support/application.js';
import { gate, until } from './support/until.js';

afterEach(closeApplications);

const FirstKey = createParamDecorator((_data: unknown, context: ExecutionContext) => {
  return context.switchToRpc().getContext<MessageContext>().message.keys[0];
});

describe('modes', () => {
  it('concurrent: no more handlers at once than the listener says', async () => {
    const release = gate();
    let running = 0;
    let most = 0;
    let done = 0;
    @Injectable()
    class Listener {
      @MessageListener({ topic: 'x', concurrency: 3 })
      async handle(): Promise<void> {
        most = Math.max(most, ++running);
        await release.opened;
        running--;
        done++;
      }
    }
    const sender = (await startApplication({ providers: [Listener] })).get(MessagingTemplate);
    await Promise.all(Array.from({ length: 12 }, (_, n) => sender.syncSend('x', n)));
    await until(() => running === 3, 'three handlers at work');
    release.open();
    await until(() => done === 12, 'all messages');
    expect(most).toBe(3);
  });

  it.each([ConsumeMode.CONCURRENT, ConsumeMode.ORDERLY, ConsumeMode.BROADCAST])(
    '%s: a handler may throw what has no text, and others go on',
    async (mode) => {
      const logger = new LogBook();
      const seen: string[] = [];
      @Injectable()
      class Listener {
        @MessageListener({ topic: 'x', mode, ...(mode === ConsumeMode.BROADCAST ? {} : { maxReconsumeTimes: 0 }) })
        handle(payload: string): void {
          seen.push(payload);
          if (payload === 'a') throw Object.create(null);
        }
      }
      // A close that waited for the whole budget would not end within this test.
      const app = await startApplication({ messaging: { shutdownBudget: '1h' }, providers: [Listener], logger });
      const sender = app.get(MessagingTemplate);
      await sender.sendOrderly('x', 'a', 'key');
      await until(() => logger.find('error', /a value that cannot be shown/).length === 1, 'the log');
      await sender.sendOrderly('x', 'b', 'key');
      await until(() => seen.length === 2, 'the next message');
      await app.close();
    },
  );

  it('orderly: a failing message holds those behind it', async () => {
    const order: string[] = [];
    let failures = 2;
    @Injectable()
    class Listener {
      @MessageListener({ topic: 'x', mode: ConsumeMode.ORDERLY, backoff: [1] })
      handle(payload: string): void {
        if (payload === 'a' && failures-- > 0) {
          order.push('a failed');
          throw new Error('not yet');
        }
        order.push(payload);
      }
    }
    const sender = (await startApplication({ providers: [Listener] })).get(MessagingTemplate);
    for (const payload of ['a', 'b', 'c']) await sender.sendOrderly('x', payload, 'key');
    await until(() => order.length === 5, 'all messages');
    expect(order).toEqual(['a failed', 'a failed', 'a', 'b', 'c']);
  });

  it('broadcast: a failure is not repeated', async () => {
    const seen: unknown[] = [];
    @Injectable()
    class Listener {
      @MessageListener('x', '*', 'all', ConsumeMode.BROADCAST)
      handle(payload: unknown): void {
        seen.push(payload);
        if (payload === 1) throw new Error('lost');
      }
    }
    const sender = (await startApplication({ providers: [Listener] })).get(MessagingTemplate);
    await sender.syncSend('x', 1);
    await until(() => seen.length === 1, 'the first message');
    await sender.syncSend('x', 2);
    await until(() => seen.length >= 2, 'the second message');
    expect(seen).toEqual([1, 2]);
  });
});

describe('what a handler is called with', () => {
  it('every mixture of decorated parameters', async () => {
    const seen: unknown[] = [];
    @Injectable()
    class Listener {
      @MessageListener('x', 'a')
      none(): void {
        seen.push('none');
      }
      @MessageListener('x', 'b')
      custom(
        @FirstKey() key: string,
        @Payload('id') id: number,
        unknown: unknown,
        @Ctx() context: MessageContext,
      ): void {
        seen.push([key, id, unknown, context.attempt]);
      }
      @MessageListener('x', 'c')
      swapped(@Ctx() context: MessageContext, @Payload() payload: object): void {
        seen.push([context instanceof MessageContext, payload]);
      }
      @MessageListener('x', 'd')
      observable(payload: { id: number }): unknown {
        return of(1, 2, void seen.push(payload.id));
      }
    }
    const sender = (await startApplication({ providers: [Listener] })).get(MessagingTemplate);
    for (const tag of ['a', 'b', 'c', 'd']) {
      const before = seen.length;
      await sender.syncSend(`x:${tag}`, { id: 7 }, { keys: 'first' });
      await until(() => seen.length > before, `listener ${tag}`);
    }
    expect(seen).toEqual(['none', ['first', 7, undefined, 1], [true, { id: 7 }], 7]);
  });
});
