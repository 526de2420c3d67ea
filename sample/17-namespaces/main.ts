// Branches that share a broker without seeing each other: the same topics and groups, each in a namespace of its own.
//
// Prints:
//   north sells a lantern
//   south sells a candle
import 'reflect-metadata';
import { type DynamicModule, Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingModule, MessagingTemplate } from 'nestmq';
import { BrokerHost, systemPlatform } from 'nestmq/broker';
import { said, say } from '../shared/say.js';

const broker = await BrokerHost.start({ memory: true, listen: { port: 0 } }, systemPlatform());

@Injectable()
class Till {
  constructor(@Inject('branch') private readonly branch: string) {}

  @MessageListener({ topic: 'sales', group: 'till' })
  sell(article: string): void {
    say(`${this.branch} sells ${article}`);
  }
}

@Module({})
class BranchModule {
  static of(namespace: string): DynamicModule {
    return {
      module: BranchModule,
      imports: [MessagingModule.forRoot({ application: 'shop', namespace, nameServer: broker.address! })],
      providers: [{ provide: 'branch', useValue: namespace }, Till],
    };
  }
}

const north = await NestFactory.createApplicationContext(BranchModule.of('north'), { logger: ['error'] });
const south = await NestFactory.createApplicationContext(BranchModule.of('south'), { logger: ['error'] });
await north.get(MessagingTemplate).syncSend('sales', 'a lantern');
await said(1);
await south.get(MessagingTemplate).syncSend('sales', 'a candle');
await said(2);
await south.close();
await north.close();
await broker.stop();
