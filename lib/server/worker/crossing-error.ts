import { MESSAGING_ERROR_CODES, MessagingError, type MessagingErrorCode } from '../../protocol/index.js';

/** An error as data: what the clone of one that crosses threads would lose is its class, its code and what they hold. */
export interface CrossingError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: string | undefined;
  readonly retryable: boolean | undefined;
  readonly cause: CrossingError | undefined;
}

/** A chain of causes that is longer says nothing more. */
const MOST_CAUSES = 5;

export function toCross(error: unknown, causes = MOST_CAUSES): CrossingError {
  if (!(error instanceof Error)) {
    const message = typeof error === 'string' ? error : String(error);
    return { name: 'Error', message, stack: undefined, code: undefined, retryable: undefined, cause: undefined };
  }
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    code: typeof code === 'string' ? code : undefined,
    retryable: error instanceof MessagingError ? error.retryable : undefined,
    cause: error.cause === undefined || causes === 0 ? undefined : toCross(error.cause, causes - 1),
  };
}

export function fromCrossing(crossed: CrossingError): Error {
  const { name, message, stack, code, retryable } = crossed;
  const cause = crossed.cause && fromCrossing(crossed.cause);
  const typed = retryable !== undefined && (MESSAGING_ERROR_CODES as readonly (string | undefined)[]).includes(code);
  const error = typed
    ? new MessagingError(code as MessagingErrorCode, message, { cause, retryable })
    : Object.assign(new Error(message, cause && { cause }), { name }, code === undefined ? {} : { code });
  // Where it arose, not where it arrived.
  if (stack !== undefined) error.stack = stack;
  return error;
}
