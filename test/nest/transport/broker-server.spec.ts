import { Controller, type INestMicroservice, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, type MicroserviceOptions } from '@nestjs/microservices';
import { afterEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MessageListener, MessagingTemplate } from '../../../lib/index.js';
import { BROKER_TRANSPORT, BrokerServer, MESSAGING_TRANSPORT } from '../../../lib/microservices.js';
import type { BrokerHost } from '../../../lib/server/index.js';
import { freePort } from '../../support/free-port.js';
import { LogBook, closeApplications, startApplication } from '../support/application.js';
import { until } from '../support/until.js';

const folders: string[] = [];
const services: INestMicroservice[] = [];

afterEach(async () => {
  await closeApplications();
  await Promise.all(services.splice(0).map((service) => service.close()));
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
});

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'broker-server-'));
  folders.push(folder);
  return folder;
}

@Module({})
class BrokerModule {}

async function create(strategy: BrokerServer, module: Type = BrokerModule, logger: LogBook | false = false) {
  const service = await NestFactory.createMicroservice<MicroserviceOptions>(module, { strategy, logger });
  services.push(service);
  return service;
}

/** A client application in the same process, over TCP. */
async function connectTo(strategy: BrokerServer, received: unknown[]): Promise<MessagingTemplate> {
  class Listener {
    @MessageListener({ topic: 'orders', group: 'billing', from: 'earliest' })
    handle(order: unknown): void {
      received.push(order);
    }
  }
  const messaging = { application: 'shop', broker: undefined, nameServer: strategy.unwrap().address! };
  const app = await startApplication({ messaging, providers: [Listener] });
  return app.get(MessagingTemplate);
}

describe('BrokerServer', () => {
  it('serves other applications, says so in one line, and goes on with its store after a restart', async () => {
    const store = await freshFolder();
    const logger = new LogBook();
    const first = new BrokerServer({ store, listen: 0, segmentBytes: 8 * 1024 * 1024 });
    const seen: string[] = [];
    first.status.subscribe((status) => seen.push(status));
    first.on('running', (host) => seen.push(`at ${host.address}`));
    first.on('stopped', () => seen.push('let go'));
    const service = await create(first, BrokerModule, logger);
    await service.listen();
    const { address } = service.unwrap<BrokerHost>();
    expect(
      logger.find('log', /nestmq .* broker nestmq; store .*synced before acknowledged.*; listening on/),
    ).toHaveLength(1);

    const received: unknown[] = [];
    await (await connectTo(first, received)).syncSend('orders', { id: 1 });
    await until(() => received.length === 1, 'the order');
    await closeApplications();
    await service.close();
    expect(seen).toEqual(['starting', 'running', `at ${address}`, 'stopped', 'let go']);
    expect(() => first.unwrap()).toThrow(/does not run/);

    const second = new BrokerServer({ store, listen: 0, segmentBytes: 8 * 1024 * 1024 });
    await (await create(second)).listen();
    await (await connectTo(second, received)).syncSend('orders', { id: 2 });
    await until(() => received.length === 2, 'the order after the restart');
    expect(received).toEqual([{ id: 1 }, { id: 2 }]);
  });

  it('starts again after it was closed, and refuses to run twice', async () => {
    const strategy = new BrokerServer({ memory: true, listen: 0 });
    const service = await create(strategy);
    await service.listen();
    await expect(service.listen()).rejects.toMatchObject({ code: 'CONFIGURATION' });
    strategy.unwrap();
    await strategy.close();
    await service.listen();
    expect(strategy.unwrap().health().state).toBe('running');
  });

  it('listens on 127.0.0.1:9876 with segments of 1 GiB unless it is told otherwise', () => {
    const resolved = (strategy: BrokerServer) => (strategy as unknown as { resolved(): object }).resolved();
    expect(resolved(new BrokerServer())).toEqual({ listen: true, segmentBytes: 1024 ** 3 });
    expect(resolved(new BrokerServer({ memory: true, listen: undefined }))).toEqual({ memory: true, listen: true });
    expect(resolved(new BrokerServer({ listen: 1, segmentBytes: 2 }))).toEqual({ listen: 1, segmentBytes: 2 });
  });

  it('rejects listen() with what keeps the broker from starting, and can be tried again', async () => {
    const store = await freshFolder();
    const port = await freePort();
    const holder = new BrokerServer({ memory: true, listen: port });
    await (await create(holder)).listen();
    const busy = new BrokerServer({ store, listen: port, segmentBytes: 8 * 1024 * 1024 });
    const seen: string[] = [];
    busy.status.subscribe((status) => seen.push(status));
    const service = await create(busy);
    await expect(service.listen()).rejects.toThrow(/Cannot listen on .* uses that port/);
    expect(seen).toEqual(['starting', 'stopped']);
    await holder.close();
    await service.listen();
    expect(seen).toEqual(['starting', 'stopped', 'starting', 'running']);

    const wrong = await create(new BrokerServer({ lisen: 1 } as object));
    await expect(wrong.listen()).rejects.toMatchObject({ code: 'CONFIGURATION' });
    const none = await create(new BrokerServer(7 as unknown as object));
    await expect(none.listen()).rejects.toMatchObject({ code: 'CONFIGURATION' });
  });

  it('warns of handlers that nobody would call', async () => {
    @Controller()
    class Handlers {
      @EventPattern<string>('orders')
      onOrder(): void {}
      @EventPattern<string>('others', MESSAGING_TRANSPORT)
      onOther(): void {}
    }
    @Module({ controllers: [Handlers] })
    class HandlerModule {}
    const logger = new LogBook();
    const strategy = new BrokerServer({ memory: true, listen: 0 });
    expect(strategy.transportId).toBe(BROKER_TRANSPORT);
    await (await create(strategy, HandlerModule, logger)).listen();
    expect(logger.find('warn', /calls no handlers \(orders\)/)).toHaveLength(1);
  });

  it('ends with a SIGTERM, its store closed, when shutdown hooks are on', async () => {
    const store = await freshFolder();
    const script = join(store, 'service.mjs');
    const lib = pathToFileURL(join(process.cwd(), '.test/lib/microservices.js')).href;
    const at = (name: string): string => pathToFileURL(join(process.cwd(), 'node_modules', name)).href;
    const settings = { store: join(store, 'data'), listen: 0, segmentBytes: 8 * 1024 * 1024 };
    await writeFile(
      script,
      `import '${at('reflect-metadata/Reflect.js')}';
       import { NestFactory } from '${at('@nestjs/core/index.js')}';
       import { BrokerServer } from '${lib}';
       class AppModule {}
       const strategy = new BrokerServer(${JSON.stringify(settings)});
       const app = await NestFactory.createMicroservice({ module: AppModule }, { strategy, logger: ['log'] });
       app.enableShutdownHooks();
       strategy.on('stopped', () => console.log('closed the store'));
       await app.listen();
       console.log('ready');`,
    );
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('close', (_, signal) => resolve(signal)));
    await until(() => output.includes('ready'), 'the broker', 40_000);
    child.kill('SIGTERM');
    expect(await ended).toBe('SIGTERM');
    expect(output).toMatch(/listening on 127\.0\.0\.1:\d+/);
    expect(output).toContain('closed the store');
  }, 60_000);
});
