import type { OutgoingMessage } from '../../client/index.js';
import { MAX_DELAY_LEVEL, MessagingError } from '../../protocol/index.js';
import { describeValue, durationMillis } from '../payload/index.js';

/**
 * When a delayed message becomes visible: `'30m'` (ms, s, m, h, d), milliseconds from now, a `Date`, or one of
 * RocketMQ's 18 levels (`{ level: 3 }` is 10 s). A date that has passed means at once.
 *
 * @publicApi
 */
export type DeliveryTime = string | number | Date | { readonly level: number };

export function deliveryDelay(when: DeliveryTime, now: number): NonNullable<OutgoingMessage['delay']> {
  if (when instanceof Date) {
    if (!Number.isNaN(when.getTime())) return { deliverAt: when.getTime() };
  } else if (typeof when === 'object' && when !== null) {
    const { level } = when;
    if (Number.isInteger(level) && level >= 1 && level <= MAX_DELAY_LEVEL) return { level };
    throw new MessagingError(
      'BAD_ARGUMENT',
      `delay: level must be 1 to ${MAX_DELAY_LEVEL}, not ${describeValue(level)}`,
    );
  } else {
    const millis = durationMillis(when);
    if (millis !== undefined) return { deliverAt: Math.ceil(now + millis) };
  }
  throw new MessagingError(
    'BAD_ARGUMENT',
    `delay: ${describeValue(when)} is no time; give "30m" (ms, s, m, h, d), milliseconds, a Date or { level: 1 to 18 }`,
  );
}
