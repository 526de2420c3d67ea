import { ConsumeMode } from '../../client/index.js';
import type { HeaderMatch } from '../../protocol/index.js';
import { type OptionRules, nameRule, oneOf, rule, wholeNumber } from '../options/index.js';
import { durationMillis } from '../payload/index.js';

const MODES: readonly string[] = Object.values(ConsumeMode);

/** What each option of `@MessageListener` must be. */
export const LISTENER_RULES: OptionRules = {
  topic: rule.text,
  tag: rule.text,
  selector: rule.text,
  headers: {
    what: '{ match: "all" or "any", properties: { name: text, or true for any value } }',
    accepts: isHeaderMatch,
  },
  group: rule.text,
  mode: {
    what: MODES.map((mode) => `ConsumeMode.${mode}`).join(', '),
    accepts: (value) => MODES.includes(value as string),
  },
  concurrency: wholeNumber(1, 10_000),
  maxReconsumeTimes: wholeNumber(0),
  backoff: {
    what: 'an array of milliseconds with at least one element, or a function of the attempt',
    accepts: (value) =>
      typeof value === 'function' || (Array.isArray(value) && value.length > 0 && value.every(isMillis)),
  },
  from: {
    what: '"latest", "earliest" or a valid Date',
    accepts: (value) =>
      value === 'latest' || value === 'earliest' || (value instanceof Date && !Number.isNaN(value.getTime())),
  },
  keyOrder: {
    what: 'true or a function of the message',
    accepts: (value) => value === true || typeof value === 'function',
  },
  rateLimit: {
    what: 'an object { limit, interval }: a whole number above 0, and a duration above 0 such as "1s"',
    accepts: isRateLimit,
  },
  delivery: oneOf('at-least-once', 'at-most-once'),
  consumeTimeout: {
    what: 'more than 0 milliseconds or a text like "30s", "15m"',
    accepts: (value) => (durationMillis(value) ?? 0) > 0,
  },
  batch: {
    what: 'an object { size?, timeout?, type? }: a whole number from 1 to 1000, a duration such as "100ms", and a class',
    accepts: isBatch,
  },
  retryRequests: rule.boolean,
  connection: nameRule,
};

function isHeaderMatch(value: unknown): boolean {
  if (!rule.object.accepts(value)) return false;
  const { match, properties, ...others } = value as Partial<HeaderMatch>;
  return (
    (match === 'all' || match === 'any') &&
    Object.keys(others).length === 0 &&
    rule.object.accepts(properties) &&
    Object.values(properties!).every((wanted) => wanted === true || typeof wanted === 'string')
  );
}

function isMillis(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isRateLimit(value: unknown): boolean {
  if (!rule.object.accepts(value)) return false;
  const { limit, interval, ...more } = value as { limit?: unknown; interval?: unknown };
  const noMore = Object.keys(more).length === 0;
  return noMore && Number.isSafeInteger(limit) && (limit as number) > 0 && (durationMillis(interval) ?? 0) > 0;
}

function isBatch(value: unknown): boolean {
  if (!rule.object.accepts(value)) return false;
  const { size = 1, timeout = 0, type, ...more } = value as Record<string, unknown>;
  return (
    Object.keys(more).length === 0 &&
    wholeNumber(1, 1000).accepts(size) &&
    durationMillis(timeout) !== undefined &&
    (type === undefined || typeof type === 'function')
  );
}
