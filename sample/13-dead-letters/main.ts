// What a group has given up is looked at, and sent to it again once the cause is mended.
//
// Prints:
//   2 dead letters: no such account
//   booked 1, resent: true
//   booked 2, resent: true
//   2 resent, 0 left
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingAdmin, MessagingModule, MessagingTemplate, RejectMessageError } from 'nestmq';
import type { MessageContext } from 'nestmq';
import { said, say } from '../shared/say.js';

@Injectable()
class Ledger {
  mended = false;

  @MessageListener({ topic: 'bookings', group: 'ledger', concurrency: 1 })
  book(id: number, { message }: MessageContext): void {
    if (!this.mended) throw new RejectMessageError('no such account');
    say(`booked ${id}, resent: ${message.resent}`);
  }
}

@Module({
  imports: [
    MessagingModule.forRoot({
      application: 'bank',
      broker: { memory: true, topics: [{ name: 'bookings', queues: 1 }] },
    }),
  ],
  providers: [Ledger],
})
class AppModule {}

// Without the log lines of what fails on purpose.
const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
const messaging = app.get(MessagingTemplate);
const { deadLetters } = app.get(MessagingAdmin);
for (const id of [1, 2]) await messaging.sendOrderly('bookings', id, 'all');

let { letters } = await deadLetters.list('ledger');
while (letters.length < 2) ({ letters } = await deadLetters.list('ledger'));
say(`${letters.length} dead letters: ${letters[0]!.reason}`);

app.get(Ledger).mended = true;
const { resent } = await deadLetters.resendAll('ledger', { errorClass: 'RejectMessageError' });
await said(3);
say(`${resent} resent, ${(await deadLetters.list('ledger')).letters.length} left`);
await app.close();
