import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MessageListener, MessagingTemplate, type SendResult } from '../../lib/index.js';
import { closeApplications, startApplication } from './support/application.js';
import { until } from './support/until.js';

afterEach(closeApplications);

const seen: unknown[] = [];
beforeEach(() => void (seen.length = 0));

@Injectable()
class Till {
  @MessageListener('payments')
  take(payload: unknown): void {
    seen.push(payload);
  }
}

async function template(): Promise<MessagingTemplate> {
  const broker = { memory: true, topics: [{ name: 'payments', dedup: { window: 60_000 } }] };
  return (await startApplication({ providers: [Till], messaging: { broker } })).get(MessagingTemplate);
}

describe('dedupId', () => {
  it('is taken by every verb that sends one message, and one listener call follows', async () => {
    const sender = await template();
    const options = { dedupId: 'invoice-17' };
    const results: SendResult[] = [];
    results.push(await sender.syncSend('payments', 'one', options));
    results.push(await sender.sendOrderly('payments', 'two', 'key', options));
    results.push(await sender.delay('payments', 'three', '1s', options));
    results.push(
      await new Promise<SendResult>((onSuccess, onException) =>
        sender.asyncSend('payments', 'four', { onSuccess, onException }, options),
      ),
    );
    sender.sendOneWay('payments', 'five', options);
    expect(results.map(({ duplicate }) => duplicate)).toEqual([false, true, true, true]);
    expect(new Set(results.map(({ messageId, offsetMessageId }) => `${messageId} ${offsetMessageId}`)).size).toBe(1);
    await sender.syncSend('payments', 'last');
    await until(() => seen.includes('last'), 'the last message');
    expect(seen).toEqual(['one', 'last']);
  });

  it.each([
    ['batch', (sender: MessagingTemplate) => sender.batch('payments', ['x'], { dedupId: 'a' } as never)],
    [
      'batch',
      (sender: MessagingTemplate) => sender.batch('payments', ['x'], { each: () => ({ dedupId: 'a' }) as never }),
    ],
    [
      'transaction',
      (sender: MessagingTemplate) => sender.transaction('payments', 'x', 'name', { dedupId: 'a' } as never),
    ],
    ['request', (sender: MessagingTemplate) => sender.request('payments', 'x', { dedupId: 'a' } as never)],
    ['syncSend', (sender: MessagingTemplate) => sender.syncSend('payments', 'x', { dedupId: '' })],
    ['syncSend', (sender: MessagingTemplate) => sender.syncSend('payments', 'x', { dedupId: 5 as never })],
    ['syncSend', (sender: MessagingTemplate) => sender.syncSend('payments', 'x', { dedupId: 'ä'.repeat(128) })],
  ])('is refused where it makes no sense: %s', async (verb, send) => {
    await expect(send(await template())).rejects.toMatchObject({
      code: 'BAD_ARGUMENT',
      message: expect.stringMatching(new RegExp(`^${verb}: .*dedupId`)),
    });
  });

  it('is refused by a topic that does not de-duplicate', async () => {
    await expect((await template()).syncSend('other', 'x', { dedupId: 'a' })).rejects.toMatchObject({
      code: 'PROPERTIES_INVALID',
      retryable: false,
    });
  });
});
