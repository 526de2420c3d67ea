// The sub-path with its peer, compiled and run against the packed tarball: a broker, a service and a client.
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { BrokerServer, MessagePattern, MessagingClient, MessagingServer } from 'nestmq/microservices';
import { firstValueFrom } from 'rxjs';

@Controller()
class Quotes {
  @MessagePattern('quotes')
  quote(article: string): string {
    return `a quote for ${article}`;
  }
}

@Module({ controllers: [Quotes] })
class QuotesModule {}

class BrokerModule {}

const logger = ['error' as const];
const strategy = new BrokerServer({ memory: true, listen: 0 });
const broker = await NestFactory.createMicroservice<MicroserviceOptions>(
  { module: BrokerModule },
  { strategy, logger },
);
await broker.listen();
const nameServer = strategy.unwrap().address!;

const service = await NestFactory.createMicroservice<MicroserviceOptions>(QuotesModule, {
  strategy: new MessagingServer({ application: 'quotes', nameServer }),
  logger,
});
await service.listen();

const client = new MessagingClient({ application: 'packed', nameServer });
console.log(await firstValueFrom(client.send<string>('quotes', 'lanterns')));
await client.close();
await service.close();
await broker.close();
