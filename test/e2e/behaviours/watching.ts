import assert from 'node:assert/strict';
import { SpanStatusCode } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { RejectMessageError } from '../../../lib/index.js';
import { MessagingMetrics, MessagingMetricsModule } from '../../../lib/metrics.js';
import { MessagingTracingModule } from '../../../lib/opentelemetry.js';
import { subject } from '../behaviour.js';
import { recorder } from '../recorder.js';
import { rejects } from '../refusals.js';
import type { Application } from '../world.js';

/** Tracing for an application, and the spans that have ended. */
class Traces {
  private readonly exporter = new InMemorySpanExporter();
  private readonly tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(this.exporter)],
  });
  readonly part = { imports: [MessagingTracingModule.forRoot({ tracerProvider: this.tracerProvider })] };

  of(name: string): ReadableSpan[] {
    return this.exporter.getFinishedSpans().filter((span) => span.name === name);
  }
}

const spanId = (span: ReadableSpan | undefined): string | undefined => span?.spanContext().spanId;

export const traces = subject('traces', (it) => {
  it('a delivery is a child of its send', async (world) => {
    const traced = new Traces();
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders, traced.part);
    await world.passing(template.syncSend('orders', 'x'));
    await orders.got(world, 1);
    await world.until(() => traced.of('process orders').length === 1, 'the span of the handler');
    const [sent] = traced.of('send orders');
    const [handled] = traced.of('process orders');
    assert.ok(sent !== undefined);
    assert.equal(handled?.parentSpanContext?.spanId, spanId(sent));
    assert.equal(handled?.attributes['messaging.message.id'], sent.attributes['messaging.message.id']);
  });

  it('every attempt is a span, and all are children of the send', async (world) => {
    const traced = new Traces();
    const orders = recorder({ topic: 'orders', backoff: [10] }, (_payload, _context, { attempt }) => {
      if (attempt < 3) throw new Error('not yet');
    });
    const { template } = await world.start(orders, traced.part);
    await world.passing(template.syncSend('orders', 'x'));
    await world.until(() => traced.of('process orders').length === 3, 'three attempts');
    const handled = traced.of('process orders');
    const parent = spanId(traced.of('send orders')[0]);
    assert.deepEqual(
      handled.map((span) => [span.attributes['nestmq.attempt'], span.attributes['nestmq.outcome']]),
      [
        [1, 'retried'],
        [2, 'retried'],
        [3, 'acknowledged'],
      ],
    );
    for (const span of handled) assert.equal(span.parentSpanContext?.spanId, parent);
  });

  it('what breaks makes its span red, what is refused on purpose does not', async (world) => {
    const traced = new Traces();
    const orders = recorder({ topic: 'orders', maxReconsumeTimes: 0 }, (payload) => {
      throw payload === 'broken' ? new TypeError('broken') : new RejectMessageError('not ours');
    });
    const { template } = await world.start(orders, traced.part);
    for (const payload of ['broken', 'refused']) {
      await world.passing(template.syncSend('orders', payload));
      await world.until(() => traced.of('process orders').length === (payload === 'broken' ? 1 : 2), payload);
    }
    const [broken, refused] = traced.of('process orders');
    assert.deepEqual(
      [broken?.status.code, broken?.attributes['error.type'], refused?.status.code],
      [SpanStatusCode.ERROR, 'TypeError', SpanStatusCode.UNSET],
    );
  });

  it('a relay that sends with the trace of somebody else goes on with it', async (world) => {
    const traced = new Traces();
    const orders = recorder({ topic: 'orders' });
    const { template } = await world.start(orders, traced.part);
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    await world.passing(template.syncSend('orders', 'x', { properties: { traceparent } }));
    await orders.got(world, 1);
    const [sent] = traced.of('send orders');
    assert.equal(sent?.spanContext().traceId, 'a'.repeat(32));
    assert.equal(sent.parentSpanContext?.spanId, 'b'.repeat(16));
    assert.equal(orders.deliveries[0]!.message.properties.traceparent, `00-${'a'.repeat(32)}-${spanId(sent)}-01`);
  });

  it('a send that fails is red', async (world) => {
    const traced = new Traces();
    const { template } = await world.start(traced.part, { options: { broker: { autoCreateTopics: false } } });
    await rejects(world.passing(template.syncSend('unknown', 'x')), 'TOPIC_NOT_FOUND', /unknown/);
    assert.equal(traced.of('send unknown')[0]?.status.code, SpanStatusCode.ERROR);
  });
});

/** The value of the one line of a metric that has these labels. */
async function valueOf(application: Application, name: string, ...labels: string[]): Promise<number> {
  const text = await application.get(MessagingMetrics).metrics();
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith(`mq_${name}{`) && labels.every((label) => line.includes(label)));
  assert.equal(lines.length, 1, `${lines.length} lines of ${name} ${labels.join(' ')}`);
  return Number(/ (\S+)$/.exec(lines[0]!)![1]);
}

const measured = { imports: [MessagingMetricsModule.forRoot()] };

export const metrics = subject('metrics', (it) => {
  it('count deliveries by what became of them', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g', backoff: [10], maxReconsumeTimes: 1 }, (payload) => {
      if (payload !== 'good') throw new Error('bad');
    });
    const app = await world.start(orders, measured);
    for (const payload of ['good', 'good', 'bad']) await world.passing(app.template.syncSend('orders', payload));
    await orders.got(world, 4);
    await world.pass(100);
    const counts = await world.soon(
      () =>
        Promise.all(
          ['acknowledged', 'retried', 'dead_lettered', 'failed'].map((status) =>
            valueOf(app, 'messages_consumed_total', `status="${status}"`),
          ),
        ),
      ([acknowledged, , deadLettered]) => acknowledged === 2 && deadLettered === 1,
    );
    assert.deepEqual(counts, [2, 1, 1, 0]);
  });

  it('count a failed request as failed', async (world) => {
    const quotes = recorder({ topic: 'quotes' }, (payload) => {
      if (payload === 'bad') throw new Error('no quote');
      return 'a quote';
    });
    const app = await world.start(quotes, measured);
    await rejects(world.passing(app.template.request('quotes', 'bad')), 'REQUEST_FAILED', /no quote/);
    await world.passing(app.template.request('quotes', 'good'));
    await world.quiet();
    const counts = await world.passing(
      Promise.all(
        ['acknowledged', 'failed'].map((status) => valueOf(app, 'messages_consumed_total', `status="${status}"`)),
      ),
    );
    assert.deepEqual(counts, [1, 1]);
  });

  it('count sends by what became of them', async (world) => {
    const app = await world.start(measured, { options: { broker: { autoCreateTopics: false, topics: ['orders'] } } });
    await world.passing(app.template.batch('orders', [1, 2, 3]));
    await rejects(world.passing(app.template.syncSend('unknown', 'x')), 'TOPIC_NOT_FOUND', /unknown/);
    const counts = await world.passing(
      Promise.all([
        valueOf(app, 'messages_sent_total', 'topic="orders"', 'status="ok"'),
        valueOf(app, 'messages_sent_total', 'topic="unknown"', 'status="failed"'),
      ]),
    );
    assert.deepEqual(counts, [3, 1]);
  });

  it('show how many messages a held listener is behind', async (world) => {
    const orders = recorder({ topic: 'orders', group: 'g' });
    const app = await world.start(orders, measured);
    app.listeners.pause(app.listeners.list()[0]!.name);
    await world.passing(app.template.batch('orders', [1, 2, 3]));
    const lag = () => valueOf(app, 'consumer_lag_messages', 'topic="orders"', 'group="g"');
    await world.pass(2000);
    assert.equal(await world.soon(lag, (value) => value === 3), 3);
    app.listeners.resume(app.listeners.list()[0]!.name);
    await orders.got(world, 3);
    await world.pass(1000);
    assert.equal(await world.soon(lag, (value) => value === 0), 0);
  });

  it.needing(['broker inside'], 'count the syncs of the disk that confirmed sends wait for', async (world) => {
    const app = await world.start(measured);
    const syncs = (): Promise<number> => world.passing(valueOf(app, 'broker_flush_duration_seconds_count'));
    await world.passing(app.template.syncSend('orders', 0));
    const before = await syncs();
    for (let id = 1; id <= 3; id++) await world.passing(app.template.syncSend('orders', id));
    assert.ok((await syncs()) >= before + 3);
  });
});
