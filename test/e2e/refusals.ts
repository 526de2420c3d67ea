import assert from 'node:assert/strict';
import { MessagingError, type MessagingErrorCode } from '../../lib/index.js';

/** The promise rejects with an error of this code whose message says this; resolves with the error. */
export async function rejects(
  promise: Promise<unknown>,
  code: MessagingErrorCode,
  message: RegExp,
): Promise<MessagingError> {
  let error: unknown;
  try {
    await promise;
  } catch (thrown) {
    error = thrown;
  }
  return check(error, code, message);
}

export function throws(call: () => unknown, code: MessagingErrorCode, message: RegExp): MessagingError {
  let error: unknown;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  return check(error, code, message);
}

function check(error: unknown, code: MessagingErrorCode, message: RegExp): MessagingError {
  assert.ok(error instanceof MessagingError, `no ${code}, but ${String(error)}`);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  return error;
}
