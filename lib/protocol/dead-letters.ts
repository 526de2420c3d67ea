import { ExtensionProperty } from './extensions.js';
import { LIMITS } from './names.js';
import { encodeProperties } from './properties.js';
import { PropertyName } from './property-names.js';
import { PARKING_PROPERTIES } from './timer-properties.js';

/** What the client says about the failure, as it comes in a send-back. */
export interface FailureReason {
  errorClass?: string;
  message?: string;
  /** Milliseconds since 1970. */
  firstFailedAt?: number;
  attempts?: number;
}

/** Where the group first met the message, and since when it fails. Survives the whole ladder of retries. */
export interface Origin {
  topic: string;
  /** Unknown for what Java clients send to the retry topic by themselves. */
  queueId: number | undefined;
  queueOffset: number | undefined;
  messageId: string | undefined;
  firstFailedAt: number;
}

/** Where a message lay when it failed. */
export interface Place {
  topic: string;
  queueId?: number;
  queueOffset?: number;
  messageId?: string;
}

/** Room that the broker's own properties need in a record beside the ones below. */
const ROOM = 256;
const LONGEST_ERROR_CLASS = 200;

/** Properties of an earlier delivery that must not live on in the next one. */
const SPENT: readonly string[] = [
  ...PARKING_PROPERTIES,
  PropertyName.REAL_TOPIC,
  PropertyName.REAL_QUEUE_ID,
  PropertyName.CRC32,
  PropertyName.RECONSUME_TIME,
  PropertyName.MAX_RECONSUME_TIMES,
];

/** Reads what a client says; anything but an object of the right shape counts as nothing said. */
export function parseReason(json: string | undefined): FailureReason {
  if (json === undefined) return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return { message: json };
  }
  if (typeof parsed !== 'object' || parsed === null) return {};
  const { errorClass, message, firstFailedAt, attempts } = parsed as Record<string, unknown>;
  return {
    errorClass: typeof errorClass === 'string' ? errorClass : undefined,
    message: typeof message === 'string' ? message : undefined,
    firstFailedAt: isPositive(firstFailedAt) ? firstFailedAt : undefined,
    attempts: isPositive(attempts) ? attempts : undefined,
  };
}

/** Where the message came from, whether it fails for the first or the tenth time. */
export function originOf(
  place: Place,
  properties: ReadonlyMap<string, string>,
  reason: FailureReason,
  now: number,
): Origin {
  return {
    topic: properties.get(PropertyName.RETRY_TOPIC) ?? place.topic,
    queueId: whole(properties.get(ExtensionProperty.ORIGIN_QUEUE_ID)) ?? place.queueId,
    queueOffset: whole(properties.get(ExtensionProperty.ORIGIN_QUEUE_OFFSET)) ?? place.queueOffset,
    messageId: properties.get(PropertyName.ORIGIN_MESSAGE_ID) ?? place.messageId,
    firstFailedAt: whole(properties.get(ExtensionProperty.FIRST_FAILED_AT)) ?? reason.firstFailedAt ?? now,
  };
}

/** The message's own properties, for the next attempt. */
export function retryProperties(properties: ReadonlyMap<string, string>, origin: Origin): string {
  const kept = cleaned(properties);
  set(kept, PropertyName.RETRY_TOPIC, origin.topic);
  set(kept, PropertyName.ORIGIN_MESSAGE_ID, origin.messageId);
  set(kept, ExtensionProperty.FIRST_FAILED_AT, origin.firstFailedAt);
  set(kept, ExtensionProperty.ORIGIN_QUEUE_ID, origin.queueId);
  set(kept, ExtensionProperty.ORIGIN_QUEUE_OFFSET, origin.queueOffset);
  return encodeProperties(kept);
}

/** The message's own properties and why it was given up; the reason is cut where the record has no room for it. */
export function deadLetterProperties(
  properties: ReadonlyMap<string, string>,
  origin: Origin,
  reason: FailureReason,
  attempts: number,
  now: number,
): string {
  const kept = cleaned(properties);
  kept.delete(ExtensionProperty.FIRST_FAILED_AT);
  kept.delete(ExtensionProperty.ORIGIN_QUEUE_ID);
  kept.delete(ExtensionProperty.ORIGIN_QUEUE_OFFSET);
  set(kept, PropertyName.RETRY_TOPIC, origin.topic);
  set(kept, PropertyName.ORIGIN_MESSAGE_ID, origin.messageId);
  set(kept, ExtensionProperty.DLQ_TOPIC, origin.topic);
  set(kept, ExtensionProperty.DLQ_QUEUE_ID, origin.queueId);
  set(kept, ExtensionProperty.DLQ_QUEUE_OFFSET, origin.queueOffset);
  set(kept, ExtensionProperty.DLQ_ATTEMPTS, attempts);
  set(kept, ExtensionProperty.DLQ_FIRST_FAILED_AT, origin.firstFailedAt);
  set(kept, ExtensionProperty.DLQ_LAST_FAILED_AT, now);
  set(kept, ExtensionProperty.DLQ_ERROR_CLASS, presentable(reason.errorClass ?? '', LONGEST_ERROR_CLASS));
  const text = encodeProperties(kept);
  const room = LIMITS.propertiesBytes - ROOM - Buffer.byteLength(text);
  const message = presentable(reason.message ?? '', room);
  return message === '' ? text : text + encodeProperties([[ExtensionProperty.DLQ_ERROR_MESSAGE, message]]);
}

function set(properties: Map<string, string>, name: string, value: string | number | undefined): void {
  if (value !== undefined && value !== '') properties.set(name, String(value));
}

function cleaned(properties: ReadonlyMap<string, string>): Map<string, string> {
  const kept = new Map(properties);
  for (const name of SPENT) kept.delete(name);
  return kept;
}

/** Without the characters that separate properties, and no longer than `bytes` in UTF-8. */
function presentable(text: string, bytes: number): string {
  if (bytes <= 0) return '';
  // Cut before encoding as well: the text comes from outside and may be megabytes long.
  const cut = text.slice(0, bytes).replaceAll(/[\u0001\u0002]/g, ' ');
  const encoded = Buffer.from(cut);
  if (encoded.length <= bytes) return cut;
  let end = bytes;
  while (end > 0 && (encoded[end]! & 0xc0) === 0x80) end--;
  return encoded.toString('utf8', 0, end);
}

function whole(text: string | undefined): number | undefined {
  const value = text === undefined || !/^\d{1,16}$/.test(text) ? Number.NaN : Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
