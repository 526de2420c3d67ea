import { MessagingError } from '../../protocol/index.js';
import { type Duration, describeValue, durationMillis } from '../payload/index.js';

/** When a message expires that is sent now, in milliseconds since 1970. */
export function expiryTime(expiresIn: Duration, now: number, verb: string): number {
  const millis = durationMillis(expiresIn);
  if (millis !== undefined && millis > 0) return Math.ceil(now + millis);
  throw new MessagingError(
    'BAD_ARGUMENT',
    `${verb}: expiresIn must be more than 0 milliseconds, or a text like "5m", not ${describeValue(expiresIn)}`,
  );
}
