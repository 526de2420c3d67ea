import {
  appendProperty,
  getProperty,
  MAX_DELAY_LEVEL,
  MessagingError,
  PropertyName,
  SCHEDULE_TOPIC,
  setProperty,
  TIMER_TOPIC,
} from '../protocol/index.js';
import type { StoreMessage } from '../store/index.js';
import { dropTraits, PropertyTrait } from './incoming-properties.js';

/** The last instant that a Date can name. */
const END_OF_TIME = 8.64e15;

/**
 * Parks a message that asks for a later delivery where the timers find it; its real topic and queue go along as
 * properties. A level wins over a timer, as in RocketMQ; a time that has passed means now.
 * @throws MessagingError PROPERTIES_INVALID for a delay that is no number.
 */
export function parkIfDelayed(message: StoreMessage, traits: number, now: number): void {
  if ((traits & PropertyTrait.DELAY_LEVEL) !== 0) {
    const level = wholeNumber(message.properties, PropertyName.DELAY_TIME_LEVEL);
    if (level !== undefined && level > 0) {
      message.properties = dropTraits(message.properties, PropertyTrait.TIMER);
      parkOnLevel(message, level);
      return;
    }
    message.properties = dropTraits(message.properties, PropertyTrait.DELAY_LEVEL);
  }
  if ((traits & PropertyTrait.TIMER) === 0) return;
  const deliverAt = timerOf(message.properties, now);
  message.properties = dropTraits(message.properties, PropertyTrait.TIMER);
  if (deliverAt !== undefined && deliverAt > now) parkUntil(message, deliverAt);
}

/** Parks on one of the 18 levels; the time counts from when it is stored. */
export function parkOnLevel(message: StoreMessage, level: number): void {
  const capped = Math.min(level, MAX_DELAY_LEVEL);
  message.properties = setProperty(message.properties, PropertyName.DELAY_TIME_LEVEL, String(capped));
  rememberDestination(message);
  message.topic = SCHEDULE_TOPIC;
  message.queueId = capped - 1;
}

/** Parks until an instant, in milliseconds since 1970; one beyond the calendar counts as its last. */
export function parkUntil(message: StoreMessage, deliverAt: number): void {
  rememberDestination(message);
  const instant = String(Math.min(deliverAt, END_OF_TIME));
  message.properties = appendProperty(message.properties, PropertyName.TIMER_OUT_MS, instant);
  message.topic = TIMER_TOPIC;
  message.queueId = 0;
}

function rememberDestination(message: StoreMessage): void {
  message.properties = appendProperty(
    appendProperty(message.properties, PropertyName.REAL_TOPIC, message.topic),
    PropertyName.REAL_QUEUE_ID,
    String(message.queueId),
  );
}

function timerOf(properties: string, now: number): number | undefined {
  const seconds = wholeNumber(properties, PropertyName.TIMER_DELAY_SEC);
  if (seconds !== undefined) return inReach(now + seconds * 1000);
  const milliseconds = wholeNumber(properties, PropertyName.TIMER_DELAY_MS);
  if (milliseconds !== undefined) return inReach(now + milliseconds);
  const deliverAt = wholeNumber(properties, PropertyName.TIMER_DELIVER_MS);
  return deliverAt === undefined ? undefined : inReach(deliverAt);
}

function inReach(instant: number): number {
  if (instant <= END_OF_TIME) return instant;
  throw new MessagingError(
    'PROPERTIES_INVALID',
    `A delivery at ${instant} ms since 1970 lies beyond the calendar; choose an earlier one.`,
  );
}

function wholeNumber(properties: string, name: string): number | undefined {
  const text = getProperty(properties, name);
  if (text === undefined) return undefined;
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new MessagingError(
    'PROPERTIES_INVALID',
    `The property ${name} must be a whole number, not ${JSON.stringify(text.slice(0, 40))}.`,
  );
}
