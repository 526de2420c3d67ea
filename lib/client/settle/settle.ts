import type { Reply } from '../requests/reply.js';
import { MessagingError } from '../../protocol/index.js';
import { isPostponement, isRejection, isRetryLater } from './control-errors.js';

/** Where the failure came from: before the handler was entered (decoding, pipes, guards) or from the handler itself. */
export type Stage = 'before-handler' | 'handler';

/** What becomes of a delivered message. */
export type Settlement =
  | {
      readonly kind: 'acknowledge';
      /** To a request: what is replied; nothing stands for undefined. */ readonly reply?: Reply;
    }
  | { readonly kind: 'retry'; readonly delayMillis?: number; readonly error: unknown }
  | { readonly kind: 'dead-letter'; readonly error: unknown }
  | Postponement;

/** Neither acknowledged nor given back: this member keeps the message and calls the listener again. Not an attempt. */
export interface Postponement {
  readonly kind: 'postpone';
  readonly delayMillis: number;
  /** The listener takes nothing new until then. */
  readonly suspendListener: boolean;
  readonly error: unknown;
}

/** What settles a message, or gives it another attempt. */
export type FinalSettlement = Exclude<Settlement, Postponement>;

export const ACKNOWLEDGED: FinalSettlement = Object.freeze({ kind: 'acknowledge' });

/**
 * The one decision what a settled delivery means.
 *
 * | stage          | outcome                                           | meaning                |
 * |----------------|---------------------------------------------------|------------------------|
 * | either         | no error                                          | acknowledge            |
 * | either         | RejectMessageError                                | dead letter            |
 * | either         | RetryLaterError(ms)                               | retry in ms            |
 * | either         | PostponeError(ms)                                 | postpone by ms         |
 * | before-handler | UNDECODABLE, or a status below 500 (HttpException)| dead letter            |
 * | before-handler | anything else                                     | retry                  |
 * | handler        | any other error                                   | retry                  |
 *
 * @param statusOf The HTTP-like status of an error, undefined when it has none.
 */
export function decide(stage: Stage, error: unknown, statusOf: (error: unknown) => number | undefined): Settlement {
  if (error === undefined) return ACKNOWLEDGED;
  if (isRejection(error)) return { kind: 'dead-letter', error };
  if (isRetryLater(error)) return { kind: 'retry', delayMillis: error.delayMillis, error };
  if (isPostponement(error)) {
    const { delayMillis, suspendListener } = error;
    return { kind: 'postpone', delayMillis, suspendListener, error };
  }
  if (stage === 'before-handler') {
    if (error instanceof MessagingError && error.code === 'UNDECODABLE') return { kind: 'dead-letter', error };
    const status = statusOf(error);
    if (status !== undefined && status < 500) return { kind: 'dead-letter', error };
  }
  return { kind: 'retry', error };
}

/** How much of an error's message travels with a retry or dead letter; properties have 32,767 bytes in all. */
export const REASON_MESSAGE_CHARS = 1000;

/** What a retry or dead letter says about its failure. */
export interface FailureReason {
  errorClass: string;
  message: string;
  /** Milliseconds since 1970. */
  firstFailedAt: number;
  /** With this one. An orderly queue tries again where it is, so its broker cannot count them. */
  attempts: number;
}

export function failureReason(error: unknown, firstFailedAt: number, attempts: number): FailureReason {
  const name = error instanceof Error ? error.constructor?.name || error.name : typeof error;
  return {
    errorClass: clip(asText(name), 200),
    message: clip(reasonText(error), REASON_MESSAGE_CHARS),
    firstFailedAt,
    attempts,
  };
}

/** What a thrown value says. Never throws itself: anything may be thrown, with any `message` and any `toString`. */
export function reasonText(error: unknown): string {
  return asText(error instanceof Error ? error.message : error);
}

function asText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'a value that cannot be shown';
  }
}

// The separators of the properties string would cut the reason, half a surrogate pair would not survive UTF-8.
function clip(text: string, limit: number): string {
  // oxlint-disable-next-line no-control-regex
  const clean = text.replace(/[\u0001\u0002]/g, ' ');
  return clean.length <= limit ? clean : clean.slice(0, limit).replace(/[\uD800-\uDBFF]$/, '');
}
