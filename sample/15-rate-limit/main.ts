// A rush of messages in front of a service that bears twenty calls a second: it gets twenty, and the rest waits.
//
// Prints:
//   10 letters took at least 400 ms
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingModule, MessagingTemplate } from 'nestmq';
import { said, say } from '../shared/say.js';

@Injectable()
class Printer {
  private start = 0;
  private printed = 0;

  @MessageListener({ topic: 'letters', group: 'printer', rateLimit: { limit: 20, interval: '1s' } })
  print(_letter: number): void {
    if (this.printed++ === 0) this.start = performance.now();
    const took = performance.now() - this.start;
    // Nine gaps of 50 ms; who was held up may make up for a little.
    if (this.printed === 10) say(`10 letters took ${took >= 400 ? 'at least 400 ms' : `${took} ms`}`);
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'office', broker: { memory: true } })],
  providers: [Printer],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const messaging = app.get(MessagingTemplate);
await messaging.batch(
  'letters',
  Array.from({ length: 10 }, (_, index) => index),
);
await said(1);
await app.close();
