import { MessagingError } from '../../protocol/index.js';
import { conflictOf } from '../listener-conflicts.js';
import { DEFAULT_CONCURRENCY, type ConsumerSettings, type ListenerBinding } from '../options.js';

const GUARANTEES: readonly string[] = ['at-least-once', 'at-most-once'];

/** Throws CONFIGURATION for an option that no listener can have. */
export function checkBinding(binding: ListenerBinding, settings: ConsumerSettings): void {
  const check = (fine: boolean, option: string, must: string, value: unknown): void => {
    if (fine) return;
    throw new MessagingError('CONFIGURATION', `The ${option} of ${binding.name} must be ${must}, not ${String(value)}`);
  };
  const { concurrency = DEFAULT_CONCURRENCY, maxReconsumeTimes = settings.maxReconsumeTimes, rateLimit } = binding;
  check(isCount(concurrency), 'concurrency', 'a whole number above 0', concurrency);
  const retries = Number.isInteger(maxReconsumeTimes) && maxReconsumeTimes >= 0;
  check(retries, 'maxReconsumeTimes', 'a whole number, at least 0', maxReconsumeTimes);
  const { keyOrder } = binding;
  check(
    keyOrder === undefined || keyOrder === true || typeof keyOrder === 'function',
    'keyOrder',
    'true or a function of the message',
    keyOrder,
  );
  const { consumeTimeoutMillis, batch } = binding;
  if (consumeTimeoutMillis !== undefined) {
    check(isTime(consumeTimeoutMillis), 'consumeTimeoutMillis', 'milliseconds above 0', consumeTimeoutMillis);
  }
  if (batch !== undefined) {
    check(isCount(batch.size) && batch.size <= 1000, 'batch.size', 'a whole number from 1 to 1,000', batch.size);
    const fine = Number.isFinite(batch.timeoutMillis) && batch.timeoutMillis >= 0;
    check(fine, 'batch.timeoutMillis', 'milliseconds, at least 0', batch.timeoutMillis);
  }
  const wanted = batch === undefined ? 'handle' : 'handleBatch';
  const other = batch === undefined ? 'handleBatch' : 'handle';
  const right = typeof binding[wanted] === 'function' && binding[other] === undefined;
  check(right, wanted, `a function, and without ${other}`, typeof binding[wanted]);
  const { mode, delivery } = settings;
  check(GUARANTEES.includes(delivery), 'delivery', GUARANTEES.join(' or '), delivery);
  if (rateLimit !== undefined) {
    check(isCount(rateLimit.limit), 'rateLimit.limit', 'a whole number above 0', rateLimit.limit);
    const { intervalMillis } = rateLimit;
    check(isTime(intervalMillis), 'rateLimit.intervalMillis', 'a number of milliseconds above 0', intervalMillis);
  }
  const conflict = conflictOf({ mode, delivery, keyOrder, batch, rateLimit, consumeTimeout: consumeTimeoutMillis });
  if (conflict !== undefined) {
    throw new MessagingError('CONFIGURATION', `The ${conflict.option} of ${binding.name} ${conflict.why}`);
  }
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0;
}

function isTime(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) > 0;
}
