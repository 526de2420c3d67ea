// What a user writes on the first day, compiled and run against the packed tarball.
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConsumeMode, MessageListener, MessagingModule, MessagingTemplate } from 'nestmq';
import type { MessageContext } from 'nestmq';

class OrderDto {
  id!: number;
}

@Injectable()
class Billing {
  readonly received: Promise<string>;
  private tell!: (text: string) => void;

  constructor() {
    this.received = new Promise((resolve) => (this.tell = resolve));
  }

  @MessageListener({ topic: 'orders', tag: 'created', group: 'billing', mode: ConsumeMode.CONCURRENT })
  onOrder(order: OrderDto, context: MessageContext): void {
    this.tell(`order ${order.id}, attempt ${context.attempt}`);
  }
}

@Module({
  imports: [
    MessagingModule.forRoot({
      application: 'packed',
      broker: { memory: true, run: process.argv[2] === 'worker' ? 'worker' : 'inline' },
    }),
  ],
  providers: [Billing],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
await app.get(MessagingTemplate).syncSend('orders:created', { id: 7 });
console.log(await app.get(Billing).received);
await app.close();
