import { Controller, Inject, Injectable, type INestApplication } from '@nestjs/common';
import {
  Client,
  type ClientOptions,
  ClientProxy,
  ClientsModule,
  Ctx,
  Payload,
  RpcException,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { firstValueFrom, from, lastValueFrom, toArray } from 'rxjs';
import {
  ConsumeMode,
  MessagingClient as EngineClient,
  RequestFailedError,
  type SendResult,
} from '../../../lib/client/index.js';
import { getTemplateToken, MessageListener, MessagingTemplate } from '../../../lib/index.js';
import {
  BrokerServer,
  EventPattern,
  MessagePattern,
  MessagingClient,
  type MessagingClientOptions,
  MessagingContext,
  MessagingRecord,
  MessagingRecordBuilder,
} from '../../../lib/microservices.js';
import { freePort } from '../../support/free-port.js';
import { closeApplications, startApplication } from '../support/application.js';
import { until } from '../support/until.js';
import { closeServices, createService, startBroker, startServer } from './support.js';

const clients: MessagingClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await closeApplications();
  await closeServices();
});

function clientOf(options: MessagingClientOptions): MessagingClient {
  const client = new MessagingClient({ application: 'gateway', ...options });
  clients.push(client);
  return client;
}

@Controller()
class Answers {
  @MessagePattern('answers:one')
  one(data: unknown): unknown {
    return { echo: data };
  }
  @MessagePattern('answers:several')
  several() {
    return from(['a', { b: 2 }, 3]);
  }
  @MessagePattern('answers:nothing')
  nothing(): void {}
  @MessagePattern('answers:failing')
  failing(kind: string): void {
    if (kind === 'object') throw new RpcException({ code: 7, message: 'neg' });
    if (kind === 'text') throw new RpcException('neg');
    throw new TypeError('boom');
  }
}

describe('MessagingClient', () => {
  it('emits when asked to, subscribed or not, and gives the result once the broker has it', async () => {
    const nameServer = await startBroker();
    const received: unknown[] = [];
    @Controller()
    class Orders {
      @EventPattern({ topic: 'orders', tag: 'created' })
      handle(data: unknown): void {
        received.push(data);
      }
    }
    await startServer({ nameServer }, { controllers: [Orders] });
    const client = clientOf({ nameServer });
    const result = await lastValueFrom(client.emit<SendResult>('orders:created', { id: 1 }));
    expect(result).toMatchObject({ status: 'SEND_OK', topic: 'orders' });
    client.emit({ topic: 'orders', tag: 'created' }, 'without a subscriber');
    await until(() => received.length === 2, 'both events');
    expect(received).toContainEqual({ id: 1 });
    expect(received).toContain('without a subscriber');
  });

  it('sends when it is subscribed to: one value, several, none', async () => {
    const nameServer = await startBroker();
    const server = await startServer({ nameServer }, { controllers: [Answers] });
    const client = clientOf({ nameServer });
    const cold = client.send('answers:one', { x: 1 });
    const handled = () =>
      server
        .unwrap()
        .consumerStates()[0]!
        .listeners.reduce((sum, { counts }) => sum + counts.acknowledged, 0);
    expect(await firstValueFrom(cold)).toEqual({ echo: { x: 1 } });
    expect(await firstValueFrom(cold)).toEqual({ echo: { x: 1 } });
    // A reply may reach its requester before the handler's end is counted.
    await until(() => handled() >= 2, 'both requests to be counted');
    expect(handled()).toBe(2);
    expect(await lastValueFrom(client.send('answers:several', 'x').pipe(toArray()))).toEqual(['a', { b: 2 }, 3]);
    expect(await lastValueFrom(client.send('answers:nothing', 'x').pipe(toArray()))).toEqual([]);
    const seen: unknown[] = [];
    const subscription = client.send('answers:several', 'x').subscribe((value) => {
      seen.push(value);
      subscription.unsubscribe();
    });
    await until(() => seen.length === 1, 'the first value');
    expect(await firstValueFrom(client.send('answers:one', 'later'))).toEqual({ echo: 'later' });
    expect(seen).toEqual(['a']);
  });

  it('throws what the handler threw: its RpcException, or what is known of another error; TIMEOUT without an answer', async () => {
    const nameServer = await startBroker();
    await startServer({ nameServer }, { controllers: [Answers] });
    const client = clientOf({ nameServer });
    const error = (pattern: string, data: unknown) =>
      firstValueFrom(client.send(pattern, data)).then(
        () => Promise.reject(new Error('it was answered')),
        (thrown: unknown) => thrown as RpcException & RequestFailedError,
      );
    const rpc = await error('answers:failing', 'object');
    expect(rpc).toBeInstanceOf(RpcException);
    expect(rpc.getError()).toEqual({ code: 7, message: 'neg' });
    expect(rpc.message).toBe('neg');
    expect(rpc.cause).toBeInstanceOf(RequestFailedError);
    expect((await error('answers:failing', 'text')).getError()).toBe('neg');
    const other = await error('answers:failing', 'other');
    expect(other).toBeInstanceOf(RequestFailedError);
    expect(other).toMatchObject({ code: 'REQUEST_FAILED', errorClass: 'TypeError', cause: { message: 'boom' } });
    const late = new MessagingRecordBuilder('x').setTimeout(50).build();
    expect(await error('nobody', late)).toMatchObject({ code: 'TIMEOUT' });
    expect(await error('answers:one', undefined)).toBeInstanceOf(Error);
    expect(await error('bad topic', 'x')).toMatchObject({ code: 'NAME_INVALID' });
  });

  it('carries what a record says, and the metadata of a dispatch hook', async () => {
    const nameServer = await startBroker();
    const received: unknown[] = [];
    @Controller()
    class Orders {
      @EventPattern('orders', { mode: ConsumeMode.ORDERLY })
      handle(@Payload() data: string, @Ctx() { message }: MessagingContext): void {
        const { tag, keys, properties } = message;
        received.push([data, tag, keys, { ...properties }, message.systemProperty('__SHARDINGKEY')]);
      }
    }
    await startServer({ nameServer }, { controllers: [Orders] });
    const client = clientOf({ nameServer });
    client.setOnDispatchHook((packet) => (packet.metadata = { traceparent: '00-1', tenant: 'of the hook' }));
    const built = new MessagingRecordBuilder<string>()
      .setData('first')
      .setTag('created')
      .setKeys('k1', 'k2')
      .setProperties({ tenant: 'of the record' })
      .setOrderlyKey('customer 7')
      .setExpiresIn('1h')
      .setTimeout('2s')
      .build();
    await lastValueFrom(client.emit('orders', built));
    await until(() => received.length === 1, 'the first');
    const metadata = { traceparent: '00-1', tenant: 'of the record' };
    expect(received[0]).toEqual(['first', 'created', ['k1', 'k2'], metadata, 'customer 7']);
    await lastValueFrom(client.emit('orders:later', new MessagingRecordBuilder('second').setDelay(50).build()));
    await until(() => received.length === 2, 'the delayed one');
    expect(received[1]).toEqual(['second', 'later', [], { ...metadata, tenant: 'of the hook' }, undefined]);
    const refused = (action: () => Promise<unknown>, message: RegExp) =>
      expect(action()).rejects.toMatchObject({
        code: 'BAD_ARGUMENT',
        message: expect.stringMatching(message) as unknown,
      });
    expect(() => new MessagingRecordBuilder('x').setOrderlyKey('k').setDelay(1).build()).toThrow(
      /orderly key or a delay/,
    );
    await refused(
      () => lastValueFrom(client.emit('orders', new MessagingRecord('x', { orderlyKey: 'k', delay: 1 }))),
      /orderly key or a delay/,
    );
    await refused(
      () => firstValueFrom(client.send('orders', new MessagingRecord('x', { delay: 1 }))),
      /delay is for emit/,
    );
    await refused(
      () => firstValueFrom(client.send('orders', new MessagingRecord('x', { orderlyKey: 'k' }))),
      /orderlyKey is for emit/,
    );
    await refused(() => firstValueFrom(client.send('orders', new MessagingRecord('x', { dedupId: 'k' }))), /dedupId/);
    await refused(
      () => lastValueFrom(client.emit('orders', new MessagingRecord('x', { ta: 'k' } as object))),
      /unknown option "ta"/,
    );
    await refused(() => lastValueFrom(client.emit(7, 'x')), /"topic", "topic:tag" or \{ topic, tag \}/);
    await refused(
      () => lastValueFrom(client.emit({ topic: 'orders', selector: 'a = 1' }, 'x')),
      /"topic", "topic:tag"/,
    );
  });

  it('connects at once or with the first message, says so, and again after it was closed', async () => {
    const nameServer = await startBroker();
    const client = clientOf({ nameServer });
    const seen: string[] = [];
    client.status.subscribe((status) => seen.push(status));
    client.on('connected', () => seen.push('on connected'));
    client.on('disconnected', () => seen.push('on disconnected'));
    expect(() => client.unwrap()).toThrow(/not connected/);
    await Promise.all([client.connect(), client.connect()]);
    expect(client.unwrap()).toBeInstanceOf(EngineClient);
    await client.close();
    await client.close();
    expect(() => client.unwrap()).toThrow(/not connected/);
    await lastValueFrom(client.emit('anything', 'x'));
    expect(seen).toEqual(['connected', 'on connected', 'disconnected', 'on disconnected', 'connected', 'on connected']);
  });

  it('fails to connect while no broker is there, and finds it when it is', async () => {
    const port = await freePort();
    const client = clientOf({ nameServer: `127.0.0.1:${port}` });
    await expect(client.connect()).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    await expect(lastValueFrom(client.emit('orders', 'x'))).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    await (await createService(new BrokerServer({ memory: true, listen: port }))).listen();
    await lastValueFrom(client.emit('orders', 'x'));
  });

  it('is had by name from ClientsModule, closed with the application, and set by @Client', async () => {
    const nameServer = await startBroker();
    @Injectable()
    class Gateway {
      // Its type knows only the transports of Nest itself.
      @Client({
        customClass: MessagingClient,
        options: { nameServer, application: 'gateway' },
      } as unknown as ClientOptions)
      readonly own!: ClientProxy;
      constructor(@Inject('ORDERS') readonly orders: ClientProxy) {}
    }
    const options = { nameServer, application: 'gateway' };
    const registered = ClientsModule.register([{ name: 'ORDERS', customClass: MessagingClient, options }]);
    const app: INestApplication = (
      await Test.createTestingModule({ imports: [registered], providers: [Gateway] }).compile()
    ).createNestApplication({ logger: false });
    await app.init();
    const gateway = app.get(Gateway);
    await lastValueFrom(gateway.orders.emit('orders', 'x'));
    await lastValueFrom(gateway.own.emit('orders', 'x'));
    expect(gateway.own).toBeInstanceOf(MessagingClient);
    const seen: string[] = [];
    gateway.orders.status.subscribe((status) => seen.push(status));
    gateway.own.status.subscribe((status) => seen.push(status));
    await app.close();
    await until(() => seen.length === 4, 'both closed');
    expect(seen.slice(2)).toEqual(['disconnected', 'disconnected']);
  });

  it('sends through the connection of MessagingModule when it is given its template', async () => {
    const received: unknown[] = [];
    @Injectable()
    class Listener {
      @MessageListener('orders')
      handle(data: unknown): void {
        received.push(data);
      }
    }
    const clientsModule = ClientsModule.registerAsync([
      {
        name: 'ORDERS',
        inject: [getTemplateToken()],
        useFactory: (template: MessagingTemplate) => ({ customClass: MessagingClient, options: { template } }),
      },
    ]);
    const app = await startApplication({ imports: [clientsModule], providers: [Listener] });
    const client = app.get<MessagingClient>('ORDERS');
    await lastValueFrom(client.emit('orders', 'x'));
    await until(() => received.length === 1, 'the event');
    await client.close();
    expect((await app.get(MessagingTemplate).syncSend('orders', 'y')).status).toBe('SEND_OK');
    const template = app.get(MessagingTemplate);
    expect(() => new MessagingClient({ template, nameServer: 'a:1' })).toThrow(
      /has the option nameServer; leave it out/,
    );
  });

  it('may have the broker inside', async () => {
    const memory = clientOf({ broker: { memory: true } });
    expect(await lastValueFrom(memory.emit('orders', 'x'))).toMatchObject({ status: 'SEND_OK' });
  });

  it('refuses options that make no sense', () => {
    const refuse = (options: unknown, message: RegExp) =>
      expect(() => new MessagingClient(options as MessagingClientOptions)).toThrow(message);
    refuse({ nameservers: 'a' }, /MessagingClient: unknown option "nameservers"/);
    refuse({ template: 'x' }, /template must be a MessagingTemplate/);
    refuse(7, /MessagingClient: the options must be an object/);
    expect(new MessagingClient()).toBeInstanceOf(ClientProxy);
  });
});
