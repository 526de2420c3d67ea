// What became of a message: where it was stored, who got it, at which attempt, and how that ended.
//
// Prints:
//   orders: stored
//   billing, attempt 1: retried
//   billing, attempt 2: acknowledged
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingAdmin, MessagingModule, MessagingTemplate, type MessageTrace } from 'nestmq';
import { say } from '../shared/say.js';

@Injectable()
class Billing {
  private failures = 1;

  @MessageListener({ topic: 'orders', group: 'billing', backoff: [50] })
  bill(): void {
    if (this.failures-- > 0) throw new Error('not yet');
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'shop', broker: { memory: true }, trace: true })],
  providers: [Billing],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
const { messageId } = await app.get(MessagingTemplate).syncSend('orders', { id: 1 });

let trace: MessageTrace | undefined;
while (trace?.deliveries.at(-1)?.outcome !== 'acknowledged') {
  await sleep(100);
  trace = await app.get(MessagingAdmin).traces.find(messageId);
}
for (const { topic, outcome } of trace.sends) say(`${topic}: ${outcome}`);
for (const { group, attempt, outcome } of trace.deliveries) say(`${group}, attempt ${attempt}: ${outcome}`);
await app.close();
