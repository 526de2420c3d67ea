import {
  decodeProperties,
  encodeProperties,
  ExtensionProperty,
  getProperty,
  isReservedProperty,
  PropertyName,
} from '../../protocol/index.js';

/** A message that was stored before and is sent once more because somebody asked for it: a resend or a replay. */
export interface SentAgain {
  readonly topic: string;
  /** Uncompressed, and nobody changes it. */
  readonly body: Buffer;
  /** Wire form without an id: it gets one of its own. */
  readonly properties: string;
  /** Keeps its place among the messages of the key; left out for one that goes to a single group. */
  readonly shardingKey: string | undefined;
}

/**
 * What stays with a message when it is sent again, beside the sender's own properties. Not its expiry, which would keep
 * it from being handled, nor its de-duplication id, by which it would be dropped, nor whom a request expected a reply.
 */
const KEPT: ReadonlySet<string> = new Set([
  PropertyName.KEYS,
  PropertyName.TAGS,
  PropertyName.SHARDING_KEY,
  PropertyName.TRACE_CONTEXT,
  PropertyName.TRACE_SWITCH,
  PropertyName.MSG_REGION,
  ExtensionProperty.CONTENT_TYPE,
]);

/** The value of KEEP_IDEMPOTENCY on a copy of what was sent once only. Stamps have a colon in them. */
export const ORIGINAL = 'original';

/** For a copy that is to count as the stored message itself: also when that is a copy which counts by its own. */
export function keptIdempotency(stored: string): readonly [string, string] {
  const { KEEP_IDEMPOTENCY, RESENT, REPLAYED } = ExtensionProperty;
  const stamp = getProperty(stored, RESENT) ?? getProperty(stored, REPLAYED);
  return [KEEP_IDEMPOTENCY, stamp === undefined ? ORIGINAL : (getProperty(stored, KEEP_IDEMPOTENCY) ?? stamp)];
}

/** The properties of the stored message for another send, with the stamp and whatever else is given. */
export function againProperties(
  stored: string,
  /** The id of this copy where the broker has it, for one whose sender gave it none. */
  storedId: string,
  more: readonly (readonly [string, string | number | undefined])[],
): string {
  const properties = decodeProperties(stored);
  const { ORIGIN_MESSAGE_ID, UNIQUE_KEY } = PropertyName;
  const ownId = properties.get(UNIQUE_KEY) ?? properties.get(ORIGIN_MESSAGE_ID) ?? storedId;
  const originId = properties.get(ExtensionProperty.ORIGIN_ID) ?? ownId;
  for (const name of properties.keys()) if (isReservedProperty(name) && !KEPT.has(name)) properties.delete(name);
  properties.set(PropertyName.WAIT_STORE_MSG_OK, 'true');
  properties.set(ExtensionProperty.ORIGIN_ID, originId);
  for (const [name, value] of more) if (value !== undefined && value !== '') properties.set(name, String(value));
  return encodeProperties(properties);
}
