import {
  type ArgumentsHost,
  BadRequestException,
  Catch,
  Controller,
  type ExceptionFilter,
  UseFilters,
} from '@nestjs/common';
import { Ctx, MessagePattern as NestMessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { afterEach, describe, expect, it } from '@jest/globals';
import { EMPTY, concat, from, of, throwError } from 'rxjs';
import { MessagingError } from '../../../lib/protocol/index.js';
import { RejectMessageError, RequestFailedError } from '../../../lib/client/index.js';
import { EventPattern, MessagePattern, MessagingContext } from '../../../lib/microservices.js';
import { closeApplications } from '../support/application.js';
import { until } from '../support/until.js';
import { closeServices, startBroker, startServer, templateTo } from './support.js';

afterEach(async () => {
  await closeApplications();
  await closeServices();
});

@Catch()
class Fallback implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost): unknown {
    const data = host.switchToRpc().getData<string>();
    if (data === 'value') return of('from the filter');
    if (data === 'payload') return throwError(() => ({ status: 'error', code: 42, message: error.message }));
    if (data === 'error') throw new RpcException({ code: 43 });
    return undefined;
  }
}

@Controller()
class Quotes {
  static readonly calls: string[] = [];

  @MessagePattern('quotes:value')
  value(@Payload() data: { price: number }, @Ctx() { message, attempt }: MessagingContext): object {
    return { total: data.price * 2, request: message.isRequest, attempt };
  }
  @NestMessagePattern('quotes:async')
  async async(text: string): Promise<string> {
    return `${text}!`;
  }
  @MessagePattern('quotes:one')
  one() {
    return of(Buffer.from([1, 2]));
  }
  @MessagePattern('quotes:several')
  several() {
    return from([{ a: 1 }, { a: 2 }, { a: 3 }]);
  }
  @MessagePattern('quotes:none')
  none() {
    return EMPTY;
  }
  @MessagePattern('quotes:nothing')
  nothing(): void {}
  @MessagePattern('quotes:broken-stream')
  brokenStream() {
    return concat(
      of(1),
      throwError(() => new Error('after one')),
    );
  }
  @MessagePattern('quotes:error')
  error(kind: string): void {
    Quotes.calls.push(kind);
    if (kind === 'rpc') throw new RpcException({ code: 7, message: 'neg' });
    if (kind === 'text') throw new RpcException('plain text');
    if (kind === 'http') throw new BadRequestException('bad');
    if (kind === 'messaging') throw new MessagingError('NO_PERMISSION', 'not yours');
    if (kind === 'reject') throw new RejectMessageError('never');
    throw new TypeError('boom');
  }
  @MessagePattern('quotes:filtered')
  @UseFilters(Fallback)
  filtered(): void {
    throw new Error('original');
  }
  @MessagePattern('quotes:again', { retryRequests: true, backoff: [20] })
  again(@Ctx() { attempt }: MessagingContext): number {
    if (attempt < 3) throw new Error('not yet');
    return attempt;
  }
  @MessagePattern('quotes:circle')
  circle(): object {
    const circle: { self?: object } = {};
    circle.self = circle;
    return circle;
  }
}

describe('a request', () => {
  it('is answered with what the handler returns: a value, several, or nothing', async () => {
    const nameServer = await startBroker();
    await startServer({ nameServer }, { controllers: [Quotes] });
    const template = await templateTo(nameServer);
    expect(await template.request('quotes:value', { price: 3 })).toEqual({ total: 6, request: true, attempt: 1 });
    expect(await template.request('quotes:async', 'hi')).toBe('hi!');
    expect(await template.request('quotes:one', 'x')).toEqual(Buffer.from([1, 2]));
    expect(await template.request('quotes:several', 'x')).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
    expect(await template.request('quotes:none', 'x')).toBeUndefined();
    expect(await template.request('quotes:nothing', 'x')).toBeUndefined();
    expect(await template.request('quotes:again', 'x')).toBe(3);
  });

  it('is answered with the error that the handler threw, and handled once', async () => {
    const nameServer = await startBroker();
    const server = await startServer({ nameServer }, { controllers: [Quotes] });
    const template = await templateTo(nameServer);
    const failure = (destination: string, payload: unknown): Promise<RequestFailedError> =>
      template.request(destination, payload).then(
        () => Promise.reject(new Error('it was answered')),
        (error: unknown) => error as RequestFailedError,
      );
    Quotes.calls.length = 0;
    const kinds = ['rpc', 'text', 'http', 'messaging', 'reject', 'other'];
    const seen = [];
    for (const kind of kinds) {
      const { errorClass, status, response, remoteCode, cause } = await failure('quotes:error', kind);
      seen.push([errorClass, status, response, remoteCode, (cause as Error).message]);
    }
    expect(seen).toEqual([
      ['RpcException', undefined, { code: 7, message: 'neg' }, undefined, 'neg'],
      ['RpcException', undefined, 'plain text', undefined, 'plain text'],
      ['BadRequestException', 400, { message: 'bad', error: 'Bad Request', statusCode: 400 }, undefined, 'bad'],
      ['MessagingError', undefined, undefined, 'NO_PERMISSION', 'not yours'],
      ['RejectMessageError', undefined, undefined, undefined, 'never'],
      ['TypeError', undefined, undefined, undefined, 'boom'],
    ]);
    expect(Quotes.calls).toEqual(kinds);
    expect((await failure('quotes:broken-stream', 'x')).message).toMatch(/after one/);
    expect(await failure('quotes:circle', 'x')).toMatchObject({ remoteCode: 'PAYLOAD_UNENCODABLE' });
    const failed = (): number =>
      server
        .unwrap()
        .consumerStates()[0]!
        .listeners.find(({ name }) => name === 'quotes:error')!.counts.failed;
    // A reply may reach its requester before the handler's end is counted.
    await until(() => failed() >= 6, 'the last failure to be counted');
    expect(failed()).toBe(6);
  });

  it('is answered with what a filter makes of the failure', async () => {
    const nameServer = await startBroker();
    await startServer({ nameServer }, { controllers: [Quotes] });
    const template = await templateTo(nameServer);
    expect(await template.request('quotes:filtered', 'value')).toBe('from the filter');
    await expect(template.request('quotes:filtered', 'payload')).rejects.toMatchObject({
      errorClass: 'RpcException',
      response: { status: 'error', code: 42, message: 'original' },
      cause: { message: 'original' },
    });
    await expect(template.request('quotes:filtered', 'error')).rejects.toMatchObject({
      errorClass: 'RpcException',
      response: { code: 43 },
    });
    await expect(template.request('quotes:filtered', 'nothing')).rejects.toMatchObject({
      errorClass: 'Error',
      cause: { message: 'original' },
    });
  });

  it('is not answered by event handlers that see it too', async () => {
    const nameServer = await startBroker();
    const seen: string[] = [];
    @Controller()
    class Audit {
      @EventPattern('quotes:audited', { backoff: [10] })
      audit(@Payload() data: string, @Ctx() { attempt, message }: MessagingContext): void {
        seen.push(`${data} ${attempt} ${message.isRequest}`);
        if (attempt === 1) throw new Error('tried again, as any event');
      }
    }
    @Controller()
    class Answers {
      @MessagePattern('quotes:audited')
      async answer(): Promise<string> {
        await until(() => seen.length === 2, 'the audit');
        return 'the answer';
      }
    }
    await startServer({ nameServer, group: 'audit' }, { controllers: [Audit] });
    await startServer({ nameServer, group: 'answers' }, { controllers: [Answers] });
    const template = await templateTo(nameServer);
    expect(await template.request('quotes:audited', 'x', { timeout: '25s' })).toBe('the answer');
    expect(seen).toEqual(['x 1 false', 'x 2 false']);
  });

  it('pattern also takes plain messages, which nobody answers', async () => {
    const nameServer = await startBroker();
    const seen: unknown[] = [];
    @Controller()
    class Plain {
      @MessagePattern('plain', { backoff: [10] })
      handle(@Payload() data: string, @Ctx() { message, attempt }: MessagingContext): string {
        seen.push([data, message.isRequest, attempt]);
        if (attempt === 1) throw new Error('again');
        return 'to nobody';
      }
    }
    await startServer({ nameServer }, { controllers: [Plain] });
    await (await templateTo(nameServer)).syncSend('plain', 'x');
    await until(() => seen.length === 2, 'both attempts');
    expect(seen).toEqual([
      ['x', false, 1],
      ['x', false, 2],
    ]);
  });
});
