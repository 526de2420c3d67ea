import { durationMillis, MessagingError } from '../../protocol/index.js';

export { type Duration, durationMillis } from '../../protocol/index.js';

/** Milliseconds of a duration; throws BAD_ARGUMENT naming `what` when it is none. */
export function parseDuration(value: unknown, what: string): number {
  const millis = durationMillis(value);
  if (millis !== undefined) return millis;
  throw new MessagingError(
    'BAD_ARGUMENT',
    `${what}: ${describeValue(value)} is no duration; give milliseconds (0 or more) or a number with ms, s, m, h or d`,
  );
}

/** A value as it can stand in an error message. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString();
  if (value === null || typeof value !== 'object') return typeof value === 'function' ? 'a function' : String(value);
  return Array.isArray(value) ? 'an array' : 'an object';
}
