// Messages stay for a while after they are handled: they can be found by a key, and a group can go back to handle them
// again.
//
// Prints:
//   the sum is 5
//   of customer-4: {"amount":2}
//   counted again, the sum is 5
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingAdmin, MessagingModule, MessagingTemplate } from 'nestmq';
import { said, say } from '../shared/say.js';

@Injectable()
class Totals {
  sum = 0;
  prefix = '';

  @MessageListener({ topic: 'payments', group: 'totals' })
  add({ amount }: { amount: number }): void {
    this.sum += amount;
    if (this.sum === 5) say(`${this.prefix}the sum is ${this.sum}`);
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'shop', broker: { memory: true } })],
  providers: [Totals],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const messaging = app.get(MessagingTemplate);
const { messages, backlog } = app.get(MessagingAdmin);
await messaging.syncSend('payments', { amount: 2 }, { keys: 'customer-4' });
await messaging.syncSend('payments', { amount: 3 }, { keys: 'customer-5' });
await said(1);

const found = await messages.findByKey('payments', 'customer-4');
say(`of customer-4: ${found.map((message) => message.text()).join()}`);

const totals = app.get(Totals);
totals.sum = 0; // computed anew
totals.prefix = 'counted again, ';
await backlog.resetPosition('totals', 'payments', 'earliest');
await said(3);
await app.close();
