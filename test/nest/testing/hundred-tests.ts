// Run in a process of its own by hundred-tests.spec.ts: no other test runs beside it there.
import assert from 'node:assert/strict';
import { Injectable, Module } from '@nestjs/common';
import { MessageListener, MessagingModule, type MessageContext } from '../../../lib/index.js';
import { MessagingTestingModule } from '../../../lib/testing.js';

interface Payment {
  id: number;
  failures: number;
}

@Injectable()
class Payments {
  @MessageListener({ topic: 'payments', group: 'payments', maxReconsumeTimes: 3, backoff: [10_000, 30_000, 60_000] })
  collect({ failures }: Payment, { attempt }: MessageContext): void {
    if (attempt <= failures) throw new Error('the bank is closed');
  }
}

@Module({ imports: [MessagingModule.forRoot({ application: 'shop' })], providers: [Payments] })
class ShopModule {}

/** What a user's test would be, with an application, a broker and a clock of its own. */
async function testOfOnePayment(id: number): Promise<void> {
  const kit = await MessagingTestingModule.create({ imports: [ShopModule] });
  const failures = id % 5;
  const seconds = 30 * (1 + (id % 4));
  await kit.template().delay('payments', { id, failures }, `${seconds}s`);
  await kit.advance(seconds * 1000 - 1);
  assert.equal(kit.consumed('payments').length, 0);
  await kit.advance(1);
  assert.equal(kit.consumed('payments').length, 1);
  await kit.advance('100s');
  assert.equal(kit.consumed('payments').length, Math.min(failures, 3) + 1);
  assert.equal(kit.deadLettered('payments').length, failures > 3 ? 1 : 0);
  await kit.close();
}

/** Seconds for a hundred; a machine that is busy with other things makes the clock on the wall run, not the processor's. */
async function aHundred(): Promise<number> {
  const wall = performance.now();
  const cpu = process.cpuUsage();
  for (let id = 0; id < 100; id++) await testOfOnePayment(id);
  const { user, system } = process.cpuUsage(cpu);
  return Math.min(performance.now() - wall, (user + system) / 1000) / 1000;
}

// The first hundred load and compile code, and the machine may be busy: the best of a few counts.
let best = Number.POSITIVE_INFINITY;
for (let round = 0; round < 8 && best >= 2; round++) best = Math.min(best, await aHundred());
console.log(best.toFixed(2));
