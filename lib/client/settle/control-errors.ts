// Marks that survive two copies of this package in one process, where `instanceof` would not.
const REJECT = Symbol.for('nestmq.RejectMessageError');
const RETRY_LATER = Symbol.for('nestmq.RetryLaterError');
const POSTPONE = Symbol.for('nestmq.PostponeError');
const ACKNOWLEDGE = Symbol.for('nestmq.Settle.acknowledge');

/** What is postponed is held in memory, and the group's position stays at it. */
const LONGEST_POSTPONEMENT = 24 * 60 * 60 * 1000;

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

/**
 * Thrown before or in a handler: not now. This member keeps the message, unsettled, and calls the listener again in
 * `delayMillis`; it does not count as an attempt, so nothing but its expiry ends it. In orderly mode the queue waits. A
 * member that stops, or whose queue is taken away, leaves the message to the others. Where no second call can follow, at
 * most once and for a request that nobody waits for then, it is a failure.
 */
export class PostponeError extends Error {
  override readonly name = 'PostponeError';
  readonly [POSTPONE] = true;
  /** Whether the listener takes nothing new until the delay is over. */
  readonly suspendListener: boolean;

  /** @param delayMillis Milliseconds, at least 0, at most a day. */
  constructor(
    readonly delayMillis: number,
    reason = `postponed by ${delayMillis} ms`,
    { suspendListener = false, cause }: { suspendListener?: boolean; cause?: unknown } = {},
  ) {
    super(reason, cause === undefined ? undefined : { cause });
    this.suspendListener = suspendListener;
    if (!(delayMillis >= 0 && delayMillis <= LONGEST_POSTPONEMENT)) {
      throw new RangeError(
        `PostponeError: the delay must be a number of milliseconds, at least 0 and at most ${LONGEST_POSTPONEMENT}, not ${delayMillis}`,
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

export function isPostponement(error: unknown): error is PostponeError {
  return hasMark(error, POSTPONE);
}

function hasMark(value: unknown, mark: symbol): boolean {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[mark] === true;
}
