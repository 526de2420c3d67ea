import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import sqlite from 'node-sqlite3-wasm';
import { MessageListener, MessagingModule, MessagingTemplate, schema, SqlOutbox } from '../../../lib/index.js';
import { sqliteAdapter } from '../../../lib/idempotency/sql/sqlite/index.js';
import { MessagingTracingModule } from '../../../lib/opentelemetry.js';
import { closeApplications, startApplication } from '../support/application.js';
import { until } from '../support/until.js';

const provider = new BasicTracerProvider();
const seen: { payload: string; traceId: string | undefined }[] = [];

@Injectable()
class Shipping {
  @MessageListener('orders')
  onOrder(payload: string): void {
    seen.push({ payload, traceId: trace.getActiveSpan()?.spanContext().traceId });
  }
}

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
});
afterAll(async () => {
  await closeApplications();
  context.disable();
  trace.disable();
});

it('what a relay sends belongs to the trace in which it was written, also in a batch', async () => {
  const database = new sqlite.Database(':memory:');
  for (const statement of schema('sqlite')) database.exec(statement);
  const adapter = sqliteAdapter(database);
  const outbox = { store: new SqlOutbox(adapter), relay: { pollInterval: 20 } };
  const app = await startApplication({
    providers: [Shipping],
    imports: [MessagingTracingModule.forRoot({}), MessagingModule.forRoot({ broker: { memory: true }, outbox })],
    messaging: false,
  });
  const messaging = app.get(MessagingTemplate);
  const write = (payloads: readonly string[]): Promise<unknown> =>
    adapter.transaction(async (transaction) => {
      for (const payload of payloads) {
        const span = provider.getTracer('test').startSpan(payload);
        await context.with(trace.setSpan(context.active(), span), () =>
          messaging.outbox(transaction).sendOrderly('orders', `${payload} ${span.spanContext().traceId}`, 'one key'),
        );
        span.end();
      }
    });
  await write(['first']);
  await until(() => seen.length === 1, 'the first');
  // The topic is known now, so that these go as one batch.
  await write(['second', 'third', 'fourth']);
  await until(() => seen.length === 4, 'the others');
  expect(seen.map(({ payload, traceId }) => [payload.split(' ')[1], traceId])).toEqual(
    seen.map(({ traceId }) => [traceId, traceId]),
  );
  expect(new Set(seen.map(({ traceId }) => traceId)).size).toBe(4);
});
