// Where it is worse to do something twice than not at all: the message is acknowledged before its handler runs. What
// fails is over, and what is at work when the process dies is lost; nothing comes twice.
//
// Prints:
//   ringing in room 12, and nobody answers
//   ringing in room 14
//   2 calls in all
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingModule, MessagingTemplate } from 'nestmq';
import { said, say } from '../shared/say.js';

@Injectable()
class Alarms {
  calls = 0;

  @MessageListener({ topic: 'alarms', group: 'phones', delivery: 'at-most-once' })
  ring(room: number): void {
    this.calls++;
    if (room === 14) return say('ringing in room 14');
    say(`ringing in room ${room}, and nobody answers`);
    throw new Error('nobody answers'); // logged and counted, and that is all
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'hotel', broker: { memory: true } })],
  providers: [Alarms],
})
class AppModule {}

// Without the log line of what fails on purpose.
const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
const messaging = app.get(MessagingTemplate);
await messaging.syncSend('alarms', 12);
await said(1);
await messaging.syncSend('alarms', 14);
await said(2);
await app.close();
say(`${app.get(Alarms).calls} calls in all`);
