import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, Inject, Injectable, Module } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { request } from 'node:http';
import {
  ConsumeMode,
  InjectTemplate,
  MessageListener,
  MessageListenerRegistry,
  MessagingModule,
  MessagingTemplate,
} from '../../../lib/index.js';
import { MessagingTestingModule, MessagingTestKit, type MessagingTestKitOptions } from '../../../lib/testing.js';

const kits: MessagingTestKit[] = [];
function newKit(options?: MessagingTestKitOptions): MessagingTestKit {
  const kit = new MessagingTestKit(options);
  kits.push(kit);
  return kit;
}
afterEach(async () => {
  for (const kit of kits.splice(0)) await kit.close();
});

@Injectable()
class Shop {
  constructor(private readonly messaging: MessagingTemplate) {}

  async order(id: number): Promise<void> {
    await this.messaging.syncSend('orders:created', { id });
  }
}

@Injectable()
class Warehouse {
  @MessageListener({ topic: 'orders', tag: 'created', group: 'warehouse' })
  onOrder(): void {}
}

@Injectable()
class Board {
  @MessageListener({ topic: 'prices', group: 'board', mode: ConsumeMode.BROADCAST })
  onPrice(): void {
    throw new Error('no second attempt');
  }
}

const shop = { imports: [MessagingModule.forRoot({ application: 'shop' })], providers: [Shop, Board] };
const warehouse = {
  imports: [MessagingModule.forRoot({ application: 'warehouse', nameServer: 'shop.example:9876' })],
  providers: [Warehouse, Board],
};

describe('applications in one test kit', () => {
  it('share a broker, whatever they would connect to', async () => {
    const kit = newKit();
    await kit.start(warehouse);
    const { service } = { service: (await kit.start(shop)).get(Shop) };
    await service.order(7);
    await kit.settled();
    expect(kit.sent('orders', { application: 'shop' })).toHaveLength(1);
    expect(kit.consumed('orders', { application: 'warehouse' })).toMatchObject([{ payload: { id: 7 } }]);
  });

  it('share the queues of a group, and each gets what is broadcast', async () => {
    const kit = newKit();
    await kit.start(warehouse);
    await kit.start({ ...warehouse, imports: [MessagingModule.forRoot({ application: 'second' })] });
    for (let id = 0; id < 8; id++) await kit.template().syncSend('orders:created', { id });
    await kit.template().syncSend('prices', { cents: 1 });
    await kit.settled();
    const of = (application: string): number => kit.consumed('orders', { application }).length;
    expect([of('warehouse'), of('second')]).toEqual([4, 4]);
    expect(
      kit
        .consumed('prices')
        .map(({ application, outcome }) => [application, outcome])
        .toSorted(),
    ).toEqual([
      ['second', 'failed'],
      ['warehouse', 'failed'],
    ]);
  });

  it('have a broker per connection unless they are told to share one', async () => {
    @Injectable()
    class Archive {
      constructor(@InjectTemplate('archive') readonly messaging: MessagingTemplate) {}
      @MessageListener({ topic: 'orders', group: 'archive', connection: 'archive' })
      onOrder(): void {}
    }
    const metadata = {
      imports: [
        MessagingModule.forRoot({ application: 'shop' }),
        MessagingModule.forRoot({ application: 'shop', connection: 'archive', broker: { store: './archive' } }),
      ],
      providers: [Archive, Warehouse],
    };
    const apart = newKit();
    await apart.start(metadata);
    await apart.template('archive').syncSend('orders:created', 1);
    await apart.settled();
    expect(apart.consumed().map(({ group, broker }) => [group, broker])).toEqual([['archive', 'archive']]);
    await apart.redeliver(apart.consumed()[0]!);
    await apart.settled();
    expect(apart.consumed()).toHaveLength(2);
    const together = newKit({ brokerOf: () => 'one' });
    await together.start(metadata);
    await together.template('archive').syncSend('orders:created', 1);
    await together.settled();
    expect(
      together
        .consumed()
        .map(({ group }) => group)
        .toSorted(),
    ).toEqual(['archive', 'warehouse']);
  });

  it('find their messages again after a restart', async () => {
    const kit = newKit();
    const first = await kit.start(warehouse);
    await kit.template().syncSend('orders:created', { id: 1 });
    await kit.settled();
    await first.close();
    const other = await kit.start(shop);
    await other.get(Shop).order(2);
    await kit.settled();
    expect(kit.consumed('orders')).toHaveLength(1);
    await kit.start(warehouse);
    await kit.settled();
    expect(kit.consumed('orders').map(({ payload }) => payload)).toEqual([{ id: 1 }, { id: 2 }]);
  });

  it('are told apart from listeners that are held', async () => {
    const kit = newKit();
    const module = await kit.start(warehouse);
    module.get(MessageListenerRegistry).pause('Warehouse.onOrder');
    await kit.template().syncSend('orders:created', { id: 1 });
    await kit.settled();
    expect(kit.consumed('orders')).toEqual([]);
    module.get(MessageListenerRegistry).resume('Warehouse.onOrder');
    await kit.settled();
    expect(kit.consumed('orders')).toHaveLength(1);
  });
});

describe('the testing module', () => {
  it('leaves forRootAsync as it is, and provides the kit', async () => {
    @Module({
      imports: [
        MessagingModule.forRootAsync({
          inject: ['SETTINGS'],
          imports: [
            {
              module: class Settings {},
              providers: [{ provide: 'SETTINGS', useValue: 'shop' }],
              exports: ['SETTINGS'],
            },
          ],
          useFactory: (application: string) => ({ application, broker: { topics: [{ name: 'orders', queues: 1 }] } }),
        }),
      ],
      providers: [Warehouse],
    })
    class AppModule {}
    const builder = MessagingTestingModule.createTestingModule({ imports: [AppModule] });
    const module = await builder.compile();
    await module.init();
    const kit = module.get(MessagingTestKit);
    for (let id = 0; id < 3; id++) await module.get(MessagingTemplate).syncSend('orders:created', { id });
    await kit.settled();
    expect(kit.consumed('orders').map(({ payload }) => payload)).toEqual([{ id: 0 }, { id: 1 }, { id: 2 }]);
    await module.close();
    await kit.close();
  });

  it('goes with an application that has HTTP routes, and with overrides', async () => {
    @Controller()
    class Orders {
      constructor(
        private readonly service: Shop,
        @Inject('GREETING') private readonly greeting: string,
      ) {}
      @Get()
      async create(): Promise<string> {
        await this.service.order(1);
        return this.greeting;
      }
    }
    const kit = newKit();
    const greeting = { provide: 'GREETING', useValue: 'in earnest' };
    const builder = kit.applyTo(
      Test.createTestingModule({ ...shop, providers: [...shop.providers, greeting], controllers: [Orders] }),
    );
    const module = await builder.overrideProvider('GREETING').useValue('in a test').compile();
    const app: INestApplication = module.createNestApplication();
    await app.listen(0, '127.0.0.1');
    const body = await new Promise<string>((resolve, reject) => {
      const { port } = app.getHttpServer().address() as { port: number };
      request({ port, host: '127.0.0.1' }, (response) => response.setEncoding('utf8').on('data', resolve))
        .on('error', reject)
        .end();
    });
    await kit.settled();
    expect([body, kit.sent('orders')[0]?.payload]).toEqual(['in a test', { id: 1 }]);
    await app.close();
  });

  it('takes faked timers and a faked Date', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'], now: 0 });
    try {
      const kit = newKit({ startAt: new Date('2030-01-01') });
      await kit.start(warehouse);
      await kit.template().delay('orders:created', 1, '2h');
      await kit.advance('2h');
      expect(kit.consumed('orders')).toHaveLength(1);
      expect(kit.now().toISOString()).toBe('2030-01-01T02:00:00.000Z');
      await kit.close();
    } finally {
      jest.useRealTimers();
    }
  });

  it('lets an application that cannot start fail, and leaves nothing open', async () => {
    class Broken {
      onModuleInit(): void {
        throw new Error('broken on purpose');
      }
    }
    await expect(MessagingTestingModule.create({ ...warehouse, providers: [Broken] })).rejects.toThrow(
      'broken on purpose',
    );
  });
});
