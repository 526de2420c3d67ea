import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  Injectable,
  type INestApplication,
  type NestInterceptor,
  type PipeTransform,
  type Provider,
  Scope,
  SetMetadata,
  type Type,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, Reflector } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Observable, tap } from 'rxjs';
import {
  MessageContext,
  MessageListener,
  MessagingTemplate,
  RejectMessageError,
  isMqContext,
} from '../../lib/index.js';
import { closeApplications, startApplication } from './support/application.js';
import { until } from './support/until.js';

afterEach(closeApplications);

/** What happened, in order; injected everywhere, so that it also shows that dependencies are there. */
@Injectable()
class Trace {
  readonly events: string[] = [];
}

const ROLE = 'role';

const kinds = {
  guard: {
    token: APP_GUARD,
    use: UseGuards,
    useGlobal: (app: INestApplication, instance: CanActivate) => app.useGlobalGuards(instance),
    expected: ['guard mq accountant', 'handler {"n":1}'],
    create: (scope: Scope): Type<CanActivate> => {
      @Injectable({ scope })
      class TestGuard implements CanActivate {
        constructor(
          private readonly trace: Trace,
          private readonly reflector: Reflector,
        ) {}
        canActivate(context: ExecutionContext): boolean {
          const role = this.reflector.get<string>(ROLE, context.getHandler());
          this.trace.events.push(`guard ${context.getType<string>()} ${role}`);
          return isMqContext(context) && context.getArgByIndex<unknown>(1) instanceof MessageContext;
        }
      }
      return TestGuard;
    },
  },
  pipe: {
    token: APP_PIPE,
    use: UsePipes,
    useGlobal: (app: INestApplication, instance: PipeTransform) => app.useGlobalPipes(instance),
    expected: ['pipe', 'handler {"n":2}'],
    create: (scope: Scope): Type<PipeTransform> => {
      @Injectable({ scope })
      class TestPipe implements PipeTransform {
        constructor(private readonly trace: Trace) {}
        transform(value: { n: number }): unknown {
          this.trace.events.push('pipe');
          return { n: value.n + 1 };
        }
      }
      return TestPipe;
    },
  },
  interceptor: {
    token: APP_INTERCEPTOR,
    use: UseInterceptors,
    useGlobal: (app: INestApplication, instance: NestInterceptor) => app.useGlobalInterceptors(instance),
    expected: ['before Listener.handle', 'handler {"n":1}', 'after done'],
    create: (scope: Scope): Type<NestInterceptor> => {
      @Injectable({ scope })
      class TestInterceptor implements NestInterceptor {
        constructor(private readonly trace: Trace) {}
        intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
          this.trace.events.push(`before ${context.getClass().name}.${context.getHandler().name}`);
          return next.handle().pipe(tap((value) => this.trace.events.push(`after ${String(value)}`)));
        }
      }
      return TestInterceptor;
    },
  },
  filter: {
    token: APP_FILTER,
    use: UseFilters,
    useGlobal: (app: INestApplication, instance: ExceptionFilter) => app.useGlobalFilters(instance),
    expected: ['handler {"n":1,"fail":true}', 'filter mq no such order'],
    create: (scope: Scope): Type<ExceptionFilter> => {
      @Catch()
      @Injectable({ scope })
      class TestFilter implements ExceptionFilter {
        constructor(private readonly trace: Trace) {}
        catch(exception: Error, host: ArgumentsHost): never {
          this.trace.events.push(`filter ${host.getType<string>()} ${exception.message}`);
          throw new RejectMessageError(exception.message);
        }
      }
      return TestFilter;
    },
  },
} as const;

type Kind = keyof typeof kinds;
const levels = ['method', 'class', 'useGlobal', 'APP_'] as const;
type Level = (typeof levels)[number];

function createListener(scope: Scope): Type & { prototype: { handle: unknown } } {
  @Injectable({ scope })
  class Listener {
    constructor(private readonly trace: Trace) {}
    @MessageListener({ topic: 'orders', group: 'billing' })
    @SetMetadata(ROLE, 'accountant')
    handle(payload: { fail?: boolean }): string {
      this.trace.events.push(`handler ${JSON.stringify(payload)}`);
      if (payload.fail) throw new Error('no such order');
      return 'done';
    }
  }
  return Listener;
}

function bind(kind: Kind, level: Level, enhancer: Type, Listener: ReturnType<typeof createListener>): Provider[] {
  const use = kinds[kind].use as (...enhancers: unknown[]) => ClassDecorator & MethodDecorator;
  if (level === 'class') use(enhancer)(Listener);
  if (level === 'method') {
    use(enhancer)(Listener.prototype, 'handle', Object.getOwnPropertyDescriptor(Listener.prototype, 'handle')!);
  }
  return level === 'APP_' ? [{ provide: kinds[kind].token, useClass: enhancer }] : [];
}

const cases = (Object.keys(kinds) as Kind[]).flatMap((kind) =>
  levels.flatMap((level) => [
    { kind, level, enhancer: 'singleton', listener: 'singleton' },
    { kind, level, enhancer: 'singleton', listener: 'request-scoped' },
    // An instance handed to useGlobal... cannot be request-scoped.
    ...(level === 'useGlobal'
      ? []
      : [
          { kind, level, enhancer: 'request-scoped', listener: 'singleton' },
          { kind, level, enhancer: 'transient', listener: 'singleton' },
        ]),
  ]),
);

const scopeOf = (name: string): Scope =>
  name === 'singleton' ? Scope.DEFAULT : name === 'transient' ? Scope.TRANSIENT : Scope.REQUEST;

describe('enhancers of a listener', () => {
  it.each(cases)('a $enhancer $kind at $level level works for a $listener listener', async (row) => {
    const { kind, level } = row;
    const Enhancer = kinds[kind].create(scopeOf(row.enhancer));
    const Listener = createListener(scopeOf(row.listener));
    const trace = new Trace();
    const app = await startApplication({
      providers: [{ provide: Trace, useValue: trace }, Listener, ...bind(kind, level, Enhancer, Listener)],
      configure: (created) => {
        if (level !== 'useGlobal') return;
        const instance = new Enhancer(trace as never, new Reflector() as never);
        kinds[kind].useGlobal(created, instance as never);
      },
    });
    await app.get(MessagingTemplate).syncSend('orders', kind === 'filter' ? { n: 1, fail: true } : { n: 1 });
    const { expected } = kinds[kind];
    await until(() => trace.events.length >= expected.length, `events ${expected.join()}`);
    expect(trace.events).toEqual([...expected]);
  });

  it('a handler sees every kind at once in the order of Nest', async () => {
    const Listener = createListener(Scope.DEFAULT);
    const trace = new Trace();
    const providers = (['guard', 'pipe', 'interceptor', 'filter'] as const).flatMap((kind) =>
      bind(kind, 'method', kinds[kind].create(Scope.DEFAULT), Listener),
    );
    const app = await startApplication({ providers: [{ provide: Trace, useValue: trace }, Listener, ...providers] });
    await app.get(MessagingTemplate).syncSend('orders', { n: 1, fail: false });
    await until(() => trace.events.includes('after done'), 'the handler');
    expect(trace.events).toEqual([
      'guard mq accountant',
      'before Listener.handle',
      'pipe',
      'handler {"n":2}',
      'after done',
    ]);
  });

  it('a request-scoped listener is made anew for every message', async () => {
    const instances = new Set<object>();
    @Injectable({ scope: Scope.REQUEST })
    class PerMessage {
      @MessageListener('orders')
      handle(): void {
        instances.add(this);
      }
    }
    const app = await startApplication({ providers: [PerMessage] });
    for (let n = 0; n < 3; n++) await app.get(MessagingTemplate).syncSend('orders', { n });
    await until(() => instances.size === 3, 'three instances');
  });

  it('refuses at boot a guard class that Nest would silently leave out', async () => {
    class Guard implements CanActivate {
      canActivate(): boolean {
        return true;
      }
    }
    class Listener {
      @MessageListener('orders')
      @UseGuards(Guard)
      handle(): void {}
    }
    const starting = startApplication({ providers: [{ provide: 'by-value', useValue: new Listener() }] });
    await expect(starting).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(
        /listener Listener\.handle: Guard is bound to it as a class, but Nest did not create Listener/,
      ),
    });
  });
});
