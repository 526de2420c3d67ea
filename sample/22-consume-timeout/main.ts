// A handler that hangs: its signal fires, and the message is given back to be tried again.
//
// Prints:
//   attempt 1: the exchange does not answer
//   attempt 1: given up
//   attempt 2: EUR is 1.17
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingModule, MessagingTemplate, type MessageContext } from 'nestmq';
import { said, say } from '../shared/say.js';

@Injectable()
class Rates {
  @MessageListener({ topic: 'rates', group: 'rates', consumeTimeout: '200ms', backoff: [100] })
  async fetch(currency: string, { attempt, signal }: MessageContext): Promise<void> {
    if (attempt > 1) {
      say(`attempt ${attempt}: ${currency} is 1.17`);
      return;
    }
    say(`attempt ${attempt}: the exchange does not answer`);
    try {
      await sleep(60_000, undefined, { signal });
    } finally {
      say(`attempt ${attempt}: given up`);
    }
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'bank', broker: { memory: true } })],
  providers: [Rates],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
await app.get(MessagingTemplate).syncSend('rates', 'EUR');
await said(3);
await app.close();
