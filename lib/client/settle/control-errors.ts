// Marks that survive two copies of this package in one process, where `instanceof` would not.
const REJECT = Symbol.for('nestmq.RejectMessageError');
const RETRY_LATER = Symbol.for('nestmq.RetryLaterError');
const ACKNOWLEDGE = Symbol.for('nestmq.Settle.acknowledge');

/** Thrown by a handler: this message can never succeed. It goes to the dead letters at once, with the reason. */
export class RejectMessageError extends Error {
  override readonly name = 'RejectMessageError';
  readonly [REJECT] = true;

  /** @param reason Stands in the dead letter as its error message. */
  constructor(reason: string, options?: { cause?: unknown }) {
    super(reason, options?.cause === undefined ? undefined : { cause: options.cause });
  }
}

/** Thrown by a handler: try again in `delayMillis`. Counts as an attempt; in orderly mode the queue waits. */
export class RetryLaterError extends Error {
  override readonly name = 'RetryLaterError';
  readonly [RETRY_LATER] = true;

  /** @param delayMillis Milliseconds, at least 0. */
  constructor(
    readonly delayMillis: number,
    reason = `retry in ${delayMillis} ms`,
    options?: { cause?: unknown },
  ) {
    super(reason, options?.cause === undefined ? undefined : { cause: options.cause });
    if (!Number.isFinite(delayMillis) || delayMillis < 0) {
      throw new RangeError(
        `RetryLaterError: the delay must be a number of milliseconds, at least 0, not ${delayMillis}`,
      );
    }
  }
}

/** What an exception filter returns to say: this failure is settled, treat the message as handled. */
export interface Acknowledgement {
  readonly [ACKNOWLEDGE]: true;
}

const acknowledgement: Acknowledgement = Object.freeze({ [ACKNOWLEDGE]: true as const });

export const Settle = {
  /** Returned by an exception filter: acknowledge the message although its handler failed. */
  acknowledge(): Acknowledgement {
    return acknowledgement;
  },
} as const;

export function isAcknowledgement(value: unknown): value is Acknowledgement {
  return hasMark(value, ACKNOWLEDGE);
}

export function isRejection(error: unknown): error is RejectMessageError {
  return hasMark(error, REJECT);
}

export function isRetryLater(error: unknown): error is RetryLaterError {
  return hasMark(error, RETRY_LATER);
}

function hasMark(value: unknown, mark: symbol): boolean {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[mark] === true;
}
