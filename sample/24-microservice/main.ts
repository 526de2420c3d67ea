// Nest microservices: a broker, a service that answers and handles events, and a gateway that serves HTTP and handles events
// as well. Here they are one process; they could be three.
//
// Prints:
//   GET /stock/lantern: 200 3
//   GET /stock/lantern/moves: 200 [5,-2]
//   GET /stock/unicorn: 404 {"code":"UNKNOWN_ARTICLE","article":"unicorn"}
//   POST /orders: 201 {"stored":true}
//   stock: order 1, 2 of lantern, attempt 2
//   gateway: lantern runs low
//   GET /stock/lantern: 200 1
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { BrokerServer, MessagingServer } from 'nestmq/microservices';
import { said, say } from '../shared/say.js';
import { gatewayModule } from './gateway.js';
import { stockModule } from './stock.js';

const logger = ['error' as const];
class BrokerModule {}

const brokerServer = new BrokerServer({ memory: true, listen: 0 });
const broker = await NestFactory.createMicroservice<MicroserviceOptions>(
  { module: BrokerModule },
  { strategy: brokerServer, logger },
);
await broker.listen();
const nameServer = brokerServer.unwrap().address!;

const stock = await NestFactory.createMicroservice<MicroserviceOptions>(stockModule(nameServer), {
  strategy: new MessagingServer({ application: 'stock', nameServer }),
  logger,
});
await stock.listen();

const gateway = await NestFactory.create(gatewayModule(nameServer), { logger });
gateway.connectMicroservice<MicroserviceOptions>({ strategy: new MessagingServer() }, { inheritAppConfig: true });
await gateway.startAllMicroservices();
await gateway.listen(0, '127.0.0.1');
const url = await gateway.getUrl();

/** A GET, or with a body a POST. */
async function ask(path: string, body?: object): Promise<void> {
  const method = body === undefined ? 'GET' : 'POST';
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url + path, body && { method, headers, body: JSON.stringify(body) });
  say(`${method} ${path}: ${response.status} ${await response.text()}`);
}

await ask('/stock/lantern');
await ask('/stock/lantern/moves');
await ask('/stock/unicorn');
await ask('/orders', { id: 1, article: 'lantern', pieces: 2 });
await said(6);
await ask('/stock/lantern');

await gateway.close();
await stock.close();
await broker.close();
