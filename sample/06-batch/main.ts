// Many messages with one acknowledgement: all of them are stored, or none.
//
// Prints:
//   1000 readings with one acknowledgement
//   1000 readings handled, of 10 sensors
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingModule, MessagingTemplate } from 'nestmq';
import type { MessageContext } from 'nestmq';
import { said, say } from '../shared/say.js';

interface Reading {
  sensor: number;
  celsius: number;
}

@Injectable()
class Climate {
  private readonly sensors = new Set<string>();
  private count = 0;

  @MessageListener({ topic: 'readings', group: 'climate' })
  onReading(_reading: Reading, { message }: MessageContext): void {
    this.sensors.add(message.keys[0]!);
    if (++this.count === 1000) say(`${this.count} readings handled, of ${this.sensors.size} sensors`);
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'house', broker: { memory: true } })],
  providers: [Climate],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const messaging = app.get(MessagingTemplate);
const readings: Reading[] = Array.from({ length: 1000 }, (_, index) => ({ sensor: index % 10, celsius: 21 }));
const { messageIds } = await messaging.batch('readings', readings, {
  each: ({ sensor }) => ({ keys: `sensor-${sensor}` }),
});
say(`${messageIds?.length} readings with one acknowledgement`);
await said(2);
await app.close();
