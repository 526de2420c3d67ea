import { EXTENSION_PREFIX, ExtensionProperty, PropertyName } from '../protocol/index.js';

/** What the names among a message's properties say, as bits of one number. */
export const PropertyTrait = {
  /** Something only a broker may write. */
  FORGED: 1,
  /** Bookkeeping of a retry: honest on a send to the group's own retry topic, forged anywhere else. */
  RETRY: 2,
  DELAY_LEVEL: 4,
  TIMER: 8,
  TRANSACTION: 16,
  UNIQUE_KEY: 32,
  /** A request that wants a reply, or the reply. */
  REPLY: 64,
  /** An id for de-duplication. */
  DEDUP: 128,
  /** Sent again by an order of an administrator: de-duplication lets it pass. */
  AGAIN: 256,
  /** Where it was first stored. */
  REGION: 512,
} as const;

const NAME_END = '\x01';
const VALUE_END = '\x02';
const FIRST_OF_EXTENSIONS = EXTENSION_PREFIX.charCodeAt(0);

const TRAITS: ReadonlyMap<string, number> = new Map<string, number>([
  [PropertyName.CRC32, PropertyTrait.FORGED],
  [PropertyName.REAL_TOPIC, PropertyTrait.FORGED],
  [PropertyName.REAL_QUEUE_ID, PropertyTrait.FORGED],
  [PropertyName.POP_CK, PropertyTrait.FORGED],
  [PropertyName.POP_CK_OFFSET, PropertyTrait.FORGED],
  [PropertyName.FIRST_POP_TIME, PropertyTrait.FORGED],
  [PropertyName.TIMER_OUT_MS, PropertyTrait.FORGED],
  [PropertyName.TIMER_ENQUEUE_MS, PropertyTrait.FORGED],
  [PropertyName.TIMER_DEQUEUE_MS, PropertyTrait.FORGED],
  [PropertyName.TIMER_ROLL_TIMES, PropertyTrait.FORGED],
  [PropertyName.TIMER_DEL_UNIQKEY, PropertyTrait.FORGED],
  [PropertyName.INNER_NUM, PropertyTrait.FORGED],
  [PropertyName.INNER_BASE, PropertyTrait.FORGED],
  [PropertyName.INNER_MULTI_DISPATCH, PropertyTrait.FORGED],
  [PropertyName.INNER_MULTI_QUEUE_OFFSET, PropertyTrait.FORGED],
  [PropertyName.MIN_OFFSET, PropertyTrait.FORGED],
  [PropertyName.MAX_OFFSET, PropertyTrait.FORGED],
  [PropertyName.TRANSACTION_PREPARED_QUEUE_OFFSET, PropertyTrait.FORGED],
  [PropertyName.RETRY_TOPIC, PropertyTrait.RETRY],
  [PropertyName.ORIGIN_MESSAGE_ID, PropertyTrait.RETRY],
  [PropertyName.RECONSUME_TIME, PropertyTrait.RETRY],
  [PropertyName.MAX_RECONSUME_TIMES, PropertyTrait.RETRY],
  [ExtensionProperty.FIRST_FAILED_AT, PropertyTrait.RETRY],
  [ExtensionProperty.ORIGIN_QUEUE_ID, PropertyTrait.RETRY],
  [ExtensionProperty.ORIGIN_QUEUE_OFFSET, PropertyTrait.RETRY],
  [ExtensionProperty.DLQ_ERROR_CLASS, PropertyTrait.RETRY],
  [ExtensionProperty.DLQ_ERROR_MESSAGE, PropertyTrait.RETRY],
  [ExtensionProperty.CONTENT_TYPE, 0],
  [ExtensionProperty.EXPIRES_AT, 0],
  [ExtensionProperty.DEDUP_ID, PropertyTrait.DEDUP],
  [ExtensionProperty.RESENT, PropertyTrait.AGAIN],
  [ExtensionProperty.REPLAYED, PropertyTrait.AGAIN],
  [ExtensionProperty.ORIGIN_ID, 0],
  [ExtensionProperty.KEEP_IDEMPOTENCY, 0],
  [PropertyName.DELAY_TIME_LEVEL, PropertyTrait.DELAY_LEVEL],
  [PropertyName.TIMER_DELAY_SEC, PropertyTrait.TIMER],
  [PropertyName.TIMER_DELAY_MS, PropertyTrait.TIMER],
  [PropertyName.TIMER_DELIVER_MS, PropertyTrait.TIMER],
  [PropertyName.TRANSACTION_PREPARED, PropertyTrait.TRANSACTION],
  [PropertyName.UNIQUE_KEY, PropertyTrait.UNIQUE_KEY],
  [PropertyName.REPLY_TO_CLIENT, PropertyTrait.REPLY],
  [PropertyName.MSG_REGION, PropertyTrait.REGION],
]);

/** Which characters a name with traits can begin with: the others are passed over without cutting the name out. */
const FIRST_CHARACTERS = new Uint8Array(128);
for (const name of TRAITS.keys()) FIRST_CHARACTERS[name.charCodeAt(0)] = 1;
FIRST_CHARACTERS[FIRST_OF_EXTENSIONS] = 1;

/** What nearly every message has: known without cutting the name out. */
const USUAL_ID = `${PropertyName.UNIQUE_KEY}${NAME_END}`;
const USUAL_TYPE = `${ExtensionProperty.CONTENT_TYPE}${NAME_END}`;

function traitsOf(name: string): number {
  const known = TRAITS.get(name);
  if (known !== undefined) return known;
  return name.charCodeAt(0) === FIRST_OF_EXTENSIONS && name.startsWith(EXTENSION_PREFIX) ? PropertyTrait.FORGED : 0;
}

/** One pass over the names, without a map: a few hundred nanoseconds for the handful that a message carries. */
export function scanProperties(text: string): number {
  let traits = 0;
  for (let at = 0; at < text.length;) {
    const found = text.indexOf(VALUE_END, at);
    const end = found < 0 ? text.length : found;
    if (text.startsWith(USUAL_ID, at)) traits |= PropertyTrait.UNIQUE_KEY;
    else if (FIRST_CHARACTERS[text.charCodeAt(at)] === 1 && !text.startsWith(USUAL_TYPE, at)) {
      // A text without a name ends before the next name begins: it must not be taken for a part of it.
      const nameEnd = text.indexOf(NAME_END, at);
      if (nameEnd >= 0 && nameEnd < end) traits |= traitsOf(text.slice(at, nameEnd));
    }
    at = end + 1;
  }
  return traits;
}

/** The string without the entries that have any of these traits. Only called when a scan has found some. */
export function dropTraits(text: string, traits: number): string {
  let kept = '';
  for (let at = 0; at < text.length;) {
    const found = text.indexOf(VALUE_END, at);
    const end = found < 0 ? text.length : found + 1;
    const nameEnd = text.indexOf(NAME_END, at);
    if (nameEnd < 0) break;
    if (nameEnd < end && (traitsOf(text.slice(at, nameEnd)) & traits) === 0) kept += text.slice(at, end);
    at = end;
  }
  return kept;
}
