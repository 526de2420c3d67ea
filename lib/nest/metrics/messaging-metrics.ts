import type { ResolvedConnectionOptions } from '../options/messaging-options.js';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ClientInterceptor, Settlement } from '../../client/index.js';
import { MessagingError } from '../../protocol/index.js';
import { ConnectionEnvironment, MessagingConnections } from '../connection/index.js';
import { type ConnectionReport, reportOn } from '../connection/connection-report.js';
import { DEFAULT_BUCKETS, DURATIONS, FLUSHES, METRICS, type MetricDefinition } from './metric-table.js';
import { FlushHistogram } from './flush-histogram.js';
import { checkMetricsOptions, type MessagingMetricsOptions } from './metrics-options.js';
import { Samples } from './samples.js';

export const METRICS_OPTIONS = Symbol('nestmq:metrics-options');
/** A scrape has 10 s by default; what does not answer within this is down. */
const PATIENCE_MILLIS = 3000;
const DEFAULT_MAX_TOPICS = 200;
const OTHER = 'other';

/**
 * The application's messaging as metrics for Prometheus. Read from counters that are there anyway when somebody asks;
 * only `durations: true` measures as it happens.
 *
 * @publicApi
 */
@Injectable()
export class MessagingMetrics implements OnApplicationShutdown {
  readonly registry: Registry;
  private readonly prefix: string;
  private readonly names: string[] = [];
  private readonly topics = new Set<string>();
  private reading: Promise<Samples> | undefined;

  constructor(
    @Inject(METRICS_OPTIONS) private readonly options: MessagingMetricsOptions,
    private readonly connections: MessagingConnections,
    environment: ConnectionEnvironment,
  ) {
    checkMetricsOptions(options);
    this.registry = options.registry ?? new Registry();
    this.prefix = options.prefix ?? 'mq_';
    for (const definition of Object.values(METRICS)) this.register(definition);
    this.registry.registerMetric(
      new FlushHistogram(this.named(FLUSHES.name), FLUSHES.help, async () => (await this.read()).flushes),
    );
    if (options.durations === true) this.measure(environment);
  }

  /** The text that Prometheus reads, of everything in the registry. */
  metrics(): Promise<string> {
    return this.registry.metrics();
  }

  /** Takes the metrics out of the registry: another application may use it. */
  onApplicationShutdown(): void {
    for (const name of this.names) this.registry.removeSingleMetric(name);
  }

  private register(definition: MetricDefinition): void {
    const { help, labels, type } = definition;
    const read = (): Promise<Samples> => this.read();
    const config = { name: this.named(definition.name), help, labelNames: ['connection', ...labels], registers: [] };
    const metric =
      type === 'gauge'
        ? new Gauge({
            ...config,
            async collect() {
              const samples = await read();
              this.reset();
              for (const [sampleLabels, value] of samples.of(definition)) this.set(sampleLabels, value);
            },
          })
        : new Counter({
            ...config,
            async collect() {
              const samples = await read();
              this.reset();
              for (const [sampleLabels, value] of samples.of(definition)) this.inc(sampleLabels, value);
            },
          });
    this.registry.registerMetric(metric);
  }

  private named(name: string): string {
    const full = `${this.prefix}${name}`;
    if (this.registry.getSingleMetric(full) !== undefined) {
      throw new MessagingError(
        'CONFIGURATION',
        `MessagingMetricsModule: the registry has a metric ${full} already; give each application its own registry or prefix`,
      );
    }
    this.names.push(full);
    return full;
  }

  /** One look for all metrics of a scrape, which ask in the same turn. */
  private read(): Promise<Samples> {
    this.reading ??= this.look().finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async look(): Promise<Samples> {
    const all = this.connections.all();
    const reports = await Promise.all(all.map((connection) => reportOn(connection, PATIENCE_MILLIS)));
    const samples = new Samples((topic) => this.topicLabel(topic));
    reports.forEach((report: ConnectionReport, index) => samples.add(report, all[index]!.clock.now()));
    return samples;
  }

  private topicLabel(topic: string): string {
    if (this.topics.has(topic)) return topic;
    if (this.topics.size >= (this.options.maxTopics ?? DEFAULT_MAX_TOPICS)) return OTHER;
    this.topics.add(topic);
    return topic;
  }

  private measure(environment: ConnectionEnvironment): void {
    const buckets = [...(this.options.durationBuckets ?? DEFAULT_BUCKETS)];
    const histogram = ({ name, help, labels }: (typeof DURATIONS)[keyof typeof DURATIONS]): Histogram =>
      new Histogram({
        name: this.named(name),
        help,
        labelNames: ['connection', ...labels],
        buckets,
        registers: [this.registry],
      });
    const sends = histogram(DURATIONS.send);
    const handlers = histogram(DURATIONS.handler);
    environment.intercept((connection, clock) => this.timer(connection, () => clock.monotonic(), sends, handlers));
  }

  private timer(
    { connection }: ResolvedConnectionOptions,
    now: () => number,
    sends: Histogram,
    handlers: Histogram,
  ): ClientInterceptor {
    return {
      send: async ({ messages, oneWay }, proceed) => {
        const topic = this.topicLabel(messages[0]!.topic);
        const start = now();
        const observe = (status: string): void => sends.observe({ connection, topic, status }, (now() - start) / 1000);
        try {
          const result = await proceed(messages);
          observe(oneWay ? 'oneway' : 'ok');
          return result;
        } catch (error) {
          observe('failed');
          throw error;
        }
      },
      handle: async ({ group, messages }, proceed) => {
        const start = now();
        const settlements = await proceed();
        const seconds = (now() - start) / 1000;
        const topic = this.topicLabel(messages[0]!.topic);
        handlers.observe({ connection, topic, group, status: worst(settlements) }, seconds);
        return settlements;
      },
    };
  }
}

/** One call, one duration: of a batch the worst outcome. */
function worst(settlements: readonly Settlement[]): string {
  if (settlements.some(({ kind }) => kind === 'dead-letter')) return 'dead_lettered';
  if (settlements.some(({ kind }) => kind === 'retry')) return 'failed';
  return settlements.some(({ kind }) => kind === 'postpone') ? 'postponed' : 'acknowledged';
}
