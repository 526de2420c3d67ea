import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { BadRequestException, Injectable } from '@nestjs/common';
import { context, INVALID_TRACEID, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import {
  ConsumeMode,
  type LocalTransaction,
  MessageListener,
  MessagingModule,
  type MessagingModuleOptions,
  MessagingTemplate,
  type MessageContext,
  PostponeError,
  RejectMessageError,
  RetryLaterError,
  TransactionListener,
  TransactionState,
} from '../../../lib/index.js';
import { MessagingTracingModule, type MessagingTracingOptions, W3CPropagator } from '../../../lib/opentelemetry.js';
import { MessagingTracer } from '../../../lib/nest/opentelemetry/tracer.js';
import type { ResolvedConnectionOptions } from '../../../lib/nest/options/messaging-options.js';
import { MessagingTestKit } from '../../../lib/testing.js';

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const seen: { traceId: string | undefined; properties: Readonly<Record<string, string>> }[] = [];

class ApplicationError extends Error {}

/** What `@nestjs/microservices` has of it. */
class RpcException extends Error {
  getError(): string {
    return this.message;
  }
}

@Injectable()
class Shop {
  constructor(private readonly messaging: MessagingTemplate) {}

  @MessageListener({ topic: 'orders', group: 'billing', backoff: [1000], maxReconsumeTimes: 2 })
  async onOrder(order: { fail?: string }, { message, attempt }: MessageContext): Promise<void> {
    await Promise.resolve();
    seen.push({ traceId: trace.getActiveSpan()?.spanContext().traceId, properties: message.properties });
    if (order.fail === 'reject') throw new RejectMessageError('not ours');
    if (order.fail === 'later' && attempt === 1) throw new RetryLaterError(10);
    if (order.fail === 'postpone' && seen.length === 1) throw new PostponeError(10);
    if (order.fail === 'status' && attempt === 1) throw new BadRequestException('no');
    if (order.fail === 'rpc' && attempt === 1) throw new RpcException('no');
    if (order.fail === 'broken' && attempt === 1) throw new ApplicationError('broken');
    await this.messaging.syncSend('invoices', order);
  }

  @MessageListener({ topic: 'prices', group: 'board', mode: ConsumeMode.BROADCAST })
  onPrice(): void {}
}

@Injectable()
@TransactionListener('create')
class Create implements LocalTransaction {
  execute(): TransactionState {
    return TransactionState.UNKNOWN;
  }
  check(): TransactionState {
    seen.push({ traceId: trace.getSpanContext(context.active())?.traceId, properties: {} });
    return TransactionState.COMMIT;
  }
}

const kits: MessagingTestKit[] = [];
async function start(
  tracing: MessagingTracingOptions = { tracerProvider: provider },
  options: MessagingModuleOptions = {},
) {
  const kit = new MessagingTestKit();
  kits.push(kit);
  const imports = [
    MessagingModule.forRoot({ application: 'shop', ...options }),
    MessagingTracingModule.forRoot(tracing),
  ];
  await kit.start({ imports, providers: [Shop, Create] });
  return kit;
}

function spans(name: string): ReadableSpan[] {
  return exporter.getFinishedSpans().filter((span) => span.name === name);
}

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => context.disable());
beforeEach(() => {
  exporter.reset();
  seen.splice(0);
});
afterEach(async () => {
  for (const kit of kits.splice(0)) await kit.close();
});

describe('tracing', () => {
  it('leads from the sender through the handler to what that sends', async () => {
    const kit = await start();
    const tracer = provider.getTracer('test');
    await tracer.startActiveSpan('request', async (span) => {
      await kit.template().syncSend('orders:created', { id: 1 }, { keys: ['k1', 'k2'], properties: { own: 'yes' } });
      span.end();
    });
    await kit.settled();
    const [request] = spans('request');
    const [send] = spans('send orders');
    const [process] = spans('process orders');
    const [next] = spans('send invoices');
    expect([send?.kind, process?.kind]).toEqual([SpanKind.PRODUCER, SpanKind.CONSUMER]);
    const parents = [send, process, next].map((span) => span?.parentSpanContext?.spanId);
    expect(parents).toEqual([request, send, process].map((span) => span?.spanContext().spanId));
    const traces = new Set([request, send, process, next].map((span) => span?.spanContext().traceId));
    expect(traces.size).toBe(1);
    const { traceId, spanId } = send!.spanContext();
    expect(seen).toEqual([{ traceId, properties: { own: 'yes', traceparent: `00-${traceId}-${spanId}-01` } }]);
    const [sent] = kit.sent('orders');
    expect(send?.attributes).toEqual({
      'messaging.system': 'rocketmq',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'orders',
      'messaging.client.id': expect.stringMatching(/@\d+#/),
      'messaging.message.id': sent?.messageId,
      'messaging.message.body.size': 8,
      'messaging.rocketmq.message.type': 'normal',
      'messaging.rocketmq.message.tag': 'created',
      'messaging.rocketmq.message.keys': ['k1', 'k2'],
      'nestmq.connection': 'default',
    });
    expect(process?.attributes).toMatchObject({
      'messaging.operation.type': 'process',
      'messaging.consumer.group.name': 'billing',
      'messaging.rocketmq.consumption_model': 'clustering',
      'messaging.message.id': sent?.messageId,
      'nestmq.listener': 'Shop.onOrder',
      'nestmq.attempt': 1,
      'nestmq.outcome': 'acknowledged',
    });
  });

  it('tells orders, delays, batches, transactions, broadcasts and namespaces', async () => {
    const kit = await start({ tracerProvider: provider }, { namespace: 'team', nameServer: 'mq.example:9876' });
    const messaging = kit.template();
    await messaging.sendOrderly('keyed', 1, 'customer-1');
    await messaging.delay('later', 1, 1000);
    await messaging.delay('level', 1, { level: 2 });
    await messaging.batch('many', [1, 2, 3]);
    await messaging.transaction('orders', {}, 'create');
    messaging.sendOneWay('prices', 1);
    await kit.settled();
    const attributesOf = (name: string) => spans(name)[0]?.attributes;
    expect(attributesOf('send keyed')).toMatchObject({
      'messaging.rocketmq.message.type': 'fifo',
      'messaging.rocketmq.message.group': 'customer-1',
      'messaging.rocketmq.namespace': 'team',
      'server.address': 'mq.example',
      'server.port': 9876,
    });
    expect(attributesOf('send later')).toMatchObject({
      'messaging.rocketmq.message.type': 'delay',
      'messaging.rocketmq.message.delivery_timestamp': kit.now().getTime() + 1000,
    });
    expect(attributesOf('send level')).toMatchObject({ 'messaging.rocketmq.message.delay_time_level': 2 });
    expect(attributesOf('send many')).toMatchObject({ 'messaging.batch.message_count': 3 });
    expect(attributesOf('send orders')).toMatchObject({ 'messaging.rocketmq.message.type': 'transaction' });
    expect(attributesOf('process prices')).toMatchObject({ 'messaging.rocketmq.consumption_model': 'broadcasting' });
    // The check, long after, belongs to the trace of its message; so does its delivery.
    await kit.advance('10s');
    const [half] = spans('send orders');
    expect(seen.map(({ traceId }) => traceId)).toEqual([half?.spanContext().traceId, half?.spanContext().traceId]);
  });

  it.each([
    ['later', 'retried', undefined],
    ['status', 'retried', undefined],
    ['rpc', 'retried', undefined],
    ['reject', 'dead-lettered', undefined],
    ['broken', 'retried', 'broken'],
    ['postpone', 'postponed', undefined],
  ])('paints what is broken red, and nothing else: %s', async (fail, outcome, red) => {
    const kit = await start();
    await kit.template().syncSend('orders', { fail });
    await kit.advance('1s');
    const [first, second] = spans('process orders');
    expect(first?.attributes['nestmq.outcome']).toBe(outcome);
    expect(first?.status).toEqual(
      red === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: red },
    );
    expect(first?.events.map(({ name }) => name)).toEqual(red === undefined ? [] : ['exception']);
    expect(first?.attributes['error.type']).toBe(red === undefined ? undefined : 'ApplicationError');
    if (second !== undefined) {
      expect(second.attributes['nestmq.attempt']).toBe(fail === 'postpone' ? 1 : 2);
      expect(second.parentSpanContext).toEqual(first?.parentSpanContext);
    }
  });

  it('links a call with several messages to each of their sends', async () => {
    const kit = await start();
    for (const id of [1, 2]) await kit.template().syncSend('orders', { id });
    await kit.settled();
    const messages = kit.consumed('orders').map(({ message }) => message);
    const connection = { connection: 'default', nameServers: ['[::1]:9876'] } as Partial<ResolvedConnectionOptions>;
    const tracer = new MessagingTracer({ tracerProvider: provider }, connection as ResolvedConnectionOptions, '1.0.0');
    const call = {
      clientId: 'client',
      listener: 'Shop.onOrders',
      group: 'batches',
      mode: ConsumeMode.CONCURRENT,
      maxReconsumeTimes: 5,
      retryRequests: false,
      delivery: 'at-least-once' as const,
      messages,
    };
    const error = new ApplicationError('broken');
    const settlements = [{ kind: 'acknowledge' as const }, { kind: 'retry' as const, error }];
    expect(await tracer.handle(call, async () => settlements)).toBe(settlements);
    const span = spans('process orders').at(-1)!;
    expect(span.parentSpanContext).toBeUndefined();
    const sends = spans('send orders').map((send) => send.spanContext().spanId);
    expect(span.links.map((link) => link.context.spanId).toSorted()).toEqual(sends.toSorted());
    expect(span.attributes).toMatchObject({
      'messaging.batch.message_count': 2,
      'nestmq.outcome': 'acknowledged,retried',
      'error.type': 'ApplicationError',
      'server.address': '::1',
      'server.port': 9876,
    });
    expect(span.attributes).not.toHaveProperty('messaging.message.id');
  });

  it('paints a send red that fails', async () => {
    const kit = await start();
    kit.failNextSend({ error: 'DISK_FULL' });
    await expect(kit.template().syncSend('orders', {})).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(spans('send orders')[0]).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'MessagingError' },
    });
  });

  it('passes on the context of others: of a relay on sending, and without any SDK', async () => {
    const kit = await start();
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    await kit.template().syncSend('orders', {}, { properties: { traceparent, tracestate: 'vendor=1' } });
    await kit.settled();
    const [send] = spans('send orders');
    expect(send?.parentSpanContext).toMatchObject({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), isRemote: true });
    expect(seen[0]).toMatchObject({ traceId: 'a'.repeat(32), properties: { tracestate: 'vendor=1' } });
    const without = await start({});
    await without.template().syncSend('orders', {}, { properties: { traceparent } });
    await without.settled();
    expect(seen.at(-1)).toMatchObject({ traceId: 'a'.repeat(32), properties: { traceparent } });
    await without.template().syncSend('orders', {});
    await without.settled();
    expect(seen.at(-1)).toEqual({ traceId: INVALID_TRACEID, properties: {} });
  });

  it('uses the propagator that the application has set, for what a property can hold', async () => {
    const propagator = new W3CPropagator();
    const inject: W3CPropagator['inject'] = (_, carrier, setter) => {
      for (const [name, value] of [
        ['baggage', 'user=7'],
        ['empty', ''],
        ['bad', 'a\u0001b'],
        ['KEYS', 'x'],
      ] as const) {
        setter.set(carrier, name, value);
      }
    };
    propagation.setGlobalPropagator({ inject, extract: propagator.extract, fields: () => ['baggage'] });
    try {
      const kit = await start();
      await kit.template().syncSend('orders', {});
      await kit.settled();
      expect(seen[0]?.properties).toEqual({ baggage: 'user=7' });
    } finally {
      propagation.disable();
    }
  });

  it.each([[{ tracerProvider: {} }], [{ propagator: {} }], [{ sampler: 1 }]])('refuses %j', (options) => {
    expect(() => MessagingTracingModule.forRoot(options as MessagingTracingOptions)).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION' }),
    );
  });
});
