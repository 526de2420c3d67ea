// What nobody wants any more after a while: it becomes a dead letter with that reason, and no handler gets it.
//
// Prints:
//   driving to the station
//   sorry, no taxi to the airport: MessageExpiredError
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingModule, MessagingTemplate } from 'nestmq';
import type { MessageContext } from 'nestmq';
import { said, say } from '../shared/say.js';

@Injectable()
class Taxi {
  private arrive!: () => void;
  private readonly journey = new Promise<void>((resolve) => (this.arrive = resolve));

  @MessageListener({ topic: 'rides', group: 'taxi', concurrency: 1 })
  async drive(to: string): Promise<void> {
    say(`driving to ${to}`);
    await this.journey; // the next one waits for this
  }

  @MessageListener({ topic: '%DLQ%taxi', group: 'apologies', from: 'earliest' })
  apologise(to: string, { message }: MessageContext): void {
    say(`sorry, no taxi to ${to}: ${message.systemProperty('NESTMQ_DLQ_ERROR_CLASS')}`);
  }

  arrived(): void {
    this.arrive();
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'taxi', broker: { memory: true } })],
  providers: [Taxi],
})
class AppModule {}

// Without the log line of the dead letter.
const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
const messaging = app.get(MessagingTemplate);
await messaging.syncSend('rides', 'the station');
await said(1);
await messaging.syncSend('rides', 'the airport', { expiresIn: '100ms' });
await sleep(150);
app.get(Taxi).arrived();
await said(2);
await app.close();
