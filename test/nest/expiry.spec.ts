import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MessageListener, type MessagingTemplate, MessagingModule, RetryLaterError } from '../../lib/index.js';
import { MessagingTestingModule, type MessagingTestKit } from '../../lib/testing.js';

const handled: string[] = [];

@Injectable()
class Offers {
  @MessageListener({ topic: 'offers', group: 'offers' })
  onOffer(offer: string): void {
    handled.push(offer);
    throw new RetryLaterError(30_000);
  }
}

describe('expiresIn', () => {
  let kit: MessagingTestKit;
  let sender: MessagingTemplate;
  beforeEach(async () => {
    handled.length = 0;
    kit = await MessagingTestingModule.create({
      imports: [MessagingModule.forRoot({ application: 'test' })],
      providers: [Offers],
    });
    sender = kit.template();
  });
  afterEach(() => kit.close());

  it('is kept by every verb, on the first delivery and on retries', async () => {
    await sender.syncSend('offers', 'sync', { expiresIn: '1m' });
    await sender.sendOrderly('offers', 'orderly', 'key', { expiresIn: 60_000 });
    await sender.delay('offers', 'delayed', '50s', { expiresIn: '1m' });
    await sender.batch('offers', ['one', 'two'], { expiresIn: '1m', each: () => ({ expiresIn: '45s' }) });
    await kit.advance('3m');
    expect(kit.deadLettered('offers').map(({ payload, errorClass }) => [payload, errorClass])).toEqual(
      expect.arrayContaining(
        ['sync', 'orderly', 'delayed', 'one', 'two'].map((payload) => [payload, 'MessageExpiredError']),
      ),
    );
    const times = (payload: string): number => handled.filter((offer) => offer === payload).length;
    expect(['sync', 'orderly', 'delayed', 'one', 'two'].map(times)).toEqual([2, 2, 1, 2, 2]);
  });

  it.each([[0], [-1], ['soon'], [Number.NaN], [null]])('refuses %p', async (expiresIn) => {
    const options = { expiresIn } as { expiresIn: number };
    await expect(sender.syncSend('offers', 'x', options)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });

  it('is refused where it makes no sense: before the delivery, and for requests', async () => {
    const refusal = { code: 'BAD_ARGUMENT' };
    await expect(sender.delay('offers', 'x', '10m', { expiresIn: '5m' })).rejects.toMatchObject(refusal);
    await expect(sender.delay('offers', 'x', { level: 3 }, { expiresIn: '10s' })).rejects.toMatchObject(refusal);
    await expect(sender.request('offers', 'x', { expiresIn: '5m' } as object)).rejects.toMatchObject(refusal);
    expect(handled).toEqual([]);
  });
});
