import {
  AlikeBatch,
  BodyCopies,
  checkTopic,
  DELAY_LEVELS,
  ExtensionProperty,
  isReservedProperty,
  isSendableTopic,
  LIMITS,
  MAX_DELAY_LEVEL,
  MessagingError,
  PropertyName,
  type UniqueIdSource,
} from '../../protocol/index.js';
import { BodyRows } from './body-rows.js';
import type { OutgoingMessage } from './messages.js';
import type { SentAgain } from './sent-again.js';
import { SendUnit } from './send-unit.js';

const TOPICS_REMEMBERED = 10_000;
const TAGS_REMEMBERED = 1000;

/** Checks what is to be sent, before anything is: a typed error here costs no round trip and leaves no trace. */
export class MessagePreparer {
  /** Topics whose name is fine. Bounded, since names may be made up per message. */
  private readonly topics = new Set<string>();
  private readonly copies = new BodyCopies();
  /** What the bodies of batches are copied into. */
  readonly rows = new BodyRows();
  /** By what precedes the tag, then by tag. Bounded for the same reason. */
  private readonly rests = new Map<string, Map<string, string>>();

  constructor(
    private readonly ids: UniqueIdSource,
    private readonly maxMessageBytes: number,
    private readonly compressOverBytes: number,
    private readonly now: () => number,
    private readonly namespace?: string,
  ) {}

  /** @param begun When the call came, on the monotonic clock. */
  prepare(
    message: OutgoingMessage,
    begun: number,
    deadline: number,
    retries: number,
    transactionGroup?: string,
  ): SendUnit {
    const { topic, body } = message;
    if (!this.topics.has(topic)) this.checkNewTopic(topic);
    this.checkBody(topic, body);
    // Whole, so that it needs no box of its own on the heap while thousands wait.
    const begunAt = Math.floor(begun);
    const { ids } = this;
    const messageId = message.messageId ?? ids.next(begunAt);
    const rest = transactionGroup === undefined && isPlain(message) ? this.restOf(message) : undefined;
    const properties =
      rest === undefined ? encodeMessageProperties(message, messageId, transactionGroup, this.now) : '';
    // The caller's buffer may change while the message waits for its turn, for the socket or for another attempt.
    const unit = new SendUnit(topic, this.copies.copy(body), properties, messageId, begunAt, deadline, retries);
    if (rest !== undefined) {
      unit.idBegin = ids.idBegin;
      unit.idEnd = ids.idEnd;
      unit.rest = rest;
    }
    unit.shardingKey = message.shardingKey;
    unit.dedupId = message.dedupId;
    unit.compressible = body.length >= this.compressOverBytes;
    unit.transactionGroup = transactionGroup;
    const { delay } = message;
    if (delay !== undefined) {
      unit.delayed = true;
      if ('deliverAt' in delay) unit.deliverAt = delay.deliverAt;
    }
    return unit;
  }

  /**
   * The messages of a batch where they differ in nothing but their bodies; undefined, and nothing done, where they do not, or
   * where one of them cannot be sent. A batch of a hundred costs a third less without an object for each.
   */
  prepareAlike(messages: readonly OutgoingMessage[], begun: number): AlikeBatch | undefined {
    const first = messages[0];
    if (first === undefined || !this.topics.has(first.topic) || !isPlain(first)) return undefined;
    const { topic, contentType, tag } = first;
    let bytes = 0;
    for (const message of messages) {
      const { body } = message;
      if (message.topic !== topic || message.contentType !== contentType || message.tag !== tag) return undefined;
      if (!isPlain(message) || !(body instanceof Uint8Array) || body.length === 0) return undefined;
      bytes += body.length;
    }
    // Said of the one that is too large, or of all of them.
    if (bytes > this.maxMessageBytes) return undefined;
    const rest = this.restOf(first);
    const bodies = this.rows.take(bytes, messages.length);
    for (const { body } of messages) bodies.add(body);
    this.ids.take(messages.length, Math.floor(begun));
    return new AlikeBatch(this.ids.idBegin, this.ids.idEnd, rest, bodies);
  }

  /** Throws what `prepare` would throw, for a message that is sent later. */
  check(message: OutgoingMessage): void {
    const { topic, body } = message;
    if (!this.topics.has(topic)) this.checkNewTopic(topic);
    this.checkBody(topic, body);
    encodeMessageProperties(message, message.messageId ?? this.ids.next(), undefined, this.now);
  }

  /** @internal A resend or a replay. Its body is taken as it is. */
  again(message: SentAgain, begun: number, deadline: number, retries: number): SendUnit {
    const { topic, body, shardingKey } = message;
    if (!this.topics.has(topic)) this.checkNewTopic(topic);
    const messageId = this.ids.next();
    const properties = entry(PropertyName.UNIQUE_KEY, messageId) + message.properties;
    checkSize(properties);
    const unit = new SendUnit(topic, body, properties, messageId, Math.floor(begun), deadline, retries);
    unit.shardingKey = shardingKey;
    unit.compressible = body.length >= this.compressOverBytes;
    return unit;
  }

  /** What follows the id of messages with nothing but a content type and a tag: the same string for the same two. */
  private restOf({ contentType, tag }: OutgoingMessage): string {
    const end = endOfId(contentType);
    if (tag === undefined || tag === '') return end;
    let ofType = this.rests.get(end);
    if (ofType === undefined) this.rests.set(end, (ofType = new Map<string, string>()));
    let rest = ofType.get(tag);
    if (rest === undefined) {
      rest = flat(end + entry(PropertyName.TAGS, checkTag(tag)));
      if (ofType.size >= TAGS_REMEMBERED) ofType.clear();
      ofType.set(tag, rest);
    }
    return rest;
  }

  private checkNewTopic(topic: string): void {
    checkTopic(topic, this.namespace);
    if (!isSendableTopic(topic)) {
      throw new MessagingError('NO_PERMISSION', `The topic ${topic} belongs to the broker; nothing can be sent to it`);
    }
    if (this.topics.size >= TOPICS_REMEMBERED) this.topics.clear();
    this.topics.add(topic);
  }

  private checkBody(topic: string, body: Buffer): void {
    if (!(body instanceof Uint8Array)) {
      throw new MessagingError('BAD_ARGUMENT', `The body of a message to ${topic} must be a Buffer`);
    }
    if (body.length > this.maxMessageBytes) {
      throw new MessagingError(
        'MESSAGE_TOO_LARGE',
        `A message to ${topic} has ${body.length} bytes; at most ${this.maxMessageBytes} are allowed. Store it elsewhere and send a reference`,
      );
    }
    if (body.length === 0) {
      throw new MessagingError('BAD_ARGUMENT', `A message to ${topic} has an empty body; RocketMQ knows none`);
    }
  }
}

const UNIQUE_KEY_NAME = `${PropertyName.UNIQUE_KEY}\x01`;
const AFTER_ID = flat(`\x02${PropertyName.WAIT_STORE_MSG_OK}\x01true\x02`);
const AFTER_ID_BY_TYPE: ReadonlyMap<string, string> = new Map(
  ['text', 'json', 'binary'].map((type) => [type, flat(`${AFTER_ID}${ExtensionProperty.CONTENT_TYPE}\x01${type}\x02`)]),
);

/** In one piece: whoever reads a text that was put together of others makes it one first. */
function flat(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

/** Whether nothing but content type and tag follows an id that is made here: then many messages share what does. */
function isPlain(message: OutgoingMessage): boolean {
  return (
    message.messageId === undefined &&
    message.keys === undefined &&
    message.properties === undefined &&
    message.shardingKey === undefined &&
    message.delay === undefined &&
    message.expiresAt === undefined &&
    message.dedupId === undefined &&
    message.request === undefined
  );
}

/** What follows the id of every message: put together once, not per message. */
function endOfId(contentType: string | undefined): string {
  if (contentType === undefined) return AFTER_ID;
  const text = AFTER_ID_BY_TYPE.get(contentType);
  if (text === undefined) throw noContentType(contentType);
  return text;
}

function encodeMessageProperties(
  message: OutgoingMessage,
  messageId: string,
  transactionGroup: string | undefined,
  now: () => number,
): string {
  const { tag, keys, properties, contentType, shardingKey, delay } = message;
  let text = UNIQUE_KEY_NAME + messageId + endOfId(contentType);
  if (tag !== undefined && tag !== '') text += entry(PropertyName.TAGS, checkTag(tag));
  if (keys !== undefined && keys.length > 0) text += entry(PropertyName.KEYS, joinKeys(keys));
  if (shardingKey !== undefined) {
    if (shardingKey === '') throw invalid('The sharding key is empty; leave it out, or name what is to stay in order');
    text += entry('__SHARDINGKEY', shardingKey);
  }
  if (transactionGroup !== undefined) {
    if (delay !== undefined) throw delayedTransaction(message.topic);
    if (message.dedupId !== undefined) throw deduplicated('A transactional message', message.topic);
    text += entry(PropertyName.TRANSACTION_PREPARED, 'true') + entry(PropertyName.PRODUCER_GROUP, transactionGroup);
  }
  if (delay !== undefined) text += delayEntry(delay);
  if (message.expiresAt !== undefined) text += expiryEntry(message, now);
  if (message.dedupId !== undefined) {
    if (message.request !== undefined) throw deduplicated('A request', message.topic);
    text += entry(ExtensionProperty.DEDUP_ID, checkDedupId(message.dedupId));
  }
  if (message.request !== undefined) text += requestEntries(message.request);
  if (properties !== undefined) text += encodeOwn(properties);
  checkSize(text);
  return text;
}

function encodeOwn(properties: Readonly<Record<string, string>>): string {
  let text = '';
  for (const name of Object.keys(properties)) {
    const value = properties[name];
    if (value === undefined) continue;
    if (typeof value !== 'string') throw invalid(`The property ${name} must be a string, not ${typeof value}`);
    if (name === ExtensionProperty.CONTENT_TYPE) endOfId(value);
    else if (isReservedProperty(name)) {
      throw invalid(`The property name ${name} is reserved; choose another, or use the option that it stands for`);
    }
    text += entry(name, value);
  }
  return text;
}

function entry(name: string, value: string): string {
  if (name === '' || value === '') {
    throw invalid(
      `The property ${JSON.stringify(name)} has no ${name === '' ? 'name' : 'value'}; leave it out, readers drop it`,
    );
  }
  if (hasSeparator(name) || hasSeparator(value)) {
    throw invalid(
      `The property ${JSON.stringify(name)} has a character 0x01 or 0x02, which separate properties; encode it`,
    );
  }
  return `${name}\x01${value}\x02`;
}

function requestEntries({ correlationId, replyTo, ttlMillis }: NonNullable<OutgoingMessage['request']>): string {
  const { CORRELATION_ID, REPLY_TO_CLIENT, TTL } = PropertyName;
  return entry(CORRELATION_ID, correlationId) + entry(REPLY_TO_CLIENT, replyTo) + entry(TTL, String(ttlMillis));
}

function hasSeparator(text: string): boolean {
  return text.includes('\x01') || text.includes('\x02');
}

function checkTag(tag: string): string {
  if (tag.includes('||') || tag === '*' || tag !== tag.trim()) {
    throw invalid(
      `The tag ${JSON.stringify(tag)} could not be subscribed to: one tag without "||", "*" and outer spaces`,
    );
  }
  return tag;
}

function joinKeys(keys: readonly string[]): string {
  for (const key of keys) {
    if (typeof key !== 'string' || key === '' || /\s/.test(key)) {
      throw invalid(`The key ${JSON.stringify(key)} is empty or has white space, which separates keys`);
    }
  }
  return keys.join(' ');
}

function checkDedupId(id: string): string {
  if (typeof id === 'string' && id !== '' && Buffer.byteLength(id) <= LIMITS.dedupIdBytes) return id;
  throw invalid(`The dedupId must be a text of 1 to ${LIMITS.dedupIdBytes} bytes`);
}

/** @internal Also for batches. */
export function deduplicated(what: string, topic: string): MessagingError {
  return new MessagingError(
    'BAD_ARGUMENT',
    `${what} to ${topic} has a dedupId; only messages that are sent one by one, delayed ones included, are de-duplicated`,
  );
}

function noContentType(type: string): MessagingError {
  return invalid(`The content type ${JSON.stringify(type)} is none of text, json, binary`);
}

function delayEntry(delay: NonNullable<OutgoingMessage['delay']>): string {
  if ('level' in delay) {
    if (!Number.isInteger(delay.level) || delay.level < 1 || delay.level > MAX_DELAY_LEVEL) {
      throw new MessagingError('BAD_ARGUMENT', `The delay level ${delay.level} is none of 1 to ${MAX_DELAY_LEVEL}`);
    }
    return entry(PropertyName.DELAY_TIME_LEVEL, String(delay.level));
  }
  if (!Number.isSafeInteger(delay.deliverAt) || delay.deliverAt < 0) {
    throw new MessagingError(
      'BAD_ARGUMENT',
      `The delivery time ${delay.deliverAt} is no time in milliseconds since 1970`,
    );
  }
  return entry(PropertyName.TIMER_DELIVER_MS, String(delay.deliverAt));
}

function expiryEntry({ topic, expiresAt, delay }: OutgoingMessage, now: () => number): string {
  if (!Number.isSafeInteger(expiresAt) || expiresAt! <= 0) {
    throw new MessagingError(
      'BAD_ARGUMENT',
      `The expiry ${expiresAt} of a message to ${topic} is no time in milliseconds since 1970`,
    );
  }
  if (delay !== undefined) {
    const visible = 'level' in delay ? now() + DELAY_LEVELS[delay.level - 1]! : delay.deliverAt;
    if (expiresAt! <= visible) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `A message to ${topic} would expire before it is delivered: its expiry is counted from the send, as its delay is`,
      );
    }
  }
  return entry(ExtensionProperty.EXPIRES_AT, String(expiresAt));
}

// The broker refuses more: the rest of what a record holds is for what it adds itself (origin, reason of a failure).
// A UTF-16 unit takes 3 bytes at the most: the usual short string needs no counting.
function checkSize(text: string): void {
  if (text.length * 3 <= LIMITS.userPropertiesBytes) return;
  const bytes = Buffer.byteLength(text);
  if (bytes <= LIMITS.userPropertiesBytes) return;
  throw invalid(
    `Properties, tag, keys and id take ${bytes} bytes; at most ${LIMITS.userPropertiesBytes} are allowed. Put large values into the body`,
  );
}

function delayedTransaction(topic: string): MessagingError {
  return new MessagingError(
    'BAD_ARGUMENT',
    `A transactional message to ${topic} cannot be delayed; let its listener, or the code behind the commit, send the delayed one`,
  );
}

function invalid(message: string): MessagingError {
  return new MessagingError('PROPERTIES_INVALID', message);
}
