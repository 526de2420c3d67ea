import type { Registry } from 'prom-client';
import { type OptionRules, checkOptions, rule, wholeNumber } from '../options/index.js';

/** @publicApi */
export interface MessagingMetricsOptions {
  /** Where the metrics are registered. Default: a registry of its own, `MessagingMetrics.registry`. */
  registry?: Registry;
  /** What all names begin with. Default: `mq_`. */
  prefix?: string;
  /** Whether the durations of sends and handlers are measured: costs two clock readings per send and per handler. Default: false. */
  durations?: boolean;
  /** Upper bounds of the durations' buckets, in seconds. Default: 1 ms to 30 s. */
  durationBuckets?: readonly number[];
  /** Topics that are told apart; the others count as `other`. Default: 200. */
  maxTopics?: number;
}

const RULES: OptionRules = {
  registry: {
    what: 'a Registry of prom-client',
    accepts: (value) => typeof (value as Registry | null)?.registerMetric === 'function',
  },
  prefix: {
    what: 'a text of letters, digits and _ that begins with no digit',
    accepts: (value) => typeof value === 'string' && /^(?:[a-zA-Z_]\w*)?$/.test(value),
  },
  durations: rule.boolean,
  durationBuckets: {
    what: 'a rising list of seconds above 0',
    accepts: (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every(
        (bound, index) => typeof bound === 'number' && bound > (index === 0 ? 0 : (value[index - 1] as number)),
      ),
  },
  maxTopics: wholeNumber(1, 10_000),
};

/** Throws CONFIGURATION for an option that is none. */
export function checkMetricsOptions(options: MessagingMetricsOptions): void {
  checkOptions('MessagingMetricsModule', options, RULES);
}
