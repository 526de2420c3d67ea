// A user's test for node:test; node-test.spec.ts runs it in a process of its own. It closes nothing on purpose.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { MessageListener, MessagingModule } from '../../../lib/index.js';
import { MessagingTestingModule } from '../../../lib/testing.js';

@Injectable()
class Billing {
  @MessageListener({ topic: 'orders', group: 'billing', backoff: [60_000] })
  async onOrder(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 5));
    throw new Error('broken');
  }
}

it('runs under node:test', async () => {
  const imports = [MessagingModule.forRoot({ application: 'shop' })];
  const kit = await MessagingTestingModule.create({ imports, providers: [Billing] });
  await kit.template().syncSend('orders', 'one');
  await kit.advance('1m');
  assert.equal(kit.retried('orders').length, 2);
});
