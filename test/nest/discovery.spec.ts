import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  ConsumeMode,
  MessageListener,
  MessageListenerRegistry,
  type MessageListenerInfo,
  MessagingTemplate,
} from '../../lib/index.js';
import { type ApplicationSettings, closeApplications, startApplication } from './support/application.js';
import { until } from './support/until.js';

afterEach(closeApplications);

async function listenersOf(settings: ApplicationSettings): Promise<MessageListenerInfo[]> {
  return (await startApplication(settings)).get(MessageListenerRegistry).list();
}

@Injectable()
class Base {
  static readonly received: string[] = [];
  @MessageListener('base', 'a')
  inherited(): void {
    Base.received.push(this.constructor.name);
  }
  @MessageListener('base', 'b')
  overridden(): void {}
}

describe('discovery', () => {
  it('finds listeners on providers and controllers, and names groups after application, class and method', async () => {
    @Controller()
    class Orders {
      @Get()
      list(): void {}
      @MessageListener('orders')
      onOrder(): void {}
    }
    const found = await listenersOf({
      providers: [Base],
      controllers: [Orders],
      messaging: { application: '@acme/shop' },
    });
    expect(found.map(({ name, group }) => `${name} ${group}`).sort()).toEqual([
      'Base.inherited acme-shop-Base-inherited',
      'Base.overridden acme-shop-Base-overridden',
      'Orders.onOrder acme-shop-Orders-onOrder',
    ]);
  });

  it('discovers an instance once, whatever aliases it has', async () => {
    @Injectable()
    class Listener {
      @MessageListener('x')
      handle(): void {}
    }
    const shared = new Base();
    const found = await listenersOf({
      providers: [
        Listener,
        { provide: 'alias', useExisting: Listener },
        { provide: 'first', useValue: shared },
        { provide: 'second', useValue: shared },
        { provide: 'made', useFactory: (listener: Listener) => listener, inject: [Listener] },
      ],
    });
    expect(found.map(({ name }) => name).sort()).toEqual(['Base.inherited', 'Base.overridden', 'Listener.handle']);
  });

  it('gives listeners of classes under a token, by value and by factory their instance', async () => {
    const seen: string[] = [];
    class Counter {
      constructor(private readonly label: string = 'class') {}
      @MessageListener('x', 'hit')
      handle(): void {
        seen.push(this.label);
      }
    }
    @Injectable()
    class ByClass extends Counter {
      constructor() {
        super('class');
      }
      @MessageListener('x', 'hit', 'by-class')
      override handle(): void {
        super.handle();
      }
    }
    class ByFactory extends Counter {
      @MessageListener('x', 'hit', 'by-factory')
      override handle(): void {
        super.handle();
      }
    }
    const app = await startApplication({
      providers: [
        { provide: 'value', useValue: new Counter('value') },
        { provide: 'factory', useFactory: async () => new ByFactory('factory') },
        { provide: 'class', useClass: ByClass },
      ],
    });
    await app.get(MessagingTemplate).syncSend('x:hit', {});
    await until(() => seen.length === 3, 'three listeners');
    expect(seen.sort()).toEqual(['class', 'factory', 'value']);
  });

  it('an inherited listener listens for the subclass; an override without decorator does not', async () => {
    @Injectable()
    class Special extends Base {
      override overridden(): void {}
    }
    const app = await startApplication({ providers: [Special] });
    expect(app.get(MessageListenerRegistry).list()).toMatchObject([
      { name: 'Special.inherited', group: 'test-Special-inherited' },
    ]);
    await app.get(MessagingTemplate).syncSend('base:a', {});
    await until(() => Base.received.includes('Special'), 'the inherited method to run on the subclass');
  });

  it('is not stopped by getters, null prototypes, proxies and values that are no objects', async () => {
    let ran = 0;
    @Injectable()
    class Getters {
      get dangerous(): never {
        ran++;
        throw new Error('a getter ran');
      }
      @MessageListener('x')
      handle(): void {}
    }
    const found = await listenersOf({
      providers: [
        Getters,
        { provide: 'null-prototype', useValue: Object.create(null) },
        { provide: 'null', useValue: null },
        { provide: 'text', useValue: 'text' },
        { provide: 'function', useValue: () => undefined },
        { provide: 'nothing', useFactory: () => undefined },
        {
          provide: 'throwing',
          useValue: {
            get x(): never {
              ran++;
              throw new Error('a getter ran');
            },
          },
        },
      ],
    });
    expect(found).toHaveLength(1);
    expect(ran).toBe(0);
  });

  it('stacks listeners on one method, and sends each message to it once', async () => {
    const seen: string[] = [];
    @Injectable()
    class Listener {
      @MessageListener('a', undefined, 'g')
      @MessageListener({ topic: 'b', group: 'g' })
      @MessageListener({ topic: 'a', group: 'other', mode: ConsumeMode.BROADCAST })
      handle(payload: string, context: { group: string }): void {
        seen.push(`${payload} ${context.group}`);
      }
    }
    const app = await startApplication({ providers: [Listener] });
    const names = app.get(MessageListenerRegistry).list();
    expect(names.map(({ name, topic, group }) => `${name} ${topic} ${group}`)).toEqual([
      'Listener.handle a g',
      'Listener.handle#2 b g',
      'Listener.handle#3 a other',
    ]);
    await app.get(MessagingTemplate).syncSend('a', '1');
    await app.get(MessagingTemplate).syncSend('b', '2');
    await until(() => seen.length === 3, 'three deliveries');
    expect(seen.sort()).toEqual(['1 g', '1 other', '2 g']);
  });

  it('shares a group out to the method whose tag matches', async () => {
    const seen: string[] = [];
    @Injectable()
    class Listener {
      @MessageListener('orders', 'created || changed', 'billing')
      onChange(payload: string): void {
        seen.push(`change ${payload}`);
      }
      @MessageListener('orders', 'deleted', 'billing')
      onDelete(payload: string): void {
        seen.push(`delete ${payload}`);
      }
    }
    const app = await startApplication({ providers: [Listener] });
    const template = app.get(MessagingTemplate);
    await template.syncSend('orders:created', '1');
    await template.syncSend('orders', '2', { tag: 'deleted' });
    await template.syncSend('orders:unknown', '3');
    await template.syncSend('orders:changed', '4');
    await until(() => seen.length === 3, 'three deliveries');
    expect(seen.sort()).toEqual(['change 1', 'change 4', 'delete 2']);
  });

  it('a wrapping method decorator above @MessageListener does not hide the listener', async () => {
    const seen: string[] = [];
    const wrap: MethodDecorator = (_target, _key, descriptor) => {
      const inner = descriptor.value as unknown as (...args: unknown[]) => unknown;
      descriptor.value = function wrapped(this: unknown, ...args: unknown[]): unknown {
        seen.push('wrapped');
        return inner.apply(this, args);
      } as never;
    };
    @Injectable()
    class Listener {
      @wrap
      @MessageListener('x')
      handle(): void {
        seen.push('handled');
      }
    }
    const app = await startApplication({ providers: [Listener] });
    await app.get(MessagingTemplate).syncSend('x', {});
    await until(() => seen.length === 2, 'the message');
    expect(seen).toEqual(['wrapped', 'handled']);
  });

  it('names both modules when a class is provided twice', async () => {
    @Injectable()
    class Listener {
      @MessageListener('x')
      handle(): void {}
    }
    @Module({ providers: [Listener] })
    class One {}
    @Module({ providers: [Listener] })
    class Two {}
    await expect(startApplication({ imports: [One, Two] })).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/Listener is provided by One and by Two: provide it once and export it/),
    });
  });
});
