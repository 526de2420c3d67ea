import {
  decodeProperties,
  encodeProperties,
  ExtensionProperty,
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

/** The properties of the stored message for another send, with the stamp and whatever else is given. */
export function againProperties(
  stored: string,
  more: readonly (readonly [string, string | number | undefined])[],
): string {
  const properties = decodeProperties(stored);
  const originId = properties.get(ExtensionProperty.ORIGIN_ID) ?? properties.get(PropertyName.UNIQUE_KEY);
  for (const name of properties.keys()) if (isReservedProperty(name) && !KEPT.has(name)) properties.delete(name);
  properties.set(PropertyName.WAIT_STORE_MSG_OK, 'true');
  if (originId !== undefined) properties.set(ExtensionProperty.ORIGIN_ID, originId);
  for (const [name, value] of more) if (value !== undefined && value !== '') properties.set(name, String(value));
  return encodeProperties(properties);
}
