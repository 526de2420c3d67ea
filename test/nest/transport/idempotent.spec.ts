import { Catch, Controller, type ExceptionFilter, type Type, UseFilters } from '@nestjs/common';
import { Ctx, type MicroserviceOptions, Payload } from '@nestjs/microservices';
import { afterEach, describe, expect, it } from '@jest/globals';
import { firstValueFrom, from, lastValueFrom, type Observable, toArray } from 'rxjs';
import { Idempotent, type IdempotencyStore, MessagingModule, MessagingTemplate, Settle } from '../../../lib/index.js';
import { MemoryIdempotencyStore } from '../../../lib/index.js';
import { EventPattern, MessagePattern, MessagingClient, MessagingContext } from '../../../lib/microservices.js';
import { MessagingServer } from '../../../lib/microservices.js';
import { MessagingTestingModule, MessagingTestKit } from '../../../lib/testing.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function serve(
  controller: Type,
  store: IdempotencyStore = new MemoryIdempotencyStore(),
): Promise<{ kit: MessagingTestKit; client: MessagingClient }> {
  const messaging = MessagingModule.forRoot({ application: 'shop', idempotency: { store } });
  const module = await MessagingTestingModule.createTestingModule({
    imports: [messaging],
    controllers: [controller],
  }).compile();
  const kit = module.get(MessagingTestKit);
  closing.push(() => kit.close());
  const service = module.createNestMicroservice<MicroserviceOptions>({
    strategy: new MessagingServer(),
    logger: false,
  });
  closing.push(() => service.close());
  await service.listen();
  return { kit, client: new MessagingClient({ template: service.get(MessagingTemplate) }) };
}

describe('@Idempotent on a handler with a pattern', () => {
  it('handles an event once, and releases a failed attempt', async () => {
    const handled: unknown[] = [];
    @Controller()
    class Orders {
      @EventPattern('orders', { backoff: [1000] })
      @Idempotent()
      onOrder(@Payload() order: string, @Ctx() { attempt }: MessagingContext): void {
        handled.push([order, attempt]);
        if (attempt === 1) throw new Error('not yet');
      }
    }
    const { kit, client } = await serve(Orders);
    await lastValueFrom(client.emit('orders', 'o1'));
    await kit.advance('5s');
    await kit.redeliver(kit.consumed('orders').at(-1)!, { group: 'shop' });
    await kit.settled();
    expect(handled).toEqual([
      ['o1', 1],
      ['o1', 2],
    ]);
    expect(kit.consumed().map(({ outcome }) => outcome)).toEqual(['retried', 'acknowledged', 'acknowledged']);
  });

  it('replies to a duplicate request with all that the first was replied to with', async () => {
    let calls = 0;
    @Controller()
    class Prices {
      @MessagePattern('prices')
      @Idempotent({ key: () => 'always the same', cacheResult: true })
      prices(): Observable<object> {
        calls++;
        return from([{ cents: 1 }, { cents: 2 }]);
      }
    }
    const { client } = await serve(Prices);
    const ask = () => firstValueFrom(client.send<object>('prices', {}).pipe(toArray()));
    expect(await ask()).toEqual([{ cents: 1 }, { cents: 2 }]);
    expect(await ask()).toEqual([{ cents: 1 }, { cents: 2 }]);
    expect(calls).toBe(1);
  });

  it('lets each of several methods handle an event once, also when all are called again because one has failed', async () => {
    const handled: string[] = [];
    @Controller()
    class Orders {
      @EventPattern('orders', { backoff: [1000] })
      @Idempotent()
      good(): void {
        handled.push('good');
      }
      @EventPattern('orders')
      @Idempotent()
      bad(@Payload() _order: unknown, @Ctx() { attempt }: MessagingContext): void {
        handled.push('bad');
        if (attempt === 1) throw new Error('not yet');
      }
    }
    const { kit, client } = await serve(Orders);
    await lastValueFrom(client.emit('orders', 'o1'));
    await kit.advance('5s');
    expect(handled).toEqual(['good', 'bad', 'bad']);
  });

  it('waits for a store that is away, whatever filters make of that', async () => {
    @Catch()
    class Everything implements ExceptionFilter {
      catch(): unknown {
        return Settle.acknowledge();
      }
    }
    const handled: unknown[] = [];
    @Controller()
    class Orders {
      @EventPattern('orders')
      @UseFilters(Everything)
      @Idempotent()
      onOrder(@Payload() order: string): void {
        handled.push(order);
      }
      @MessagePattern('prices')
      @UseFilters(Everything)
      @Idempotent()
      price(): number {
        return 1;
      }
    }
    const store = new MemoryIdempotencyStore();
    const { acquire } = store;
    store.acquire = () => Promise.reject(new Error('away'));
    const { kit, client } = await serve(Orders, store);
    await lastValueFrom(client.emit('orders', 'o1'));
    await kit.advance('2s');
    expect(new Set(kit.consumed().map(({ outcome }) => outcome))).toEqual(new Set(['postponed']));
    store.acquire = acquire;
    await kit.advance('10s');
    expect(handled).toEqual(['o1']);
    expect(await firstValueFrom(client.send('prices', 1))).toBe(1);
  });
});
