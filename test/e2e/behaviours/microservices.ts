import assert from 'node:assert/strict';
import {
  BadRequestException,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type Type,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { Ctx, Payload, RpcException } from '@nestjs/microservices';
import { firstValueFrom, from, lastValueFrom, Observable, of, toArray } from 'rxjs';
import { ConsumeMode, RejectMessageError, RequestFailedError, type SendResult } from '../../../lib/index.js';
import {
  EventPattern,
  MessagePattern,
  MessagingClient,
  MessagingContext,
  MessagingRecordBuilder,
  MessagingServer,
} from '../../../lib/microservices.js';
import { subject } from '../behaviour.js';
import { deadLettersOf, reasonOf } from '../dead-letters.js';
import type { Application, World } from '../world.js';

/** An application with these handlers, in the group `test`, and a client on its connection. */
async function serve(world: World, ...controllers: Type[]): Promise<Application & { client: MessagingClient }> {
  const app = await world.start({ controllers, strategy: new MessagingServer() });
  return { ...app, client: new MessagingClient({ template: app.template }) };
}

@Catch()
class Swallow implements ExceptionFilter {
  catch(): Observable<string> {
    return of('all is well');
  }
}

const nobody: CanActivate = { canActivate: () => false };

export const microservices = subject('microservices', (it) => {
  it('emit gives the result of the send, and the event reaches the methods of its pattern', async (world) => {
    const seen: unknown[] = [];
    @Controller()
    class Orders {
      @EventPattern('orders:created')
      first(@Payload() data: unknown, @Ctx() { attempt, group }: MessagingContext): void {
        seen.push(['first', data, attempt, group]);
      }
      @EventPattern('orders:created')
      second(data: unknown): void {
        seen.push(['second', data]);
      }
      @EventPattern('orders:deleted')
      other(): void {
        seen.push('never');
      }
    }
    const { client } = await serve(world, Orders);
    const result = await world.passing(lastValueFrom(client.emit<SendResult>('orders:created', { id: 1 })));
    assert.equal(result.status, 'SEND_OK');
    await world.until(() => seen.length === 2, 'both methods');
    await world.quiet();
    assert.deepEqual(seen.toSorted(), [
      ['first', { id: 1 }, 1, 'test'],
      ['second', { id: 1 }],
    ]);
  });

  it('an event is acknowledged when the Observable that its handler returns has completed', async (world) => {
    let complete: (() => void) | undefined;
    @Controller()
    class Slow {
      @EventPattern('slow')
      handle(): Observable<number> {
        return new Observable((subscriber) => {
          subscriber.next(1);
          complete = () => subscriber.complete();
        });
      }
    }
    const strategy = new MessagingServer();
    const { template } = await world.start({ controllers: [Slow], strategy });
    await world.passing(template.syncSend('slow', 'x'));
    const acknowledged = () => strategy.unwrap().consumerStates()[0]!.listeners[0]!.counts.acknowledged;
    await world.until(() => complete !== undefined, 'the handler');
    await world.quiet();
    assert.equal(acknowledged(), 0);
    complete!();
    await world.until(() => acknowledged() === 1, 'the acknowledgement');
  });

  it('an event whose handler fails comes again, whatever a filter returns and whatever was thrown', async (world) => {
    const attempts: string[] = [];
    @Controller()
    class Failing {
      @EventPattern('filtered', { backoff: [100] })
      @UseFilters(Swallow)
      filtered(@Payload() _: string, @Ctx() { attempt }: MessagingContext): void {
        attempts.push(`filtered ${attempt}`);
        if (attempt === 1) throw new Error('at first');
      }
      @EventPattern('http', { backoff: [100] })
      http(@Payload() _: string, @Ctx() { attempt }: MessagingContext): void {
        attempts.push(`http ${attempt}`);
        if (attempt === 1) throw new BadRequestException('of a handler');
      }
    }
    const { template } = await serve(world, Failing);
    for (const topic of ['filtered', 'http']) await world.passing(template.syncSend(topic, 'x'));
    await world.until(() => attempts.length === 4, 'both again');
    assert.deepEqual(attempts.toSorted(), ['filtered 1', 'filtered 2', 'http 1', 'http 2']);
  });

  it('an event that is rejected, or refused by a guard, is a dead letter with the reason', async (world) => {
    @Controller()
    class Refusing {
      @EventPattern('rejected')
      rejected(): void {
        throw new RejectMessageError('can never succeed');
      }
      @EventPattern('guarded')
      @UseGuards(nobody)
      guarded(): void {}
    }
    const letters = deadLettersOf('test');
    const { template } = await world.start(letters, { controllers: [Refusing], strategy: new MessagingServer() });
    for (const topic of ['rejected', 'guarded']) await world.passing(template.syncSend(topic, 'x'));
    await world.until(() => letters.deliveries.length === 2, 'both letters');
    const reasons = [0, 1].map((index) => reasonOf(letters, index).message);
    assert.deepEqual(reasons.toSorted(), ['Forbidden resource', 'can never succeed']);
  });

  it('a record carries tag, keys, properties and the key of an order', async (world) => {
    const seen: unknown[] = [];
    @Controller()
    class Orders {
      @EventPattern('orders', { mode: ConsumeMode.ORDERLY })
      handle(@Payload() data: string, @Ctx() { message }: MessagingContext): void {
        seen.push([
          data,
          message.tag,
          message.keys,
          message.properties['tenant'],
          message.systemProperty('__SHARDINGKEY'),
        ]);
      }
    }
    const { client } = await serve(world, Orders);
    const record = (data: string) =>
      new MessagingRecordBuilder(data)
        .setTag('t')
        .setKeys('k')
        .setProperties({ tenant: 'x' })
        .setOrderlyKey('c')
        .build();
    for (const data of ['1', '2', '3']) await world.passing(lastValueFrom(client.emit('orders', record(data))));
    await world.until(() => seen.length === 3, 'all three');
    assert.deepEqual(
      seen,
      ['1', '2', '3'].map((data) => [data, 't', ['k'], 'x', 'c']),
    );
  });

  it('send gives every value that the handler returns, and nothing for nothing', async (world) => {
    @Controller()
    class Answers {
      @MessagePattern('answers:one')
      one(data: unknown): unknown {
        return { echo: data };
      }
      @MessagePattern('answers:several')
      several(): Observable<number> {
        return from([1, 2, 3]);
      }
      @MessagePattern('answers:nothing')
      nothing(): void {}
    }
    const { client } = await serve(world, Answers);
    const values = (pattern: string) => world.passing(lastValueFrom(client.send(pattern, 'x').pipe(toArray())));
    assert.deepEqual(await values('answers:one'), [{ echo: 'x' }]);
    assert.deepEqual(await values('answers:several'), [1, 2, 3]);
    assert.deepEqual(await values('answers:nothing'), []);
  });

  it('send fails with the RpcException of the handler, and with what is known of any other error', async (world) => {
    @Controller()
    class Answers {
      @MessagePattern('rpc')
      rpc(): void {
        throw new RpcException({ code: 7 });
      }
      @MessagePattern('other')
      other(): void {
        throw new RangeError('out of range');
      }
    }
    const { client } = await serve(world, Answers);
    const failure = (pattern: string) =>
      world.passing(firstValueFrom(client.send(pattern, 'x')).catch((error: unknown) => error));
    const rpc = await failure('rpc');
    assert.ok(rpc instanceof RpcException, String(rpc));
    assert.deepEqual(rpc.getError(), { code: 7 });
    const other = await failure('other');
    assert.ok(other instanceof RequestFailedError, String(other));
    assert.deepEqual([other.errorClass, (other.cause as Error).message], ['RangeError', 'out of range']);
  });

  it('an event handler that sees a request does not answer it', async (world) => {
    let audited = false;
    @Controller()
    class Handlers {
      @EventPattern('asked', { group: 'audit' })
      audit(): string {
        audited = true;
        return 'of the audit';
      }
    }
    const { client } = await serve(world, Handlers);
    const record = new MessagingRecordBuilder('x').setTimeout(10_000).build();
    const outcome = await world.passing(
      lastValueFrom(client.send('asked', record).pipe(toArray())).catch((error: { code?: string }) => error.code),
    );
    assert.deepEqual([audited, outcome], [true, 'TIMEOUT']);
  });
});
