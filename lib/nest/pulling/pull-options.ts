import type { PullConsumerOptions } from '../../client/index.js';
import { type HeaderMatch, MessagingError } from '../../protocol/index.js';
import { checkOptions, wholeNumber } from '../options/index.js';
import { LISTENER_RULES } from '../listeners/listener-rules.js';

/** @publicApi */
export interface PullOptions {
  /** Its members share the messages; no listener may be in it. */
  group: string;
  topic: string;
  /** As with a listener. Default: `*`, everything. */
  tag?: string;
  selector?: string;
  headers?: HeaderMatch;
  /** Where a group begins that never registered before. Default: `latest`. */
  from?: 'latest' | 'earliest' | Date;
  /** Retries after the first attempt, then dead letter. Default: 16. */
  maxReconsumeTimes?: number;
  /** Milliseconds before the next attempt of what is given back. Default: RocketMQ's ladder. */
  backoff?: readonly number[] | ((attempt: number) => number);
  /** Messages that are fetched ahead at a time. Default: 32. */
  pullBatchSize?: number;
}

const { group, topic, tag, selector, headers, from, maxReconsumeTimes, backoff } = LISTENER_RULES;

const RULES = {
  group,
  topic,
  tag,
  selector,
  headers,
  from,
  maxReconsumeTimes,
  backoff,
  pullBatchSize: wholeNumber(1, 1000),
} as typeof LISTENER_RULES;

/** Throws CONFIGURATION for what is no option, or has a value that it cannot have. */
export function pullConsumerOptions(options: PullOptions): PullConsumerOptions {
  checkOptions('pullConsumer', options, RULES);
  for (const name of ['group', 'topic'] as const) {
    if (options[name] === undefined)
      throw new MessagingError('CONFIGURATION', `pullConsumer: the option ${name} is missing`);
  }
  return { ...options };
}
