import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, type Provider } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';
import {
  ConsumeMode,
  MessageListener,
  type MessageContext,
  MessageListenerRegistry,
  MessagingModule,
  RejectMessageError,
} from '../../../lib/index.js';
import { MessagingMetrics, MessagingMetricsModule, type MessagingMetricsOptions } from '../../../lib/metrics.js';
import { DURATIONS, FLUSHES, METRICS } from '../../../lib/nest/metrics/metric-table.js';
import { MessagingTestKit } from '../../../lib/testing.js';

@Injectable()
class Billing {
  @MessageListener({ topic: 'orders', tag: 'created', group: 'billing', backoff: [1000], maxReconsumeTimes: 2 })
  async onOrder({ failures }: { failures: number }, { attempt }: MessageContext): Promise<void> {
    if (failures === 99) throw new RejectMessageError('never');
    if (attempt <= failures) throw new Error('not yet');
  }

  @MessageListener({ topic: 'prices', group: 'board', mode: ConsumeMode.BROADCAST })
  onPrice(): void {
    throw new Error('broken');
  }
}

const kits: MessagingTestKit[] = [];
afterEach(async () => {
  for (const kit of kits.splice(0)) await kit.close();
});

async function start(
  options: MessagingMetricsOptions = {},
  providers: Provider[] = [Billing],
): Promise<{ kit: MessagingTestKit; metrics: MessagingMetrics }> {
  const kit = new MessagingTestKit();
  kits.push(kit);
  const imports = [MessagingModule.forRoot({ application: 'shop' }), MessagingMetricsModule.forRoot(options)];
  const module = await kit.start({ imports, providers });
  return { kit, metrics: module.get(MessagingMetrics) };
}

/** The lines of one metric: `labels value`. */
async function linesOf(metrics: MessagingMetrics, name: string): Promise<string[]> {
  const lines = (await metrics.metrics()).split('\n').filter((line) => line.startsWith(`${name}{`));
  return lines.map((line) => line.slice(name.length)).toSorted();
}

describe('metrics', () => {
  it('count what was sent and what became of it', async () => {
    const { kit, metrics } = await start();
    const messaging = kit.template();
    for (const failures of [0, 1, 9, 99]) await messaging.syncSend('orders:created', { failures });
    await messaging.batch('orders:other', [1, 2]);
    messaging.sendOneWay('prices', { cents: 1 });
    await kit.advance('10s');
    expect(await linesOf(metrics, 'mq_messages_sent_total')).toEqual([
      '{connection="default",topic="orders",status="failed"} 0',
      '{connection="default",topic="orders",status="ok"} 6',
      '{connection="default",topic="orders",status="oneway"} 0',
      '{connection="default",topic="prices",status="failed"} 0',
      '{connection="default",topic="prices",status="ok"} 0',
      '{connection="default",topic="prices",status="oneway"} 1',
    ]);
    expect(await linesOf(metrics, 'mq_messages_consumed_total')).toEqual([
      '{connection="default",topic="orders",group="billing",mode="concurrent",status="acknowledged"} 2',
      '{connection="default",topic="orders",group="billing",mode="concurrent",status="dead_lettered"} 2',
      '{connection="default",topic="orders",group="billing",mode="concurrent",status="failed"} 0',
      '{connection="default",topic="orders",group="billing",mode="concurrent",status="postponed"} 0',
      '{connection="default",topic="orders",group="billing",mode="concurrent",status="retried"} 3',
      '{connection="default",topic="prices",group="board",mode="broadcast",status="acknowledged"} 0',
      '{connection="default",topic="prices",group="board",mode="broadcast",status="dead_lettered"} 0',
      '{connection="default",topic="prices",group="board",mode="broadcast",status="failed"} 1',
      '{connection="default",topic="prices",group="board",mode="broadcast",status="postponed"} 0',
      '{connection="default",topic="prices",group="board",mode="broadcast",status="retried"} 0',
    ]);
    expect(await linesOf(metrics, 'mq_messages_retried_total')).toContain(
      '{connection="default",topic="orders",group="billing"} 3',
    );
    expect(await linesOf(metrics, 'mq_messages_dead_lettered_total')).toContain(
      '{connection="default",topic="orders",group="billing"} 2',
    );
    expect(await linesOf(metrics, 'mq_connection_up')).toEqual(['{connection="default"} 1']);
    expect(await linesOf(metrics, 'mq_broker_dead_letters_total')).toEqual(['{connection="default"} 2']);
  });

  it('show how far a held listener is behind, and for how long', async () => {
    const { kit, metrics } = await start();
    kit.get(MessageListenerRegistry).pause('Billing.onOrder');
    for (let id = 0; id < 5; id++) await kit.template().syncSend('orders:created', { failures: 0 });
    await kit.template().delay('orders:created', { failures: 0 }, '1h');
    await kit.advance('90s');
    expect(await linesOf(metrics, 'mq_consumer_lag_messages')).toContain(
      '{connection="default",topic="orders",group="billing"} 5',
    );
    expect(await linesOf(metrics, 'mq_consumer_lag_seconds')).toContain(
      '{connection="default",topic="orders",group="billing"} 90',
    );
    expect(await linesOf(metrics, 'mq_consumer_buffered_messages')).toContain(
      '{connection="default",group="billing",mode="concurrent"} 5',
    );
    expect(await linesOf(metrics, 'mq_broker_delayed_messages')).toEqual(['{connection="default"} 1']);
    kit.get(MessageListenerRegistry).resume('Billing.onOrder');
    await kit.settled();
    expect(await linesOf(metrics, 'mq_consumer_lag_messages')).toContain(
      '{connection="default",topic="orders",group="billing"} 0',
    );
  });

  it('measure durations only when they are asked to', async () => {
    const without = await start();
    await without.kit.template().syncSend('orders:created', { failures: 0 });
    await without.kit.settled();
    expect(await without.metrics.metrics()).not.toMatch(/send_duration|handler_duration/);
    const { kit, metrics } = await start({ durations: true, durationBuckets: [0.5, 2] });
    await kit.template().syncSend('orders:created', { failures: 1 });
    await kit.advance('1s');
    expect(await linesOf(metrics, 'mq_send_duration_seconds_count')).toEqual([
      '{connection="default",topic="orders",status="ok"} 1',
    ]);
    expect(await linesOf(metrics, 'mq_handler_duration_seconds_count')).toEqual([
      '{connection="default",topic="orders",group="billing",status="acknowledged"} 1',
      '{connection="default",topic="orders",group="billing",status="failed"} 1',
    ]);
    expect(await linesOf(metrics, 'mq_handler_duration_seconds_bucket')).toHaveLength(6);
  });

  it('show how long the disk of the broker inside takes, without measuring a send', async () => {
    const { kit, metrics } = await start();
    for (let id = 0; id < 3; id++) await kit.template().syncSend('orders:created', { failures: 0 });
    await kit.settled();
    const [all] = await linesOf(metrics, 'mq_broker_flush_duration_seconds_count');
    const flushes = Number(/ (\d+)$/.exec(all!)?.[1]);
    expect(flushes).toBeGreaterThanOrEqual(3);
    const buckets = await linesOf(metrics, 'mq_broker_flush_duration_seconds_bucket');
    // In virtual time a sync takes none.
    expect(buckets).toContain(`{connection="default",le="0.0001"} ${flushes}`);
    expect(buckets).toContain(`{connection="default",le="+Inf"} ${flushes}`);
    expect(await linesOf(metrics, 'mq_broker_flush_duration_seconds_sum')).toEqual(['{connection="default"} 0']);
    expect(await metrics.metrics()).toContain('# TYPE mq_broker_flush_duration_seconds histogram');
    const [json] = (await metrics.registry.getMetricsAsJSON()).filter(({ name }) => name.includes('flush'));
    expect(json).toMatchObject({ name: 'mq_broker_flush_duration_seconds', type: 'histogram' });
  });

  it('count a failed request as failed, in every kind of group', async () => {
    @Injectable()
    class Quotes {
      @MessageListener({ topic: 'concurrent', group: 'concurrent' })
      concurrent(): never {
        throw new Error('no quote');
      }
      @MessageListener({ topic: 'orderly', group: 'orderly', mode: ConsumeMode.ORDERLY })
      orderly(): never {
        throw new RejectMessageError('no quote');
      }
      @MessageListener({ topic: 'broadcast', group: 'broadcast', mode: ConsumeMode.BROADCAST })
      broadcast(): never {
        throw new Error('no quote');
      }
      @MessageListener({
        topic: 'again',
        group: 'again',
        retryRequests: true,
        backoff: [10],
        maxReconsumeTimes: 1,
      })
      again(): never {
        throw new Error('no quote');
      }
    }
    const { kit, metrics } = await start({}, [Quotes]);
    for (const topic of ['concurrent', 'orderly', 'broadcast', 'again']) {
      await expect(kit.template().request(topic, {})).rejects.toMatchObject({ code: 'REQUEST_FAILED' });
    }
    await kit.settled();
    const consumed = await linesOf(metrics, 'mq_messages_consumed_total');
    const counts = consumed
      .filter((line) => !line.endsWith(' 0'))
      .map((line) => /topic="(\w+)".*status="(\w+)"} (.*)/.exec(line)!.slice(1, 4).join(' '));
    expect(counts).toEqual([
      'again dead_lettered 1',
      'again retried 1',
      'broadcast failed 1',
      'concurrent failed 1',
      'orderly failed 1',
    ]);
  });

  it('tell a bounded number of topics apart', async () => {
    const { kit, metrics } = await start({ maxTopics: 3 });
    for (let id = 0; id < 9; id++) await kit.template().syncSend(`topic-${id}`, 1);
    await kit.settled();
    const sent = (await linesOf(metrics, 'mq_messages_sent_total')).filter((line) => line.includes('"ok"'));
    expect(sent).toEqual([
      '{connection="default",topic="other",status="ok"} 6',
      '{connection="default",topic="topic-0",status="ok"} 1',
      '{connection="default",topic="topic-1",status="ok"} 1',
      '{connection="default",topic="topic-2",status="ok"} 1',
    ]);
  });

  it('go into a registry that is given, with another prefix, and out of it again', async () => {
    const registry = new Registry();
    registry.registerMetric(new Counter({ name: 'mine', help: 'of the application', registers: [] }));
    const { kit, metrics } = await start({ registry, prefix: 'shop_mq_' });
    expect(metrics.registry).toBe(registry);
    const text = await registry.metrics();
    expect(text).toContain('shop_mq_connection_up{connection="default"} 1');
    expect(text).toContain('mine 0');
    await expect(
      kit.start({
        imports: [MessagingModule.forRoot(), MessagingMetricsModule.forRoot({ registry, prefix: 'shop_mq_' })],
      }),
    ).rejects.toMatchObject({ code: 'CONFIGURATION' });
    await kit.close();
    expect(await registry.metrics()).not.toContain('shop_mq_');
  });

  it('are down while a broker inside is stopped, and say nothing then that they do not know', async () => {
    const { kit, metrics } = await start();
    await kit.stopBroker();
    expect(await linesOf(metrics, 'mq_connection_up')).toEqual(['{connection="default"} 0']);
    expect(await linesOf(metrics, 'mq_consumer_lag_messages')).toEqual([]);
    await expect(kit.template().syncSend('orders', 1)).rejects.toMatchObject({ retryable: true });
    expect(await linesOf(metrics, 'mq_messages_sent_total')).toContain(
      '{connection="default",topic="orders",status="failed"} 1',
    );
  });

  it.each([
    [{ prefix: '1x' }, /prefix/],
    [{ durationBuckets: [2, 1] }, /durationBuckets/],
    [{ maxTopics: 0 }, /maxTopics/],
    [{ registry: {} }, /registry/],
    [{ histograms: true }, /unknown option/],
  ])('refuse %j', (options, message) => {
    expect(() => MessagingMetricsModule.forRoot(options as MessagingMetricsOptions)).toThrow(message);
  });

  it('are explained in the README, one by one', () => {
    const readme = readFileSync('README.md', 'utf8');
    const all = [...Object.values(METRICS), FLUSHES, ...Object.values(DURATIONS)];
    const missing = all.filter(({ name, labels }) => {
      const [, row] = new RegExp(`^\\| \`mq_${name}\` (.*)$`, 'm').exec(readme) ?? [];
      return row === undefined || labels.some((label) => !row.includes(label));
    });
    expect(missing.map(({ name }) => name)).toEqual([]);
  });
});
