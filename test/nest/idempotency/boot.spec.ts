import { type CallHandler, Controller, type ExecutionContext, Get, Injectable, type Type } from '@nestjs/common';
import { UseInterceptors } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Idempotent,
  IdempotencyInterceptor,
  type IdempotencyDefaults,
  type IdempotentOptions,
  MemoryIdempotencyStore,
  MessageListener,
  MessageListenerRegistry,
  MessagingModule,
  type TransactionalIdempotencyStore,
} from '../../../lib/index.js';
import { MessagingTestKit } from '../../../lib/testing.js';
import { closeApplications, LogBook, startApplication } from '../support/application.js';
import { closeBenches, newBench } from './support.js';

afterEach(closeBenches);
afterEach(closeApplications);

const store = new MemoryIdempotencyStore();
const transactional: TransactionalIdempotencyStore = {
  name: 'database',
  shared: true,
  transact: () => Promise.reject(new Error('not asked')),
};

function listener(options: IdempotentOptions | false, more: object = {}): Type {
  @Injectable()
  class Payments {
    @MessageListener({ topic: 'payments', group: 'booking', ...more })
    @Idempotent(options)
    book(): void {}
  }
  return Payments;
}

async function boot(provider: Type, idempotency?: IdempotencyDefaults): Promise<void> {
  const kit = new MessagingTestKit();
  try {
    await kit.start({
      imports: [MessagingModule.forRoot({ application: 'test', idempotency })],
      providers: [provider],
    });
  } finally {
    await kit.close();
  }
}

describe('the module default', () => {
  it('makes all listeners idempotent but those that are taken out or acknowledge first; a listener without it has no record', async () => {
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'a', group: 'default' })
      byDefault(): void {}
      @MessageListener({ topic: 'a', group: 'out' })
      @Idempotent(false)
      takenOut(): void {}
      @MessageListener({ topic: 'a', group: 'first', delivery: 'at-most-once' })
      first(): void {}
      @MessageListener({ topic: 'a', group: 'own' })
      @Idempotent({ key: 'keys' })
      own(): void {}
    }
    const { kit, start, store: used, modules } = newBench();
    await start([Payments], { enabled: true });
    const { messageId } = await kit.template().syncSend('a', 1, { keys: 'k' });
    await kit.settled();
    expect(kit.consumed()).toHaveLength(4);
    expect(used.of('acquire').flat().toSorted()).toEqual([`default|a|${messageId}`, 'own|a|k']);
    const list = modules[0]!.get(MessageListenerRegistry, { strict: false }).list();
    expect(list.map(({ idempotency }) => idempotency?.counts.acquired)).toEqual([1, undefined, undefined, 1]);
  });

  it('that is not enabled only gives options to those with @Idempotent', async () => {
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'a', group: 'plain' })
      plain(): void {}
    }
    const { kit, start, store: used } = newBench();
    await start([Payments]);
    await kit.template().syncSend('a', 1);
    await kit.settled();
    expect(used.asked).toEqual([]);
  });
});

describe('at boot is refused', () => {
  it.each<[string, Type, IdempotencyDefaults | undefined, string]>([
    ['no store', listener({}), undefined, 'there is no store'],
    ['an enabled default without a store', listener({}), { enabled: true }, 'enabled needs a store'],
    ['what is no store', listener({}), { store: {} as never }, 'store must be an idempotency store'],
    ['an unknown default', listener({}), { store, keep: 1 } as never, 'unknown option "keep"'],
    ['at most once', listener({ store }, { delivery: 'at-most-once' }), undefined, 'at-most-once'],
    ['a lease in a transaction', listener({ store: transactional, lease: '1m' }), undefined, 'the lock of the row'],
    [
      'waiting in a transaction',
      listener({ store: transactional, onBusy: 'wait' }),
      undefined,
      'onBusy has no meaning',
    ],
    ['open in a transaction', listener({ failurePolicy: 'open' }), { store: transactional }, 'failurePolicy: "open"'],
  ])('%s', async (_, provider, defaults, message) => {
    await expect(boot(provider, defaults)).rejects.toThrow(message);
    await expect(boot(provider, defaults)).rejects.toMatchObject({ code: 'CONFIGURATION' });
  });

  it('@Idempotent where nothing listens', async () => {
    @Injectable()
    class Payments {
      @Idempotent({ store })
      book(): void {}
    }
    await expect(boot(Payments)).rejects.toThrow('@Idempotent on Payments.book: no @MessageListener stands there');
  });

  it('two interceptors on one listener', async () => {
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking' })
      @UseInterceptors(new IdempotencyInterceptor({ store }), new IdempotencyInterceptor({ store }))
      book(): void {}
    }
    await expect(boot(Payments)).rejects.toThrow('2 IdempotencyInterceptors');
  });

  it.each([
    [{ lease: '10ms' }, 'lease must be'],
    [{ ttl: 0 }, 'ttl must be'],
    [{ key: 'business' }, 'key must be'],
    [{ onBusy: 'skip' }, 'onBusy must be "wait" or "retry", not "skip"'],
    [{ failurePolicy: true }, 'failurePolicy must be'],
    [{ leases: '1m' }, 'unknown option "leases"'],
  ])('in the decorator: %j', (options, message) => {
    expect(() => listener(options as never)).toThrow(message);
    expect(() => new IdempotencyInterceptor(options as never)).toThrow(message);
  });
});

describe('defaults that a transactional store cannot use', () => {
  it('are for the other listeners of the connection', async () => {
    await boot(listener({ store: transactional }), { store, lease: '10s', onBusy: 'retry', failurePolicy: 'open' });
  });
});

describe('a memory store', () => {
  it('is warned of in production when the broker is elsewhere', async () => {
    const logger = new LogBook();
    const before = process.env.NODE_ENV;
    process.env.NODE_ENV = 'production';
    try {
      const nameServer = '127.0.0.1:1';
      const starting = startApplication({
        messaging: { broker: undefined, nameServer, idempotency: { store } },
        providers: [listener({})],
        logger,
      });
      await expect(starting).rejects.toThrow();
    } finally {
      process.env.NODE_ENV = before;
    }
    expect(logger.find('warn', /kept in the memory of this process/)).toHaveLength(1);
  });
});

describe('as a global interceptor', () => {
  it('lets through what is no message', async () => {
    @Controller()
    class Page {
      @Get()
      page(): string {
        return 'page';
      }
    }
    const app = await startApplication({
      controllers: [Page],
      configure: (created) => void created.useGlobalInterceptors(new IdempotencyInterceptor({ store })),
    });
    await app.listen(0, '127.0.0.1');
    expect(await (await fetch(await app.getUrl())).text()).toBe('page');
    const passed: CallHandler = { handle: () => 'what follows' as never };
    const http = { getArgByIndex: () => ({}) } as unknown as ExecutionContext;
    expect(await new IdempotencyInterceptor().intercept(http, passed)).toBe('what follows');
  });
});
