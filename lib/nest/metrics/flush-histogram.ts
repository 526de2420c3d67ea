import { Histogram, type MetricObjectWithValues, type MetricValueWithName } from 'prom-client';
import type { HostHealth } from '../../server/index.js';

type FlushTimes = HostHealth['store']['flushes'];
type Value = MetricValueWithName<'connection'>;

/**
 * A histogram whose classes somebody else has counted already: `prom-client` itself knows only ones that it is told each
 * value of.
 */
export class FlushHistogram extends Histogram<'connection'> {
  constructor(
    private readonly fullName: string,
    private readonly helpText: string,
    private readonly read: () => Promise<ReadonlyMap<string, FlushTimes>>,
  ) {
    super({ name: fullName, help: helpText, labelNames: ['connection'], registers: [] });
  }

  override async get(): Promise<MetricObjectWithValues<Value>> {
    const values: Value[] = [];
    for (const [connection, { count, totalMillis, within }] of await this.read()) {
      const add = (suffix: string, value: number, le?: number | '+Inf'): void => {
        const labels = le === undefined ? { connection } : { connection, le };
        values.push({ metricName: `${this.fullName}_${suffix}`, labels, value });
      };
      for (const each of within) add('bucket', each.count, each.millis / 1000);
      add('bucket', count, '+Inf');
      add('sum', totalMillis / 1000);
      add('count', count);
    }
    return { name: this.fullName, help: this.helpText, type: 'histogram', values, aggregator: 'sum' } as never;
  }

  /** What the registry asks when it writes its text. */
  getForPromString(): Promise<MetricObjectWithValues<Value>> {
    return this.get();
  }
}
