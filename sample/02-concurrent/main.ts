// Work that is shared: the members of a group divide its messages, and each handles several at a time.
//
// Prints:
//   20 pictures, up to 5 at a time
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingModule, MessagingTemplate } from 'nestmq';
import { said, say } from '../shared/say.js';

@Injectable()
class Thumbnails {
  private atWork = 0;
  private most = 0;
  private done = 0;

  @MessageListener({ topic: 'pictures', group: 'thumbnails', concurrency: 5 })
  async shrink(_picture: string): Promise<void> {
    this.most = Math.max(this.most, ++this.atWork);
    await sleep(30);
    this.atWork--;
    if (++this.done === 20) say(`${this.done} pictures, up to ${this.most} at a time`);
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'gallery', broker: { memory: true } })],
  providers: [Thumbnails],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const messaging = app.get(MessagingTemplate);
await Promise.all(Array.from({ length: 20 }, (_, index) => messaging.syncSend('pictures', `picture ${index}`)));
await said(1);
await app.close();
