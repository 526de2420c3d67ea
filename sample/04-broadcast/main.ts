// Something that every instance must hear, such as a cache that is out of date. Two applications share a broker over
// TCP; they could be two processes on two machines. Each keeps its own position, in ./.nestmq/broadcast.
//
// Prints, in any order:
//   north: forget the price of lanterns
//   south: forget the price of lanterns
import 'reflect-metadata';
import { type DynamicModule, Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConsumeMode, MessageListener, MessagingModule, MessagingTemplate } from 'nestmq';
import { BrokerHost, systemPlatform } from 'nestmq/broker';
import { said, say } from '../shared/say.js';

const broker = await BrokerHost.start({ memory: true, listen: { port: 0 } }, systemPlatform());

@Injectable()
class PriceCache {
  constructor(@Inject('instance') private readonly instance: string) {}

  @MessageListener('prices', '*', 'price-cache', ConsumeMode.BROADCAST)
  onChange(article: string): void {
    say(`${this.instance}: forget the price of ${article}`);
  }
}

@Module({})
class AppModule {
  static as(instance: string): DynamicModule {
    return {
      module: AppModule,
      imports: [MessagingModule.forRoot({ application: 'shop', instance, nameServer: broker.address! })],
      providers: [{ provide: 'instance', useValue: instance }, PriceCache],
    };
  }
}

const north = await NestFactory.createApplicationContext(AppModule.as('north'), { logger: ['error'] });
const south = await NestFactory.createApplicationContext(AppModule.as('south'), { logger: ['error'] });
await north.get(MessagingTemplate).syncSend('prices', 'lanterns');
await said(2);
await south.close();
await north.close();
await broker.stop();
