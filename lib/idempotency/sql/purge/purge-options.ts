import { type Duration, durationMillis, MessagingError } from '../../../protocol/index.js';

/** How rows that are no longer needed are deleted. One of all processes on the database does it. @publicApi */
export interface PurgeOptions {
  /** How often it looks. After three of them without a word of the one that does it another takes over. Default: 1 minute. */
  interval?: Duration;
  /** Rows that are deleted at a time, and so locked together. Default: 500. */
  batchSize?: number;
  /** Between two batches, so that the database has time for others. Default: 50 ms. */
  pause?: Duration;
  /** By how much the interval is varied, so that processes which were started together do not stay so. 0 to 1. Default: 0.2. */
  jitter?: number;
}

export interface ResolvedPurge {
  readonly intervalMillis: number;
  readonly batchSize: number;
  readonly pauseMillis: number;
  readonly jitter: number;
}

/** SQLite takes 32,766 values in a statement, and MySQL asks for each row's key again. */
const MAX_BATCH = 10_000;

/** @throws MessagingError CONFIGURATION for options that are unknown or make no sense. */
export function resolvePurge(where: string, options: PurgeOptions): ResolvedPurge {
  const refuse = (name: string, what: string, value: unknown): never => {
    throw new MessagingError('CONFIGURATION', `${where}: purge.${name} must be ${what}, not ${String(value)}`);
  };
  const { interval = '1m', batchSize = 500, pause = 50, jitter = 0.2, ...unknown } = options;
  for (const name of Object.keys(unknown))
    throw new MessagingError(
      'CONFIGURATION',
      `${where}: unknown option "purge.${name}"; known: interval, batchSize, pause, jitter`,
    );
  const intervalMillis = durationMillis(interval) ?? 0;
  if (intervalMillis < 1000) refuse('interval', 'a duration of at least "1s"', interval);
  const pauseMillis = durationMillis(pause);
  if (pauseMillis === undefined || pauseMillis > intervalMillis)
    return refuse('pause', 'a duration no longer than the interval, such as "50ms"', pause);
  if (!Number.isSafeInteger(batchSize) || batchSize < 1 || batchSize > MAX_BATCH)
    refuse('batchSize', `a whole number from 1 to ${MAX_BATCH}`, batchSize);
  if (!(jitter >= 0 && jitter <= 1)) refuse('jitter', 'a number from 0 to 1', jitter);
  return { intervalMillis, batchSize, pauseMillis, jitter };
}
