import {
  type CanActivate,
  Controller,
  type INestApplication,
  Injectable,
  type NestHybridApplicationOptions,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { EventPattern as NestEventPattern, type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { TerminusModule } from '@nestjs/terminus';
import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastValueFrom } from 'rxjs';
import {
  MessageListener,
  MessagingModule,
  type MessagingModuleOptions,
  MessagingTemplate,
} from '../../../lib/index.js';
import {
  EventPattern,
  MESSAGING_TRANSPORT,
  MessagePattern,
  MessagingClient,
  MessagingServer,
} from '../../../lib/microservices.js';
import { type ApplicationSettings, LogBook, closeApplications, createApplication } from '../support/application.js';
import { MessagingMetrics, MessagingMetricsModule } from '../../../lib/metrics.js';
import { MessagingHealthIndicator, MessagingHealthModule } from '../../../lib/terminus.js';
import { gate, until } from '../support/until.js';
import { closeServices, createService, startBroker, startServer, templateTo } from './support.js';

const folders: string[] = [];

afterEach(async () => {
  await closeApplications();
  await closeServices();
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
});

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hybrid-'));
  folders.push(folder);
  return folder;
}

async function createHybrid(
  strategy: MessagingServer,
  settings: ApplicationSettings,
  hybrid: NestHybridApplicationOptions = { inheritAppConfig: true },
): Promise<INestApplication> {
  const app = await createApplication(settings);
  // As Nest's own factory does, which Test does not go through.
  app.connectMicroservice<MicroserviceOptions>({ strategy }, hybrid);
  return app;
}

const received: string[] = [];

@Controller()
class Events {
  @EventPattern('orders')
  onOrder(order: string): void {
    received.push(`event ${order}`);
  }
  @MessagePattern('quotes')
  onQuote(text: string): string {
    return `quote for ${text}`;
  }
}

@Injectable()
class Listener {
  @MessageListener('orders')
  onOrder(order: string): void {
    received.push(`listener ${order}`);
  }
}

@Injectable()
class Clash {
  @MessageListener({ topic: 'a', group: 'same' })
  handle(): void {}
}

describe('a hybrid application', () => {
  afterEach(() => void received.splice(0));

  it('has listeners and handlers on one connection, whichever of init and startAllMicroservices comes first', async () => {
    for (const first of ['microservices', 'init'] as const) {
      received.splice(0);
      const strategy = new MessagingServer();
      const seen: string[] = [];
      strategy.status.subscribe((status) => seen.push(status));
      const app = await createHybrid(strategy, { controllers: [Events], providers: [Listener] });
      if (first === 'init') await app.init();
      await app.startAllMicroservices();
      if (first === 'microservices') {
        await expect(strategy.start()).rejects.toThrow(/after the application is initialised/);
        await app.init();
      }
      expect(seen).toEqual(['connecting', 'connected']);
      const template = app.get(MessagingTemplate);
      await template.syncSend('orders', '1');
      await until(() => received.length === 2, 'both');
      expect(new Set(received)).toEqual(new Set(['event 1', 'listener 1']));
      expect(await template.request('quotes', 'x')).toBe('quote for x');
      const groups = strategy
        .unwrap()
        .consumerStates()
        .map(({ group }) => group);
      expect(groups).toEqual(expect.arrayContaining(['test', 'test-Listener-onOrder']));
      await app.close();
      expect(seen).toEqual(['connecting', 'connected', 'disconnected']);
    }
  });

  it('handles what its own providers send while it starts', async () => {
    @Injectable()
    class Sender implements OnModuleInit {
      constructor(private readonly messaging: MessagingTemplate) {}
      async onModuleInit(): Promise<void> {
        await this.messaging.syncSend('orders', 'early');
      }
    }
    const app = await createHybrid(new MessagingServer(), { controllers: [Events], providers: [Sender] });
    await app.startAllMicroservices();
    await app.init();
    await until(() => received.length === 1, 'the early order');
  });

  it('consumes with the connection of MessagingModule that has the same store, or that is named', async () => {
    const store = await freshFolder();
    const messaging: MessagingModuleOptions = { broker: { store, memory: undefined } };
    const second = MessagingModule.forRoot({ connection: 'second', application: 'two', broker: { memory: true } });
    const app = await createHybrid(new MessagingServer({ broker: { store } }), {
      messaging,
      imports: [second],
      controllers: [Events],
    });
    const other = new MessagingServer({ connection: 'second', group: 'other', transportId: Symbol('other') });
    app.connectMicroservice<MicroserviceOptions>({ strategy: other });
    await app.startAllMicroservices();
    await app.init();
    await app.get(MessagingTemplate).syncSend('orders', '1');
    await until(() => received.length === 1, 'the order');
    expect(other.unwrap().consumerStates()).toEqual([]);

    // The same store once more in this process, by a client.
    const client = new MessagingClient({ application: 'joined', broker: { store } });
    await expect(client.connect()).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringMatching(/in use by this process.*give its template to the MessagingClient/) as unknown,
    });
    const through = new MessagingClient({ template: app.get(MessagingTemplate) });
    await lastValueFrom(through.emit('orders', '2'));
    await until(() => received.length === 2, 'the order of the client');
    expect(received).toEqual(['event 1', 'event 2']);
  });

  it('may have a connection of its own for its handlers', async () => {
    const nameServer = await startBroker();
    const strategy = new MessagingServer({ nameServer, application: 'far' });
    const app = await createHybrid(strategy, { controllers: [Events], providers: [Listener] });
    await app.startAllMicroservices();
    await app.init();
    await (await templateTo(nameServer)).syncSend('orders', 'far');
    await app.get(MessagingTemplate).syncSend('orders', 'near');
    await until(() => received.length === 2, 'both');
    expect(new Set(received)).toEqual(new Set(['event far', 'listener near']));
  });

  it('inherits global enhancers only when it is told to', async () => {
    const guarded: string[] = [];
    const guard: CanActivate = {
      canActivate: (context) => {
        guarded.push(context.getType());
        return true;
      },
    };
    for (const inheritAppConfig of [true, false]) {
      guarded.splice(0);
      received.splice(0);
      const configure = (app: INestApplication) => app.useGlobalGuards(guard);
      const settings = { controllers: [Events], configure };
      const app = await createHybrid(new MessagingServer(), settings, { inheritAppConfig });
      await app.startAllMicroservices();
      await app.init();
      await app.get(MessagingTemplate).syncSend('orders', '1');
      await until(() => received.length === 1, 'the order');
      expect(guarded).toEqual(inheritAppConfig ? ['rpc'] : []);
      await app.close();
    }
  });

  it('waits for handlers at work before anything of it closes, and gives back what takes too long', async () => {
    let entered = gate();
    let release = gate();
    const log: string[] = [];
    @Injectable()
    class Pool implements OnModuleDestroy {
      onModuleDestroy(): void {
        log.push('pool closed');
      }
    }
    @Controller()
    class Slow {
      @EventPattern('slow')
      async handle(): Promise<void> {
        entered.open();
        await release.opened;
        log.push('handler finished');
      }
    }
    for (const own of [false, true]) {
      entered = gate();
      release = gate();
      const options = own ? { nameServer: await startBroker(), application: 'own' } : {};
      const app = await createHybrid(new MessagingServer(options), { controllers: [Slow], providers: [Pool] });
      await app.startAllMicroservices();
      await app.init();
      const template = own ? await templateTo(options.nameServer!) : app.get(MessagingTemplate);
      await template.syncSend('slow', 'x');
      await entered.opened;
      const closed = app.close();
      setImmediate(() => release.open());
      await closed;
    }
    expect(log).toEqual(['handler finished', 'pool closed', 'handler finished', 'pool closed']);

    const endless = gate();
    let calls = 0;
    @Controller()
    class Endless {
      @NestEventPattern<string>('endless')
      async handle(): Promise<void> {
        calls++;
        if (calls === 1) await endless.opened;
      }
    }
    const nameServer = await startBroker();
    const impatient = new MessagingServer({ application: 'shop', nameServer, shutdownBudget: 50 });
    await (await createService(impatient, { controllers: [Endless] })).listen();
    await (await templateTo(nameServer)).syncSend('endless', 'x');
    await until(() => calls === 1, 'the handler');
    await impatient.close();
    endless.open();
    await startServer({ nameServer }, { controllers: [Endless] });
    await until(() => calls === 2, 'the message again');
  });

  it('holds its handlers with autoStart: false until start()', async () => {
    const strategy = new MessagingServer({ autoStart: false });
    const logger = new LogBook();
    const app = await createHybrid(strategy, { controllers: [Events], providers: [Listener], logger });
    await app.startAllMicroservices();
    await app.init();
    await app.get(MessagingTemplate).syncSend('orders', '1');
    await until(() => received.length === 1, 'the listener');
    expect(received).toEqual(['listener 1']);
    expect(logger.find('log', /orders listens to orders.*held \(autoStart: false\)/)).toHaveLength(1);
    await strategy.start();
    await strategy.start();
    await until(() => received.length === 2, 'the handler');
  });

  it('is measured and checked with the rest of the application', async () => {
    const imports = [MessagingMetricsModule.forRoot(), TerminusModule, MessagingHealthModule];
    const app = await createHybrid(new MessagingServer(), { controllers: [Events], imports });
    await app.startAllMicroservices();
    await app.init();
    await app.get(MessagingTemplate).syncSend('orders', '1');
    await until(() => received.length === 1, 'the order');
    const text = await app.get(MessagingMetrics).metrics();
    expect(text).toMatch(/mq_messages_consumed_total\{.*topic="orders",group="test".*status="acknowledged"\} 1/);
    const health = await app.get(MessagingHealthIndicator).isHealthy('messaging', { timeout: 5000 });
    expect(health['messaging']!.status).toBe('up');
  });

  it('keeps handlers of other transports apart', async () => {
    @Controller()
    class Mixed {
      @NestEventPattern<string>('ours', MESSAGING_TRANSPORT, { group: 'ours' })
      ours(): void {}
      @NestEventPattern<string>('theirs', Transport.KAFKA, { anything: 'else' })
      theirs(): void {}
    }
    const strategy = new MessagingServer();
    const app = await createHybrid(strategy, { controllers: [Mixed] });
    await app.startAllMicroservices();
    await app.init();
    expect(
      strategy
        .unwrap()
        .consumerStates()
        .map(({ group }) => group),
    ).toEqual(['ours']);
    expect([...strategy.getHandlers().keys()]).toEqual(['ours']);
  });

  it('is told what does not go together', async () => {
    const refused = async (strategy: MessagingServer, settings: ApplicationSettings, message: RegExp) => {
      const app = await createHybrid(strategy, settings);
      const error = (await app
        .startAllMicroservices()
        .then(() => app.init())
        .catch((thrown: unknown) => thrown)) as { code: string; message: string };
      expect(error.message).toMatch(message);
      expect(error.code).toBe('CONFIGURATION');
    };
    const controllers = [Events];
    const store = await freshFolder();
    await refused(
      new MessagingServer({ connection: 'x' }),
      { controllers },
      /no messaging connection x; known: default/,
    );
    await refused(
      new MessagingServer({ connection: 'x' }),
      { controllers, messaging: false },
      /the application does not import MessagingModule/,
    );
    await refused(
      new MessagingServer({ broker: { store, listen: 0 }, application: 'a' }),
      { controllers, messaging: { broker: { store, memory: undefined } } },
      /connection default of MessagingModule, and application, broker\.listen would do nothing/,
    );
    expect(() => new MessagingServer({ connection: 'default', nameServer: 'a:1' })).toThrow(
      /nameServer would do nothing/,
    );
    await refused(
      new MessagingServer({ group: 'same' }),
      { controllers, providers: [Clash] },
      /group same has a consumer in this client/,
    );
    const two = (name: string) =>
      MessagingModule.forRoot({ connection: name, application: name, broker: { memory: true } });
    await refused(
      new MessagingServer(),
      { controllers, messaging: false, imports: [two('a'), two('b')] },
      /say which connection it consumes with; known: a, b/,
    );
  });

  it('also as a microservice alone, with MessagingModule beside it', async () => {
    const messaging = MessagingModule.forRoot({ application: 'alone', broker: { memory: true } });
    const strategy = new MessagingServer();
    const service = await createService(strategy, { imports: [messaging], controllers: [Events] });
    await service.listen();
    await service.get(MessagingTemplate).syncSend('orders', '1');
    await until(() => received.length === 1, 'the order');
  });
});
