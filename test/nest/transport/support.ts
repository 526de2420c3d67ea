import { type INestMicroservice, Module, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { MessagingTemplate } from '../../../lib/index.js';
import { BrokerServer, MessagingServer, type MessagingServerOptions } from '../../../lib/microservices.js';
import { type LogBook, startApplication } from '../support/application.js';

const services: INestMicroservice[] = [];

/** Closed by `closeServices`, the last one first. */
export async function closeServices(): Promise<void> {
  for (const service of services.splice(0).reverse()) await service.close();
}

export interface ServiceSettings extends ModuleMetadata {
  logger?: LogBook | false;
  configure?: (service: INestMicroservice) => void;
}

export async function createService(
  strategy: BrokerServer | MessagingServer,
  { logger = false, configure, ...metadata }: ServiceSettings = {},
): Promise<INestMicroservice> {
  @Module(metadata)
  class ServiceModule {}
  const service = await NestFactory.createMicroservice<MicroserviceOptions>(ServiceModule, { strategy, logger });
  configure?.(service);
  services.push(service);
  return service;
}

/** A broker in memory that listens on a free port; resolves to its address. */
export async function startBroker(): Promise<string> {
  const strategy = new BrokerServer({ memory: true, listen: 0 });
  await (await createService(strategy)).listen();
  return strategy.unwrap().address!;
}

export async function startServer(
  options: MessagingServerOptions,
  settings: ServiceSettings,
): Promise<MessagingServer> {
  const strategy = new MessagingServer({ application: 'shop', ...options });
  await (await createService(strategy, settings)).listen();
  return strategy;
}

/** What another application sends with. */
export async function templateTo(nameServer: string): Promise<MessagingTemplate> {
  const app = await startApplication({ messaging: { application: 'sender', broker: undefined, nameServer } });
  return app.get(MessagingTemplate);
}
