// A sender that does not know whether it has sent already: the topic knows the id again and keeps the first message.
//
// Prints:
//   the same message: true, a duplicate: true
//   paid 25 for invoice-17
//   paid 30 for invoice-18
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConsumeMode, MessageListener, MessageListenerRegistry, MessagingModule, MessagingTemplate } from 'nestmq';
import { said, say } from '../shared/say.js';

interface Payment {
  invoice: string;
  amount: number;
}

@Injectable()
class Bank {
  @MessageListener({ topic: 'payments', group: 'bank', mode: ConsumeMode.ORDERLY })
  pay({ invoice, amount }: Payment): void {
    say(`paid ${amount} for ${invoice}`);
  }
}

@Module({
  imports: [
    MessagingModule.forRoot({
      application: 'shop',
      // Listeners begin when they are told to, so that the lines below come in order.
      autoStart: false,
      broker: { memory: true, topics: [{ name: 'payments', queues: 1, dedup: { window: '10m', count: 100_000 } }] },
    }),
  ],
  providers: [Bank],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const messaging = app.get(MessagingTemplate);
const pay = (payment: Payment) => messaging.syncSend('payments', payment, { dedupId: payment.invoice });
const first = await pay({ invoice: 'invoice-17', amount: 25 });
const again = await pay({ invoice: 'invoice-17', amount: 25 });
say(`the same message: ${again.messageId === first.messageId}, a duplicate: ${again.duplicate}`);
await pay({ invoice: 'invoice-18', amount: 30 });
await app.get(MessageListenerRegistry).start();
await said(3);
await app.close();
