// A listener that wants some messages of a topic says which, in SQL92 on their properties. The broker looks, so that the
// others never travel.
//
// Prints:
//   order 2 of 250 for eu-north
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingModule, MessagingTemplate } from 'nestmq';
import type { MessageContext } from 'nestmq';
import { said, say } from '../shared/say.js';

@Injectable()
class LargeEuropeanOrders {
  @MessageListener({
    topic: 'orders',
    group: 'large-orders',
    selector: "total BETWEEN 200 AND 999 AND region STARTSWITH 'eu-' AND held IS NULL",
  })
  onOrder(id: number, { message }: MessageContext): void {
    say(`order ${id} of ${message.properties.total} for ${message.properties.region}`);
  }
}

@Module({
  imports: [MessagingModule.forRoot({ application: 'shop', broker: { memory: true } })],
  providers: [LargeEuropeanOrders],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const messaging = app.get(MessagingTemplate);
await messaging.syncSend('orders', 1, { properties: { total: '50', region: 'eu-north' } });
await messaging.syncSend('orders', 3, { properties: { total: '250', region: 'us-east' } });
await messaging.syncSend('orders', 4, { properties: { total: '250', region: 'eu-south', held: 'yes' } });
await messaging.syncSend('orders', 2, { properties: { total: '250', region: 'eu-north' } });
await said(1);
await app.close();
