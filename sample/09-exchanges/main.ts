// The exchanges of RabbitMQ: a topic is the exchange, a group is a queue that is bound to it, and the filter of its
// listener is the binding.
//
// Prints, in any order:
//   direct: order.eu.paid for 1
//   topic: order.eu.paid for 1
//   headers: order.eu.paid for 1
//   fanout: order.eu.paid for 1
//   topic: order.us.paid for 2
//   fanout: order.us.paid for 2
//   headers: order.us.created for 3
//   fanout: order.us.created for 3
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingModule, MessagingTemplate } from 'nestmq';
import type { MessageContext } from 'nestmq';
import { said, say } from '../shared/say.js';

const tell = (binding: string, id: number, { message }: MessageContext): void =>
  say(`${binding}: ${message.tag} for ${id}`);

@Injectable()
class Bindings {
  /** The very word. */
  @MessageListener({ topic: 'orders', group: 'direct', tag: 'order.eu.paid' })
  direct(id: number, context: MessageContext): void {
    tell('direct', id, context);
  }

  /** Words with wildcards: `*` is one word, `#` any number of them. */
  @MessageListener({ topic: 'orders', group: 'topic', tag: 'order.*.paid' })
  topic(id: number, context: MessageContext): void {
    tell('topic', id, context);
  }

  /** By properties: all of these, or any. */
  @MessageListener({ topic: 'orders', group: 'headers', headers: { match: 'all', properties: { vip: 'yes' } } })
  headers(id: number, context: MessageContext): void {
    tell('headers', id, context);
  }

  /** All of it. */
  @MessageListener({ topic: 'orders', group: 'fanout' })
  fanout(id: number, context: MessageContext): void {
    tell('fanout', id, context);
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'shop', broker: { memory: true } })],
  providers: [Bindings],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const messaging = app.get(MessagingTemplate);
await messaging.syncSend('orders:order.eu.paid', 1, { properties: { vip: 'yes' } });
await messaging.syncSend('orders:order.us.paid', 2, { properties: { vip: 'no' } });
await messaging.syncSend('orders:order.us.created', 3, { properties: { vip: 'yes' } });
await said(8);
await app.close();
