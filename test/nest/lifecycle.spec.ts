import {
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { MessageListener, MessageListenerRegistry, MessagingModule, MessagingTemplate } from '../../lib/index.js';
import { LogBook, closeApplications, createApplication, startApplication } from './support/application.js';
import { gate, until } from './support/until.js';

afterEach(closeApplications);

describe('the life of an application', () => {
  it('sends from every stage of the start reach the listeners of an empty store', async () => {
    const received: string[] = [];
    @Injectable()
    class Sender implements OnModuleInit, OnApplicationBootstrap {
      constructor(private readonly messaging: MessagingTemplate) {
        void messaging.syncSend('stages', 'constructor');
        messaging.sendOneWay('stages', 'one way in constructor');
      }
      async onModuleInit(): Promise<void> {
        await this.messaging.syncSend('stages', 'init');
      }
      async onApplicationBootstrap(): Promise<void> {
        await this.messaging.syncSend('stages', 'bootstrap');
      }
    }
    @Module({ providers: [Sender] })
    class DeepModule {}
    @Injectable()
    class Listener {
      @MessageListener('stages')
      handle(stage: string): void {
        received.push(stage);
      }
    }
    await startApplication({ imports: [DeepModule], providers: [Listener] });
    await until(() => received.length === 4, 'four messages');
    expect(new Set(received)).toEqual(new Set(['constructor', 'one way in constructor', 'init', 'bootstrap']));
  });

  it('a module that is not global serves those who import it, hooks included', async () => {
    const received: unknown[] = [];
    const messaging = MessagingModule.forRoot({ application: 'a', isGlobal: false, broker: { memory: true } });
    @Injectable()
    class Feature implements OnModuleInit {
      constructor(private readonly template: MessagingTemplate) {}
      async onModuleInit(): Promise<void> {
        await this.template.syncSend('x', 'hello');
      }
      @MessageListener('x')
      handle(payload: string): void {
        received.push(payload);
      }
    }
    @Module({ imports: [messaging], providers: [Feature] })
    class FeatureModule {}
    await startApplication({ messaging: false, imports: [FeatureModule] });
    await until(() => received.length === 1, 'the message');
  });

  it('listeners start after the others are bootstrapped', async () => {
    const events: string[] = [];
    @Injectable()
    class Cache implements OnModuleInit, OnApplicationBootstrap {
      constructor(private readonly messaging: MessagingTemplate) {}
      async onModuleInit(): Promise<void> {
        await this.messaging.syncSend('x', 'early');
      }
      async onApplicationBootstrap(): Promise<void> {
        await new Promise((resolve) => setImmediate(resolve));
        events.push('cache is warm');
      }
    }
    @Injectable()
    class Listener {
      @MessageListener('x')
      handle(): void {
        events.push('handler');
      }
    }
    await startApplication({ providers: [Cache, Listener] });
    await until(() => events.length === 2, 'both');
    expect(events).toEqual(['cache is warm', 'handler']);
  });

  it.each(['the root module', 'a deep module', 'a global module'])(
    'handlers at work finish before a pool in %s closes, and may still send',
    async (where) => {
      const entered = gate();
      const release = gate();
      const events: string[] = [];
      @Injectable()
      class Pool implements OnModuleDestroy {
        open = true;
        onModuleDestroy(): void {
          events.push('pool closed');
          this.open = false;
        }
      }
      @Module({ providers: [Pool], exports: [Pool] })
      class PoolModule {}
      @Injectable()
      class Listener {
        constructor(
          private readonly pool: Pool,
          private readonly messaging: MessagingTemplate,
        ) {}
        @MessageListener('work')
        async handle(): Promise<void> {
          entered.open();
          await release.opened;
          const { status } = await this.messaging.syncSend('done', {});
          events.push(`handler finished, pool ${this.pool.open ? 'open' : 'closed'}, ${status}`);
        }
      }
      const app = await startApplication(
        where === 'the root module'
          ? { providers: [Pool, Listener] }
          : { imports: [{ module: PoolModule, global: where === 'a global module' }], providers: [Listener] },
      );
      await app.get(MessagingTemplate).syncSend('work', {});
      await entered.opened;
      const closing = app.close();
      // Several turns of the loop, in which a pool that does not wait would have closed.
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      release.open();
      await closing;
      expect(events).toEqual(['handler finished, pool open, SEND_OK', 'pool closed']);
    },
  );

  it('waits for handlers no longer than the budget, and aborts their signal', async () => {
    const entered = gate();
    let signal: AbortSignal | undefined;
    @Injectable()
    class Stuck {
      @MessageListener('work')
      handle(_payload: unknown, context: { signal: AbortSignal }): Promise<void> {
        signal = context.signal;
        entered.open();
        return new Promise(() => undefined);
      }
    }
    const app = await startApplication({ messaging: { shutdownBudget: '20ms' }, providers: [Stuck] });
    await app.get(MessagingTemplate).syncSend('work', {});
    await entered.opened;
    await app.close();
    expect(signal!.aborted).toBe(true);
  });

  it('sends work in the shutdown hooks of others, and are refused afterwards', async () => {
    const statuses: string[] = [];
    @Injectable()
    class Farewell implements OnApplicationShutdown {
      constructor(private readonly messaging: MessagingTemplate) {}
      async onApplicationShutdown(): Promise<void> {
        statuses.push((await this.messaging.syncSend('x', 'goodbye')).status);
      }
    }
    const app = await startApplication({ providers: [Farewell] });
    const template = app.get(MessagingTemplate);
    await app.close();
    expect(statuses).toEqual(['SEND_OK']);
    await expect(template.syncSend('x', 'too late')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('autoStart: false holds the listeners until they are started', async () => {
    const received: unknown[] = [];
    @Injectable()
    class Listener {
      @MessageListener('x')
      handle(payload: unknown): void {
        received.push(payload);
      }
    }
    const app = await startApplication({ messaging: { autoStart: false }, providers: [Listener] });
    const registry = app.get(MessageListenerRegistry);
    await app.get(MessagingTemplate).syncSend('x', 1);
    expect(registry.list()).toMatchObject([{ name: 'Listener.handle', started: false }]);
    expect(received).toEqual([]);
    await registry.start();
    await until(() => received.length === 1, 'the message that was sent before the start');
    expect(registry.list()).toMatchObject([{ name: 'Listener.handle', started: true }]);
  });

  it('a listener can be paused and resumed by name', async () => {
    const received: unknown[] = [];
    @Injectable()
    class Listener {
      @MessageListener('x')
      handle(payload: unknown): void {
        received.push(payload);
      }
    }
    const app = await startApplication({ providers: [Listener] });
    const registry = app.get(MessageListenerRegistry);
    registry.pause('Listener.handle');
    await app.get(MessagingTemplate).syncSend('x', 1);
    expect(registry.list()).toMatchObject([{ paused: true }]);
    expect(received).toEqual([]);
    registry.resume('Listener.handle');
    await until(() => received.length === 1, 'the message');
    expect(() => registry.pause('Listener.other')).toThrow(
      /no message listener Listener\.other; known: Listener\.handle/,
    );
  });

  it('says at boot what listens where, and warns when shutdown hooks are off', async () => {
    const logger = new LogBook();
    @Injectable()
    class Listener {
      @MessageListener('x', 'a || b', 'g')
      handle(): void {}
    }
    await startApplication({ providers: [Listener], logger });
    expect(
      logger.find('log', /^Listener\.handle listens to x \(a \|\| b\), group g, CONCURRENT, from latest$/),
    ).toHaveLength(1);
    await until(() => logger.find('warn', /shutdown hooks are off/).length === 1, 'the warning');
  });

  it('does not warn of shutdown hooks that are switched on after the start', async () => {
    const logger = new LogBook();
    const asked = jest.spyOn(process, 'listenerCount');
    try {
      const app = await startApplication({ logger });
      asked.mockClear();
      app.enableShutdownHooks();
      await until(() => asked.mock.calls.some(([event]) => event === 'SIGTERM'), 'the check');
      expect(logger.find('warn', /shutdown hooks/)).toEqual([]);
      await app.close();
    } finally {
      asked.mockRestore();
    }
  });

  it('keeps the process alive until it is closed', async () => {
    const held = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = held();
    const app = await startApplication({});
    expect(held()).toBe(before + 1);
    await app.close();
    expect(held()).toBe(before);
  });

  it('two applications in one process have nothing in common', async () => {
    const received: string[] = [];
    const define = (name: string): new () => object => {
      @Injectable()
      class Listener {
        @MessageListener('x', '*', 'same-group')
        handle(payload: string): void {
          received.push(`${name} got ${payload}`);
        }
      }
      return Listener;
    };
    const [one, two] = await Promise.all(['one', 'two'].map((name) => startApplication({ providers: [define(name)] })));
    await one!.get(MessagingTemplate).syncSend('x', 'from one');
    await two!.get(MessagingTemplate).syncSend('x', 'from two');
    await until(() => received.length === 2, 'both');
    expect(received.sort()).toEqual(['one got from one', 'two got from two']);
    await one!.close();
    await two!.get(MessagingTemplate).syncSend('x', 'again');
    await until(() => received.length === 3, 'the second application to go on');
  });

  it('an application that is closed before it is initialised, and one without connections, close quietly', async () => {
    await (await createApplication({})).close();
    const bare = await startApplication({ messaging: false });
    await bare.close();
  });
});
