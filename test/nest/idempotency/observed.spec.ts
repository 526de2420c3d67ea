import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { Idempotent, type MessageBatchContext, type MessageContext, MessageListener } from '../../../lib/index.js';
import { MessagingMetrics, MessagingMetricsModule } from '../../../lib/metrics.js';
import { MessagingTracingModule } from '../../../lib/opentelemetry.js';
import { MessagingHealthIndicator, MessagingHealthModule } from '../../../lib/terminus.js';
import { closeBenches, newBench, type Bench } from './support.js';

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });

let inside: (n: number, context: MessageContext) => Promise<void> | void = () => {};

@Injectable()
class Payments {
  @MessageListener({ topic: 'payments', group: 'ledger', backoff: [1000] })
  @Idempotent({ key: 'keys', fingerprint: true })
  book(n: number, message: MessageContext): Promise<void> | void {
    return inside(n, message);
  }

  @MessageListener({ topic: 'lists', group: 'lists', batch: { size: 2, timeout: '10ms' } })
  @Idempotent({ key: 'keys' })
  list(_payloads: number[], _context: MessageBatchContext): void {}
}

describe('what idempotency comes to', () => {
  let bench: Bench;

  beforeAll(() => void context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
  afterAll(() => context.disable());
  beforeEach(async () => {
    exporter.reset();
    inside = () => {};
    bench = newBench({
      imports: [
        MessagingMetricsModule.forRoot(),
        MessagingTracingModule.forRoot({ tracerProvider: provider }),
        MessagingHealthModule,
      ],
      providers: [HealthIndicatorService],
    });
    await bench.start([Payments]);
  });
  afterEach(() => closeBenches());

  const send = async (n: number, key = `payment-${n}`): Promise<void> => {
    await bench.kit.template().syncSend('payments', n, { keys: key });
    await bench.kit.advance('100ms');
  };
  const metric = async (name: string): Promise<string[]> => {
    const text = await bench.modules[0]!.get(MessagingMetrics, { strict: false }).metrics();
    const lines = text.split('\n').filter((line) => line.startsWith(`mq_${name}{`));
    return lines.filter((line) => line.includes('ledger')).map((line) => line.slice(name.length + 3));
  };
  const counts = async (): Promise<Record<string, number>> =>
    Object.fromEntries(
      (await metric('idempotency_messages_total')).map((line): [string, number] => {
        const [, outcome, count] = /outcome="(\w+)"\} (\d+)$/.exec(line)!;
        return [outcome!, Number(count)];
      }),
    );
  const eventsOf = (topic: string): unknown[][] =>
    exporter
      .getFinishedSpans()
      .filter((span) => span.name === `process ${topic}`)
      .map(({ events }) =>
        events
          .filter((event) => event.name === 'idempotency.outcome')
          .map(({ attributes }) => attributes!['nestmq.idempotency.outcome']),
      );

  it('is counted by listener and outcome, and stands on the span of its delivery', async () => {
    await send(1);
    await send(1);
    await send(2, 'payment-1');
    expect(await counts()).toEqual({ acquired: 1, skipped: 1, busy: 0, lost_lease: 0, conflict: 1, store_error: 0 });
    expect((await metric('idempotency_messages_total'))[0]).toBe(
      '{connection="default",group="ledger",listener="Payments.book",store="faulty",outcome="acquired"} 1',
    );
    expect(eventsOf('payments')).toEqual([['acquired'], ['skipped'], ['conflict']]);
    const [span] = exporter.getFinishedSpans().filter(({ name }) => name === 'process payments');
    expect(span!.events[0]!.attributes).toEqual({
      'nestmq.idempotency.outcome': 'acquired',
      'nestmq.idempotency.store': 'faulty',
      'messaging.message.id': bench.kit.consumed('payments')[0]!.messageId,
    });
  });

  it('stands on the span of the delivery also when the handler has one of its own', async () => {
    inside = () =>
      provider.getTracer('test').startActiveSpan('own', async (span) => {
        expect(trace.getActiveSpan()).toBe(span);
        bench.store.break(['complete']);
        await Promise.resolve();
        span.end();
      });
    await send(1);
    expect(eventsOf('payments')).toEqual([['acquired', 'store-error']]);
    expect(exporter.getFinishedSpans().find(({ name }) => name === 'own')!.events).toEqual([]);
  });

  it('of a batch stands there once for each of its messages', async () => {
    const { kit } = bench;
    await kit.template().batch('lists', [1, 2], { each: (n) => ({ keys: `list-${String(n)}` }) });
    await kit.advance('1s');
    expect(eventsOf('lists').flat()).toEqual(['acquired', 'acquired']);
  });

  it('names a store that cannot be asked: in the metrics, in health and on the spans', async () => {
    const health = bench.modules[0]!.get(MessagingHealthIndicator, { strict: false });
    const problems = async (): Promise<readonly string[]> => {
      const { messaging } = await health.isHealthy('messaging', { deadLetterWindow: false });
      return (messaging as unknown as { connections: { default: { problems: string[] } } }).connections.default
        .problems;
    };
    await send(1);
    expect(await metric('idempotency_store_up')).toEqual([expect.stringMatching(/ 1$/)]);
    expect(await problems()).toEqual([]);
    bench.store.break(['acquire']);
    await send(2);
    expect(await metric('idempotency_store_up')).toEqual([expect.stringMatching(/ 0$/)]);
    expect(await problems()).toEqual([
      expect.stringMatching(/^the listener Payments.book of the group ledger takes nothing for a while: /),
      'the idempotency store faulty of the listener Payments.book has not answered for 0 s',
    ]);
    expect(eventsOf('payments').at(-1)).toEqual(['store-error']);
    bench.store.mend();
    await bench.kit.advance('1m');
    expect(await problems()).toEqual([]);
    expect(await counts()).toMatchObject({ acquired: 2, store_error: 1 });
  });
});
