import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  Scope,
  UseGuards,
  type PipeTransform,
} from '@nestjs/common';
import { assignMetadata } from '@nestjs/common/internal';
import { DiscoveryService, ExternalContextCreator, ModulesContainer, REQUEST } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Ctx, MessageContext, MessageListener, MessagingTemplate, Payload } from '../../lib/index.js';
import { HandlerPipeline, findHostClasses } from '../../lib/nest/nest-internals.js';
import { type ApplicationSettings, closeApplications, startApplication } from './support/application.js';
import { until } from './support/until.js';

afterEach(closeApplications);

/** As `Payload` and `Ctx` of @nestjs/microservices store it: RpcParamtype 3 and 6 under Nest's own key. */
function foreign(type: 3 | 6): ParameterDecorator {
  return (target, key, index) => {
    const args = (Reflect.getMetadata('__routeArguments__', target.constructor, key!) ?? {}) as Record<string, never>;
    Reflect.defineMetadata(
      '__routeArguments__',
      assignMetadata(args, type, index, { data: undefined, pipes: [] }),
      target.constructor,
      key!,
    );
  };
}

describe('the way through the enhancers', () => {
  it('the parameter decorators of @nestjs/microservices mean the same as ours', async () => {
    const seen: unknown[] = [];
    @Injectable()
    class Listener {
      @MessageListener('x')
      handle(@foreign(6) context: MessageContext, @foreign(3) payload: string, @Payload() same: string): void {
        seen.push(context instanceof MessageContext, payload, same);
      }
    }
    const app = await startApplication({ providers: [Listener] });
    await app.get(MessagingTemplate).syncSend('x', 'hello');
    await until(() => seen.length > 0, 'the message');
    expect(seen).toEqual([true, 'hello', 'hello']);
  });

  it('getHandler() and getClass() are the method and the class themselves', async () => {
    const seen: unknown[] = [];
    class Guard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        seen.push(context.getHandler(), context.getClass(), context.switchToRpc().getData());
        return true;
      }
    }
    @Injectable()
    class Listener {
      @MessageListener('x')
      @UseGuards(Guard)
      handle(): void {
        seen.push('handled');
      }
    }
    const app = await startApplication({ providers: [Listener] });
    await app.get(MessagingTemplate).syncSend('x', 'hello');
    await until(() => seen.includes('handled'), 'the message');
    expect(seen).toEqual([Listener.prototype.handle, Listener, 'hello', 'handled']);
  });

  it('a request-scoped listener and its factory get the context as REQUEST', async () => {
    const seen: unknown[] = [];
    @Injectable({ scope: Scope.REQUEST })
    class Tenant {
      constructor(@Inject(REQUEST) readonly context: MessageContext<{ tenant: string }>) {}
    }
    @Injectable()
    class Listener {
      constructor(private readonly tenant: Tenant) {}
      @MessageListener('x', 'class')
      handle(payload: unknown): void {
        seen.push(this.tenant.context.payload === payload, this.tenant.context.payload.tenant);
      }
    }
    class Made {
      constructor(private readonly tenant: Tenant) {}
      @MessageListener('x', 'factory')
      handle(): void {
        seen.push('made', this.tenant.context.payload.tenant);
      }
    }
    const made = { provide: Made, inject: [Tenant], useFactory: (tenant: Tenant) => new Made(tenant) };
    const app = await startApplication({ providers: [Tenant, Listener, made] });
    await app.get(MessagingTemplate).syncSend('x:class', { tenant: 'acme' });
    await until(() => seen.length === 2, 'the class');
    await app.get(MessagingTemplate).syncSend('x:factory', { tenant: 'umbrella' });
    await until(() => seen.length === 4, 'the factory');
    expect(seen).toEqual([true, 'acme', 'made', 'umbrella']);
  });

  it('a request-scoped listener that cannot be made means retry', async () => {
    const attempts: number[] = [];
    @Injectable({ scope: Scope.REQUEST })
    class Flaky {
      constructor(@Inject(REQUEST) context: MessageContext) {
        attempts.push(context.attempt);
        if (context.attempt === 1) throw new Error('no database');
      }
      @MessageListener({ topic: 'x', backoff: [1] })
      handle(): void {
        attempts.push(0);
      }
    }
    const app = await startApplication({ providers: [Flaky] });
    await app.get(MessagingTemplate).syncSend('x', {});
    await until(() => attempts.includes(0), 'the second attempt');
    expect(attempts).toEqual([1, 2, 0]);
  });
});

describe('the fast path', () => {
  async function pipelineOf(Listener: new () => object, settings: ApplicationSettings = {}): Promise<HandlerPipeline> {
    const app = await startApplication({ ...settings, providers: [Listener] });
    const host = findHostClasses(app.get(DiscoveryService)).find(({ name }) => name === 'Listener')!;
    return new HandlerPipeline(app.get(ExternalContextCreator), app.get(ModulesContainer), host, 'handle');
  }

  @Injectable()
  class Bare {
    @MessageListener('x')
    handle(): void {}
  }
  Object.defineProperty(Bare, 'name', { value: 'Listener' });
  const pipe: PipeTransform = { transform: (value) => value };

  it('is taken by a listener without enhancers, whatever the order of its parameters', async () => {
    @Injectable()
    class Listener {
      @MessageListener('x')
      handle(@Ctx() context: unknown, other: unknown, @Payload('id') id: unknown): unknown[] {
        return [context, other, id];
      }
    }
    const context = {};
    expect((await pipelineOf(Listener)).direct!({ id: 1 }, context)).toEqual([context, undefined, 1]);
    expect((await pipelineOf(Bare)).direct).toBeDefined();
  });

  it.each<[string, ApplicationSettings]>([
    ['a global guard', { configure: (app) => void app.useGlobalGuards({ canActivate: () => true }) }],
    ['a global pipe', { configure: (app) => void app.useGlobalPipes(pipe) }],
    [
      'a global interceptor',
      { configure: (app) => void app.useGlobalInterceptors({ intercept: (_c, n) => n.handle() }) },
    ],
  ])('is not taken with %s', async (_what, settings) => {
    expect((await pipelineOf(Bare, settings)).direct).toBeUndefined();
  });

  it('is taken with filters alone, which only see failures', async () => {
    const configure: ApplicationSettings['configure'] = (app) => void app.useGlobalFilters({ catch: () => undefined });
    expect((await pipelineOf(Bare, { configure })).direct).toBeDefined();
  });
});
