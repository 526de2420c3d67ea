import { type OptionRules, checkOptions } from '../options/index.js';
import { type Duration, durationMillis, parseDuration } from '../payload/index.js';

/** @publicApi */
export interface MessagingHealthOptions {
  /** Which connections count. Default: all of the application. */
  connections?: readonly string[];
  /** Messages that a group may be behind before it is degraded; `false`: any number. Default: 10,000. */
  maxLag?: number | false;
  /** How old the oldest unsettled message of a group may be; `false`: any age. Default: `'15m'`. */
  maxLagAge?: Duration | false;
  /** How old the oldest message in the outbox that is to be sent may be; `false`: any age. Default: `'5m'`. */
  maxOutboxAge?: Duration | false;
  /** How long after the last dead letter the application counts as degraded; `false`: not at all. Default: `'5m'`. */
  deadLetterWindow?: Duration | false;
  /** How long the brokers may take to answer. Default: `'3s'`. */
  timeout?: Duration;
}

export interface ResolvedHealthOptions {
  readonly connections: readonly string[] | undefined;
  readonly maxLag: number;
  readonly maxLagAge: number;
  readonly maxOutboxAge: number;
  /** 0: does not matter. */
  readonly deadLetterWindow: number;
  readonly timeout: number;
}

const durationOrFalse = {
  what: 'false, or more than 0 milliseconds, or a text like "10s", "5m"',
  accepts: (value: unknown) => value === false || (durationMillis(value) ?? 0) > 0,
};

const RULES: OptionRules = {
  connections: {
    what: 'a list of names of connections',
    accepts: (value) => Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string'),
  },
  maxLag: {
    what: 'false, or a number of messages of 0 or more',
    accepts: (value) => value === false || (Number.isSafeInteger(value) && (value as number) >= 0),
  },
  maxLagAge: durationOrFalse,
  maxOutboxAge: durationOrFalse,
  deadLetterWindow: durationOrFalse,
  timeout: {
    what: 'more than 0 milliseconds or a text like "500ms", "3s"',
    accepts: (value) => (durationMillis(value) ?? 0) > 0,
  },
};

/** @throws MessagingError CONFIGURATION naming the option. */
export function resolveHealthOptions(options: MessagingHealthOptions): ResolvedHealthOptions {
  const where = 'MessagingHealthIndicator';
  checkOptions(where, options, RULES);
  const {
    connections,
    maxLag = 10_000,
    maxLagAge = '15m',
    maxOutboxAge = '5m',
    deadLetterWindow = '5m',
    timeout = '3s',
  } = options;
  return {
    connections,
    maxLag: maxLag === false ? Number.POSITIVE_INFINITY : maxLag,
    maxOutboxAge: maxOutboxAge === false ? Number.POSITIVE_INFINITY : parseDuration(maxOutboxAge, where),
    maxLagAge: maxLagAge === false ? Number.POSITIVE_INFINITY : parseDuration(maxLagAge, where),
    deadLetterWindow: deadLetterWindow === false ? 0 : parseDuration(deadLetterWindow, where),
    timeout: parseDuration(timeout, where),
  };
}
