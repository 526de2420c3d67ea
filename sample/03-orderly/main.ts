// Steps that must stay in order: what is sent with one key is handled one after the other, also when a step fails once.
//
// Prints, in any order:
//   order 1: created, paid, shipped
//   order 2: created, paid, shipped
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConsumeMode, MessageListener, MessagingModule, MessagingTemplate, RetryLaterError } from 'nestmq';
import type { MessageContext } from 'nestmq';
import { said, say } from '../shared/say.js';

interface Step {
  order: number;
  step: string;
}

@Injectable()
class Orders {
  private readonly steps = new Map<number, string[]>();

  @MessageListener('orders', '*', 'orders', ConsumeMode.ORDERLY)
  next({ order, step }: Step, { attempt }: MessageContext): void {
    // The bank does not answer at first. `shipped` waits behind it, and the other order does not.
    if (order === 1 && step === 'paid' && attempt === 1) throw new RetryLaterError(50);
    const steps = [...(this.steps.get(order) ?? []), step];
    this.steps.set(order, steps);
    if (step === 'shipped') say(`order ${order}: ${steps.join(', ')}`);
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'shop', broker: { memory: true } })],
  providers: [Orders],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const messaging = app.get(MessagingTemplate);
for (const step of ['created', 'paid', 'shipped']) {
  for (const order of [1, 2]) await messaging.sendOrderly('orders', { order, step }, `order-${order}`);
}
await said(2);
await app.close();
