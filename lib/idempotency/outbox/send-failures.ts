import { MessagingError, type MessagingErrorCode } from '../../protocol/index.js';

/**
 * What the same row can never be sent with. Everything else is tried again: a topic that is missing may be made, a store that
 * is fenced comes back with its broker.
 */
const HOPELESS: ReadonlySet<MessagingErrorCode> = new Set([
  'BAD_ARGUMENT',
  'NAME_INVALID',
  'MESSAGE_TOO_LARGE',
  'PROPERTIES_INVALID',
  'NO_PERMISSION',
  'NOT_SUPPORTED',
]);

export function isHopeless(error: unknown): boolean {
  return error instanceof MessagingError && !error.retryable && HOPELESS.has(error.code);
}

const FIRST_PAUSE_MILLIS = 100;
const LONGEST_PAUSE_MILLIS = 5000;

/** How long to wait after so many failures in a row, 1 for the first: doubled each time, to 5 s. */
export function pauseAfter(failures: number): number {
  return Math.min(LONGEST_PAUSE_MILLIS, FIRST_PAUSE_MILLIS * 2 ** Math.min(failures - 1, 16));
}
