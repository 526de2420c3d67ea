import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstValueFrom, lastValueFrom, throwError } from 'rxjs';
import { MessagingAdmin, type MessagingClient as EngineClient } from '../../../lib/client/index.js';
import {
  BrokerServer,
  EventPattern,
  MessagePattern,
  MessagingClient,
  MessagingContext,
} from '../../../lib/microservices.js';
import { freePort } from '../../support/free-port.js';
import { LogBook, closeApplications, startApplication } from '../support/application.js';
import { until } from '../support/until.js';
import { closeServices, createService, startBroker, startServer } from './support.js';

/** Threads and stores start again here, on a machine that may have no processor to spare. */
jest.setTimeout(90_000);

const clients: MessagingClient[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await closeApplications();
  await closeServices();
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
});

function clientOf(nameServer: string): MessagingClient {
  const client = new MessagingClient({ application: 'gateway', nameServer });
  clients.push(client);
  return client;
}

describe('microservices when things go wrong', () => {
  it('go on when the broker comes back, on its store and its port', async () => {
    const store = await mkdtemp(join(tmpdir(), 'transport-'));
    folders.push(store);
    const settings = { store, segmentBytes: 8 * 1024 * 1024, listen: await freePort() };
    const broker = new BrokerServer(settings);
    const service = await createService(broker);
    await service.listen();
    const { address } = broker.unwrap();
    const received: string[] = [];
    @Controller()
    class Orders {
      @EventPattern('orders')
      onOrder(order: string): void {
        received.push(order);
      }
      @MessagePattern('quotes')
      quote(article: string): string {
        return `a quote for ${article}`;
      }
    }
    await startServer({ nameServer: address! }, { controllers: [Orders] });
    const client = clientOf(address!);
    await lastValueFrom(client.emit('orders', 'before'));
    await until(() => received.includes('before'), 'the order before');
    await broker.close();
    await expect(lastValueFrom(client.emit('orders', 'lost'))).rejects.toMatchObject({ retryable: true });

    const again = new BrokerServer(settings);
    await (await createService(again)).listen();
    await lastValueFrom(client.emit('orders', 'after'));
    await until(() => received.includes('after'), 'the order after');
    expect(await firstValueFrom(client.send('quotes', 'lanterns'))).toBe('a quote for lanterns');
    expect(received).not.toContain('lost');
  });

  it('bury what cannot be read, and survive whatever a handler throws', async () => {
    const nameServer = await startBroker();
    const attempts: string[] = [];
    @Controller()
    class Handlers {
      @EventPattern('json')
      json(): void {
        attempts.push('never');
      }
      @EventPattern('undefined', { backoff: [10] })
      nothing(@Payload() _: string, @Ctx() { attempt }: MessagingContext): unknown {
        attempts.push(`undefined ${attempt}`);
        return attempt === 1 ? Promise.reject() : undefined;
      }
      @EventPattern('text', { backoff: [10] })
      text(@Payload() _: string, @Ctx() { attempt }: MessagingContext): unknown {
        attempts.push(`text ${attempt}`);
        return attempt === 1 ? throwError(() => 'just a text') : undefined;
      }
      @MessagePattern('hostile')
      hostile(): void {
        throw Object.create(null, { message: { get: () => { throw new Error('of the getter'); } } }); // prettier-ignore
      }
    }
    await startServer({ nameServer, group: 'hard' }, { controllers: [Handlers] });
    const client = clientOf(nameServer);
    await client.connect();
    const engine = client.unwrap<EngineClient>();
    await engine.producer.send({ topic: 'json', body: Buffer.from('{'), contentType: 'json' });
    for (const topic of ['undefined', 'text']) await lastValueFrom(client.emit(topic, 'x'));
    await until(() => attempts.length === 4, 'the attempts');
    expect(attempts.toSorted()).toEqual(['text 1', 'text 2', 'undefined 1', 'undefined 2']);
    await expect(firstValueFrom(client.send('hostile', 'x'))).rejects.toMatchObject({ code: 'REQUEST_FAILED' });
    const app = await startApplication({ messaging: { application: 'clerk', broker: undefined, nameServer } });
    const { letters } = await app.get(MessagingAdmin).deadLetters.list('hard');
    expect(letters.map(({ errorClass, reason }) => [errorClass, reason])).toEqual([
      ['MessagingError', 'the body of 1 bytes is not JSON'],
    ]);
  });

  it('let a hook of instrumentation that throws fail the attempt, not the process', async () => {
    const nameServer = await startBroker();
    const attempts: number[] = [];
    @Controller()
    class Handlers {
      @EventPattern('hooked', { backoff: [10] })
      handle(@Payload() _: string, @Ctx() { attempt }: MessagingContext): void {
        attempts.push(attempt);
      }
    }
    const server = await startServer({ nameServer }, { controllers: [Handlers] });
    let calls = 0;
    server.setOnProcessingStartHook((_transport, _context, done) => {
      if (++calls === 1) throw new Error('of the hook');
      return done();
    });
    await lastValueFrom(clientOf(nameServer).emit('hooked', 'x'));
    await until(() => attempts.length === 1, 'the second attempt');
    expect(attempts).toEqual([2]);
  });

  it('warn where a SIGTERM would kill them', async () => {
    const logger = new LogBook();
    const broker = new BrokerServer({ memory: true, listen: 0 });
    await (await createService(broker, { logger })).listen();
    await startServer({ nameServer: broker.unwrap().address! }, { logger });
    await until(() => logger.find('warn', /shutdown hooks are off/).length === 2, 'both warnings');
    expect(logger.find('warn', /ends the broker with its store open/)).toHaveLength(1);
    expect(logger.find('warn', /kills handlers at work/)).toHaveLength(1);
  });
});
