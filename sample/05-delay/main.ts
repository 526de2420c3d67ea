// Messages for later: after a time, at a time, or by one of RocketMQ's levels.
//
// Prints:
//   now: pack the parcel
//   after 200 ms: check the address
//   level 1, which is 1 s: send a reminder
//   at a date: call the carrier
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingModule, MessagingTemplate } from 'nestmq';
import { said, say } from '../shared/say.js';

@Injectable()
class Diary {
  @MessageListener({ topic: 'diary', group: 'diary' })
  onEntry(entry: string): void {
    say(entry);
  }
}

@Module({
  // In one queue, so that they come in the order in which they are due.
  imports: [
    MessagingModule.forRoot({
      application: 'shop',
      broker: { memory: true, topics: [{ name: 'diary', queues: 1 }] },
    }),
  ],
  providers: [Diary],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const messaging = app.get(MessagingTemplate);
await messaging.syncSend('diary', 'now: pack the parcel');
await said(1);
await messaging.delay('diary', 'at a date: call the carrier', new Date(Date.now() + 3000));
await messaging.delay('diary', 'after 200 ms: check the address', '200ms');
await messaging.delay('diary', 'level 1, which is 1 s: send a reminder', { level: 1 });
await said(4);
await app.close();
