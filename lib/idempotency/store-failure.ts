import { MessagingError } from '../protocol/index.js';

/**
 * What a store rejects with when it cannot be asked or says no: always the same code, so that a listener knows it from the
 * failure of a handler.
 * @param retryable false when only people can mend it, for example a password
 */
export function storeFailure(message: string, cause?: unknown, retryable = true): MessagingError {
  return new MessagingError('IDEMPOTENCY_STORE_FAILED', message, { cause, retryable });
}
