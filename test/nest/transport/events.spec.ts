import {
  type ArgumentsHost,
  BadRequestException,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  ParseIntPipe,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  ValidationPipe,
} from '@nestjs/common';
import { BaseRpcContext, Ctx, EventPattern as NestEventPattern, Payload, RpcException } from '@nestjs/microservices';
import { afterEach, describe, expect, it } from '@jest/globals';
import { IsInt } from 'class-validator';
import { type Observable, Observable as Stream, of, tap, throwError } from 'rxjs';
import { ConsumeMode, MessagingAdmin, RejectMessageError, RetryLaterError, Settle } from '../../../lib/client/index.js';
import { EventPattern, MessagingContext, MessagingServer } from '../../../lib/microservices.js';
import { LogBook, closeApplications, startApplication } from '../support/application.js';
import { gate, until } from '../support/until.js';
import { closeServices, createService, startBroker, startServer, templateTo } from './support.js';

afterEach(async () => {
  await closeApplications();
  await closeServices();
});

/** The dead letters of a group, with their reasons. */
async function letters(nameServer: string, group: string, count: number) {
  const app = await startApplication({ messaging: { application: 'clerk', broker: undefined, nameServer } });
  const { deadLetters } = app.get(MessagingAdmin);
  let found: { errorClass: string | undefined; reason: string | undefined; attempts: number }[] = [];
  const end = performance.now() + 25_000;
  while (found.length < count && performance.now() < end) {
    const page = await deadLetters.list(group).catch(() => ({ letters: [] }));
    found = page.letters.map(({ errorClass, reason, attempts }) => ({ errorClass, reason, attempts }));
  }
  return found;
}

describe('an event', () => {
  it('reaches the methods whose pattern it matches, with data and context', async () => {
    const nameServer = await startBroker();
    const calls: unknown[] = [];
    @Controller()
    class Orders {
      @NestEventPattern<string>('orders:created')
      onCreated(@Payload() data: unknown, @Ctx() context: MessagingContext): void {
        const { group, attempt, topic, pattern, message, signal } = context;
        calls.push([data, group, attempt, topic, pattern, message.tag, message.keys, signal.aborted]);
        expect(context).toBeInstanceOf(BaseRpcContext);
        expect(context.getArgs()).toEqual([message, 'orders:created']);
      }
      @EventPattern(['orders:order.*.paid', { topic: 'bills', headers: { match: 'all', properties: { eu: true } } }])
      onPaid(data: unknown): void {
        calls.push(['paid', data]);
      }
      @EventPattern('notes', { group: 'notes', mode: ConsumeMode.ORDERLY })
      onNote(@Payload('text') text: string): void {
        calls.push(['note', text]);
      }
    }
    const logger = new LogBook();
    await startServer({ nameServer }, { controllers: [Orders], logger });
    expect(logger.find('log', /orders:created listens to orders \(created\), group shop, CONCURRENT/)).toHaveLength(1);
    const template = await templateTo(nameServer);
    await template.syncSend('orders:created', { id: 1 }, { keys: 'k' });
    await template.syncSend('orders:order.7.paid', 'text');
    await template.syncSend('bills', Buffer.from([1]), { properties: { eu: 'yes' } });
    await template.syncSend('notes', { text: 'hello' });
    await template.syncSend('orders:deleted', 'nobody listens');
    await until(() => calls.length === 4, 'four calls');
    expect(calls).toContainEqual([{ id: 1 }, 'shop', 1, 'orders', 'orders:created', 'created', ['k'], false]);
    expect(calls).toContainEqual(['paid', 'text']);
    expect(calls).toContainEqual(['paid', Buffer.from([1])]);
    expect(calls).toContainEqual(['note', 'hello']);
  });

  it('is acknowledged only when the handler and all that it returns have settled', async () => {
    const nameServer = await startBroker();
    const promised = gate();
    const streamed = gate();
    const entered: string[] = [];
    @Controller()
    class Slow {
      @EventPattern('promise')
      async promise(): Promise<void> {
        entered.push('promise');
        await promised.opened;
      }
      @EventPattern('stream')
      stream(): Observable<number> {
        entered.push('stream');
        return new Stream((subscriber) => {
          subscriber.next(1);
          void streamed.opened.then(() => subscriber.complete());
        });
      }
    }
    const server = await startServer({ nameServer }, { controllers: [Slow] });
    const template = await templateTo(nameServer);
    await template.syncSend('promise', 1);
    await template.syncSend('stream', 1);
    await until(() => entered.length === 2, 'both handlers');
    const counts = () =>
      server
        .unwrap()
        .consumerStates()[0]!
        .listeners.map((one) => one.counts.acknowledged);
    await new Promise((resolve) => setImmediate(resolve));
    expect(counts()).toEqual([0, 0]);
    promised.open();
    await until(() => counts()[0] === 1, 'the promise');
    expect(counts()).toEqual([1, 0]);
    streamed.open();
    await until(() => counts()[1] === 1, 'the stream');
  });

  it('that fails is tried again; the control errors keep their meaning', async () => {
    const nameServer = await startBroker();
    const attempts: string[] = [];
    @Controller()
    class Failing {
      @EventPattern('plain', { backoff: [20], maxReconsumeTimes: 1 })
      plain(@Ctx() { attempt }: MessagingContext): void {
        attempts.push(`plain ${attempt}`);
        throw new TypeError('boom');
      }
      @EventPattern('stream', { backoff: [20] })
      stream(@Ctx() { attempt }: MessagingContext): Observable<never> {
        attempts.push(`stream ${attempt}`);
        return attempt === 1 ? throwError(() => new Error('later')) : new Stream((subscriber) => subscriber.complete());
      }
      @EventPattern('never')
      never(@Ctx() { attempt }: MessagingContext): void {
        attempts.push(`never ${attempt}`);
        throw new RejectMessageError('never');
      }
      @EventPattern('soon')
      soon(@Ctx() { attempt }: MessagingContext): void {
        attempts.push(`soon ${attempt}`);
        if (attempt === 1) throw new RetryLaterError(20);
      }
      @EventPattern('rpc', { backoff: [20], maxReconsumeTimes: 1 })
      rpc(@Ctx() { attempt }: MessagingContext): void {
        attempts.push(`rpc ${attempt}`);
        throw new RpcException({ code: 7, message: 'of a handler' });
      }
    }
    await startServer({ nameServer, group: 'failing' }, { controllers: [Failing] });
    const template = await templateTo(nameServer);
    for (const topic of ['plain', 'stream', 'never', 'soon', 'rpc']) await template.syncSend(topic, 'x');
    await until(() => attempts.length === 9, 'all attempts');
    const found = await letters(nameServer, 'failing', 3);
    expect(found).toHaveLength(3);
    expect(found).toContainEqual({ errorClass: 'TypeError', reason: 'boom', attempts: 2 });
    expect(found).toContainEqual({ errorClass: 'RejectMessageError', reason: 'never', attempts: 1 });
    expect(found).toContainEqual({ errorClass: 'RpcException', reason: 'of a handler', attempts: 2 });
  });

  it('stays a failure whatever a filter returns, unless it says so or throws another error', async () => {
    const nameServer = await startBroker();
    const attempts: string[] = [];
    const filter = (answer: (error: Error) => unknown): ExceptionFilter => {
      @Catch()
      class Filter implements ExceptionFilter {
        catch(error: Error, host: ArgumentsHost): unknown {
          expect(host.getType()).toBe('rpc');
          expect(host.switchToRpc().getContext()).toBeInstanceOf(MessagingContext);
          return answer(error);
        }
      }
      return new Filter();
    };
    const throwing = (error: unknown) => () => {
      throw error as Error;
    };
    @Controller()
    class Filtered {
      private fail(name: string, { attempt }: MessagingContext): void {
        attempts.push(`${name} ${attempt}`);
        if (attempt === 1) throw new Error('at first');
      }
      @EventPattern('value', { backoff: [20] })
      @UseFilters(filter(() => 'fine'))
      value(_data: string, @Ctx() context: MessagingContext): void {
        this.fail('value', context);
      }
      @EventPattern('stream', { backoff: [20] })
      @UseFilters(filter(() => of('fine')))
      stream(_data: string, @Ctx() context: MessagingContext): void {
        this.fail('stream', context);
      }
      @EventPattern('payload', { backoff: [20] })
      @UseFilters(filter((error) => throwError(() => ({ status: 'error', message: error.message }))))
      payload(_data: string, @Ctx() context: MessagingContext): void {
        this.fail('payload', context);
      }
      @EventPattern('accident', { backoff: [20] })
      @UseFilters(filter(throwing(new TypeError('response.status is not a function'))))
      accident(_data: string, @Ctx() context: MessagingContext): void {
        this.fail('accident', context);
      }
      @EventPattern('settled', { backoff: [20] })
      @UseFilters(filter(() => Settle.acknowledge()))
      settled(_data: string, @Ctx() context: MessagingContext): void {
        this.fail('settled', context);
      }
      @EventPattern('rejected', { backoff: [20] })
      @UseFilters(filter(throwing(new RejectMessageError('by the filter'))))
      rejected(_data: string, @Ctx() context: MessagingContext): Observable<never> {
        return throwError(() => {
          this.fail('rejected', context);
        });
      }
    }
    await startServer({ nameServer, group: 'filtered' }, { controllers: [Filtered] });
    const template = await templateTo(nameServer);
    const topics = ['value', 'stream', 'payload', 'accident', 'settled', 'rejected'];
    for (const topic of topics) await template.syncSend(topic, 'x');
    await until(() => attempts.length === 10, 'all attempts');
    expect(new Set(attempts)).toEqual(
      new Set([...topics.map((topic) => `${topic} 1`), ...topics.slice(0, 4).map((topic) => `${topic} 2`)]),
    );
    const found = await letters(nameServer, 'filtered', 1);
    expect(found).toEqual([{ errorClass: 'RejectMessageError', reason: 'by the filter', attempts: 1 }]);
  });

  it('passes guards, interceptors and pipes in rpc context; what they refuse becomes a dead letter at once', async () => {
    const nameServer = await startBroker();
    const log: unknown[] = [];
    @Injectable()
    class NoStrangers implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        log.push(`guard ${context.getType()}`);
        return context.switchToRpc().getData<{ who?: string }>().who !== 'stranger';
      }
    }
    @Injectable()
    class Around implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
        return next.handle().pipe(tap(() => log.push('after')));
      }
    }
    class Order {
      @IsInt()
      id!: number;
    }
    @Controller()
    @UseGuards(NoStrangers)
    class Guarded {
      @EventPattern('guarded')
      @UseInterceptors(Around)
      guarded(data: { who: string }): void {
        log.push(`handler ${data.who}`);
      }
      @EventPattern('validated')
      validated(@Payload(new ValidationPipe({ transform: true })) order: Order): void {
        log.push(order instanceof Order ? `order ${order.id}` : 'no order');
      }
      @EventPattern('rpc-pipe')
      rpcPipe(@Payload(new ValidationPipe({ exceptionFactory: () => new RpcException('bad') })) _order: Order): void {
        log.push('never here');
      }
      @EventPattern('from-handler', { backoff: [10], maxReconsumeTimes: 1 })
      fromHandler(): void {
        throw new BadRequestException('of a handler');
      }
      @EventPattern('undecodable')
      undecodable(@Payload('id', ParseIntPipe) _id: number): void {
        log.push('never here');
      }
    }
    await startServer({ nameServer, group: 'guarded' }, { controllers: [Guarded] });
    const template = await templateTo(nameServer);
    await template.syncSend('guarded', { who: 'friend' });
    await until(() => log.includes('after'), 'the friend');
    expect(log.splice(0)).toEqual(['guard rpc', 'handler friend', 'after']);
    await template.syncSend('validated', { id: 7 });
    await until(() => log.includes('order 7'), 'the order');
    await template.syncSend('guarded', { who: 'stranger' });
    await template.syncSend('validated', { id: 'seven' });
    await template.syncSend('rpc-pipe', { id: 'seven' });
    await template.syncSend('from-handler', {});
    await template.syncSend('undecodable', { id: 'x' });
    const found = await letters(nameServer, 'guarded', 5);
    const summary = found.map(({ errorClass, attempts }) => `${errorClass} ${attempts}`).sort();
    expect(summary).toEqual([
      'BadRequestException 1',
      'BadRequestException 1',
      'BadRequestException 2',
      'RpcException 1',
      'RpcException 1',
    ]);
    expect(log).not.toContain('never here');
  });

  it('gets an instance of its own of a request-scoped controller, and its errors decide all the same', async () => {
    const nameServer = await startBroker();
    const instances = new Set<unknown>();
    const calls: string[] = [];
    @Injectable({ scope: Scope.REQUEST })
    class PerMessage {}
    @Controller()
    class Scoped {
      constructor(@Inject(PerMessage) private readonly own: PerMessage) {}
      @EventPattern('scoped', { backoff: [10] })
      handle(@Payload() data: string, @Ctx() { attempt }: MessagingContext): void {
        instances.add(this.own);
        calls.push(`${data} ${attempt}`);
        if (data === 'bad') throw new RejectMessageError('bad');
        if (attempt === 1) throw new Error('again');
      }
    }
    await startServer({ nameServer, group: 'scoped' }, { controllers: [Scoped], providers: [PerMessage] });
    const template = await templateTo(nameServer);
    await template.syncSend('scoped', 'good');
    await until(() => calls.length === 2, 'both attempts');
    await template.syncSend('scoped', 'bad');
    const found = await letters(nameServer, 'scoped', 1);
    expect(found[0]).toMatchObject({ errorClass: 'RejectMessageError', attempts: 1 });
    expect(calls).toEqual(['good 1', 'good 2', 'bad 1']);
    expect(instances.size).toBe(3);
  });

  it('goes to every method of its pattern, and again to all when one of them fails', async () => {
    const nameServer = await startBroker();
    const calls: string[] = [];
    @Controller()
    class First {
      @EventPattern('shared', { backoff: [10] })
      handle(@Payload() data: { changed?: boolean }, @Ctx() { attempt }: MessagingContext): void {
        calls.push(`first ${attempt}${data.changed === true ? ' changed' : ''}`);
        data.changed = true;
      }
    }
    @Controller()
    class Second {
      @EventPattern('shared')
      async handle(@Payload() data: { changed?: boolean }, @Ctx() { attempt }: MessagingContext): Promise<void> {
        calls.push(`second ${attempt}${data.changed === true ? ' changed' : ''}`);
        await Promise.resolve();
        if (attempt === 1) throw new Error('not yet');
      }
    }
    @Controller()
    class Apart {
      @EventPattern('shared', { group: 'apart' })
      handle(): void {
        calls.push('apart');
      }
    }
    await startServer({ nameServer }, { controllers: [First, Second, Apart] });
    await (await templateTo(nameServer)).syncSend('shared', {});
    await until(() => calls.length === 5, 'all calls');
    expect([...calls].sort()).toEqual(['apart', 'first 1', 'first 2', 'second 1', 'second 2']);
  });

  it('runs between the hooks of instrumentation', async () => {
    const nameServer = await startBroker();
    const log: unknown[] = [];
    const strategy = new MessagingServer({ application: 'shop', nameServer });
    strategy.setOnProcessingStartHook((transport, context, done) => {
      log.push(['start', transport, (context as MessagingContext).topic]);
      void done();
    });
    strategy.setOnProcessingEndHook((transport, context) => {
      log.push(['end', transport, (context as MessagingContext).topic]);
    });
    @Controller()
    class Hooked {
      @EventPattern('hooked', { backoff: [10] })
      async handle(@Ctx() { attempt }: MessagingContext): Promise<void> {
        await Promise.resolve();
        log.push(`attempt ${attempt}`);
        if (attempt === 1) throw new Error('again');
      }
    }
    await (await createService(strategy, { controllers: [Hooked] })).listen();
    await (await templateTo(nameServer)).syncSend('hooked', 'x');
    await until(() => log.length === 6, 'both attempts');
    const { transportId } = strategy;
    const [start, end] = [
      ['start', transportId, 'hooked'],
      ['end', transportId, 'hooked'],
    ];
    expect(log).toEqual([start, 'attempt 1', end, start, 'attempt 2', end]);
  });
});
