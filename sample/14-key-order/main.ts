// Order within a key without a queue that waits: a concurrent listener handles many keys at once, and each in order.
//
// Prints:
//   B1 A1 A2
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingModule, MessagingTemplate } from 'nestmq';
import { said, say } from '../shared/say.js';

@Injectable()
class Accounts {
  private readonly booked: string[] = [];
  private answer!: () => void;
  private readonly answered = new Promise<void>((resolve) => (this.answer = resolve));

  @MessageListener({ topic: 'bookings', group: 'accounts', keyOrder: true })
  async book(step: string): Promise<void> {
    // A1 is slow, it takes until B1 is booked: A2 waits for it, and B1 does not.
    if (step === 'A1') await this.answered;
    this.booked.push(step);
    if (step === 'B1') this.answer();
    if (this.booked.length === 3) say(this.booked.join(' '));
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'bank', broker: { memory: true } })],
  providers: [Accounts],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const messaging = app.get(MessagingTemplate);
await messaging.sendOrderly('bookings', 'A1', 'account A');
await messaging.sendOrderly('bookings', 'A2', 'account A');
await messaging.sendOrderly('bookings', 'B1', 'account B');
await said(1);
await app.close();
