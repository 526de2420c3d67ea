import { option } from './check-options.js';
import type { DeadLetter } from './dead-letter.js';

/** Which dead letters are meant; what is left out matches all. @publicApi */
export interface DeadLetterFilter {
  /** The topic that the message was sent to. */
  topic?: string;
  tag?: string;
  /** Class of the last error, as `TypeError`. */
  errorClass?: string;
  /** Given up at this time or later. */
  since?: Date;
  /** Given up before this time. */
  until?: Date;
  /** Anything else. Called with what the other conditions have left over. */
  where?: (letter: DeadLetter) => boolean;
}

export const FILTER_RULES = {
  topic: option.text,
  tag: option.text,
  errorClass: option.text,
  since: option.date,
  until: option.date,
  where: option.callback,
} as const;

export function matches(letter: DeadLetter, filter: DeadLetterFilter): boolean {
  const { topic, tag, errorClass, since, until, where } = filter;
  const failed = letter.lastFailedAt.getTime();
  return (
    (topic === undefined || letter.topic === topic) &&
    (tag === undefined || letter.tag === tag) &&
    (errorClass === undefined || letter.errorClass === errorClass) &&
    (since === undefined || failed >= since.getTime()) &&
    (until === undefined || failed < until.getTime()) &&
    (where === undefined || where(letter))
  );
}
