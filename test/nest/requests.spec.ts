import {
  type ArgumentsHost,
  BadRequestException,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  type NestInterceptor,
  ParseIntPipe,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { concat, from, map, of, throwError } from 'rxjs';
import {
  ConsumeMode,
  DefaultMessageConverter,
  type EncodedPayload,
  type MessageConverter,
  MessageListener,
  MessagingTemplate,
  Payload,
  RequestFailedError,
  Settle,
} from '../../lib/index.js';
import { silentLogger, systemPlatform } from '../../lib/platform/index.js';
import { BrokerHost } from '../../lib/server/index.js';
import { closeApplications, startApplication } from './support/application.js';

afterEach(closeApplications);

@Injectable()
class NoEntry implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.getArgByIndex<unknown>(0) !== 'stranger';
  }
}

@Injectable()
class Doubling implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): ReturnType<NestInterceptor['intercept']> {
    return next.handle().pipe(map((value: number) => value * 2));
  }
}

@Catch()
class Forgiving implements ExceptionFilter {
  catch(error: unknown, _host: ArgumentsHost): unknown {
    if ((error as Error).message === 'never mind') return Settle.acknowledge();
    throw new BadRequestException('said by the filter', { cause: error });
  }
}

/** As of `@nestjs/microservices`. */
class RpcException extends Error {
  constructor(private readonly error: object) {
    super('Rpc Exception');
  }
  getError(): object {
    return this.error;
  }
}

@Injectable()
class Desk {
  @MessageListener({ topic: 'guarded', group: 'guarded' })
  @UseGuards(NoEntry)
  guarded(): string {
    return 'come in';
  }

  @MessageListener({ topic: 'piped', group: 'piped' })
  piped(@Payload(ParseIntPipe) value: number): number {
    return value + 1;
  }

  @MessageListener({ topic: 'doubled', group: 'doubled' })
  @UseInterceptors(Doubling)
  doubled(value: number): number {
    return value;
  }

  @MessageListener({ topic: 'filtered', group: 'filtered' })
  @UseFilters(Forgiving)
  filtered(message: string): string {
    throw new Error(message);
  }

  @MessageListener({ topic: 'thrown', group: 'thrown' })
  thrown(what: string): unknown {
    if (what === 'http') throw new ForbiddenException({ reason: 'closed', until: 9 });
    if (what === 'rpc') throw new RpcException({ step: 3 });
    if (what === 'observable')
      return concat(
        of(1),
        throwError(() => new RangeError('in the stream')),
      );
    return 1n;
  }

  @MessageListener({ topic: 'values', group: 'values' })
  values(what: string): unknown {
    if (what === 'observable') return from([1, 2, 3]);
    if (what === 'empty') return of();
    if (what === 'bytes') return Buffer.from([0, 255]);
    if (what === 'null') return null;
    return what === 'nothing' ? undefined : { what };
  }
}

describe('requests', () => {
  const start = async (): Promise<MessagingTemplate> =>
    (await startApplication({ providers: [Desk] })).get(MessagingTemplate);
  const failure = async (promise: Promise<unknown>): Promise<RequestFailedError> => {
    const error: unknown = await promise.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RequestFailedError);
    return error as RequestFailedError;
  };

  it('what guards, pipes, interceptors and filters say goes back, with its class', async () => {
    const messaging = await start();
    expect(await messaging.request('guarded', 'friend')).toBe('come in');
    expect(await failure(messaging.request('guarded', 'stranger'))).toMatchObject({
      errorClass: 'ForbiddenException',
      status: 403,
    });
    expect(await messaging.request('piped', '41')).toBe(42);
    expect(await failure(messaging.request('piped', 'x'))).toMatchObject({
      errorClass: 'BadRequestException',
      status: 400,
      response: { statusCode: 400 },
    });
    expect(await messaging.request('doubled', 21)).toBe(42);
    const filtered = await failure(messaging.request('filtered', 'oh'));
    expect(filtered).toMatchObject({ errorClass: 'BadRequestException', status: 400 });
    expect(filtered.cause).toMatchObject({ cause: { name: 'Error', message: 'oh' } });
    expect(await messaging.request('filtered', 'never mind')).toBeUndefined();
  });

  it('exceptions of HTTP and of microservices keep what they carry; a value that cannot travel is a failure', async () => {
    const messaging = await start();
    expect(await failure(messaging.request('thrown', 'http'))).toMatchObject({
      status: 403,
      response: { reason: 'closed', until: 9 },
    });
    expect(await failure(messaging.request('thrown', 'rpc'))).toMatchObject({
      errorClass: 'RpcException',
      response: { step: 3 },
    });
    expect((await failure(messaging.request('thrown', 'observable'))).message).toMatch(/RangeError: in the stream/);
    expect(await failure(messaging.request('thrown', 'bigint'))).toMatchObject({ remoteCode: 'PAYLOAD_UNENCODABLE' });
  });

  it.each([
    ['observable', 3],
    ['empty', undefined],
    ['nothing', undefined],
    ['null', null],
    ['bytes', Buffer.from([0, 255])],
    ['object', { what: 'object' }],
  ])('%s: what comes back is %j', async (what, expected) => {
    const messaging = await start();
    expect(await messaging.request('values', what)).toEqual(expected);
  });

  it('the converters of both sides are used, over TCP and across two applications', async () => {
    class Shouting extends DefaultMessageConverter implements MessageConverter {
      override encode(payload: unknown): EncodedPayload {
        return { body: Buffer.from(String(payload).toUpperCase()), contentType: 'text' };
      }
    }
    class Bracketing extends DefaultMessageConverter implements MessageConverter {
      override decode(body: Buffer): unknown {
        return `[${body.toString()}]`;
      }
    }
    @Injectable()
    class Echo {
      @MessageListener({ topic: 'echo', group: 'echo' })
      echo(text: string): string {
        return `heard ${text}`;
      }
    }
    const host = await BrokerHost.start({ memory: true, listen: 0 }, systemPlatform({ logger: silentLogger }));
    try {
      const remote = { nameServer: host.address, broker: undefined };
      await startApplication({
        messaging: { ...remote, application: 'there', converter: new Shouting() },
        providers: [Echo],
      });
      const here = await startApplication({
        messaging: { ...remote, application: 'here', converter: new Bracketing() },
      });
      const messaging = here.get(MessagingTemplate);
      expect(await messaging.request('echo', 'hello')).toBe('[HEARD HELLO]');
      const many = Array.from({ length: 500 }, (_, n) => `${n}`);
      expect(await Promise.all(many.map((n) => messaging.request('echo', n)))).toEqual(many.map((n) => `[HEARD ${n}]`));
    } finally {
      await closeApplications();
      await host.stop();
    }
  });

  it('after the application has closed they are refused', async () => {
    const app = await startApplication({ providers: [Desk] });
    const messaging = app.get(MessagingTemplate);
    const waiting = expect(messaging.request('nobody', 1, { timeout: '1m' })).rejects.toMatchObject({
      code: 'SHUTTING_DOWN',
    });
    await app.close();
    await waiting;
    await expect(messaging.request('values', 1)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await expect(messaging.transaction('values', 1, 'x')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('retryRequests is refused where nothing is retried', async () => {
    class Wrong {
      @MessageListener({ topic: 'x', mode: ConsumeMode.BROADCAST, retryRequests: true })
      handle(): void {}
    }
    await expect(startApplication({ providers: [Wrong] })).rejects.toThrow(/retryRequests would do nothing/);
  });
});
