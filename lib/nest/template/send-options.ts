import type { OutgoingMessage, SendOptions as ProducerOptions } from '../../client/index.js';
import { LIMITS, MessagingError, isReservedProperty } from '../../protocol/index.js';
import { checkTag, type Destination } from './destination.js';
import { type Duration, describeValue, durationMillis } from '../payload/index.js';

/** @publicApi */
export interface MessageOptions {
  /** The message's tag, when the destination does not name it. */
  tag?: string;
  /** By these the message can be found later; without white space. */
  keys?: string | readonly string[];
  /** Own properties: strings, neither empty nor reserved names, 31 KiB in all. */
  properties?: Readonly<Record<string, string>>;
  /**
   * How long from now a handler may still get it: milliseconds or `'5m'`. Later it becomes a dead letter, unhandled.
   * Default: for ever.
   */
  expiresIn?: Duration;
}

/** @publicApi */
export interface SendOptions extends MessageOptions {
  /** For the send with all its attempts: milliseconds or `'5s'`. Default: the connection's (3 s). */
  timeout?: Duration;
  /**
   * By this id a topic that de-duplicates knows the message again: a second one is not stored, and its result is that of the
   * first. Refused by other topics, and for batches, transactions and requests.
   */
  dedupId?: string;
}

/** A request ends with its time-out: nothing else expires. @publicApi */
export type RequestOptions = Omit<SendOptions, 'expiresIn' | 'dedupId'>;

/** @publicApi */
export interface BatchOptions<T = unknown> extends Omit<SendOptions, 'dedupId'> {
  /** What one message of the batch has of its own; called once per payload. */
  each?: (payload: T, index: number) => MessageOptions | undefined;
  /** Whether more than one message holds (4 MiB) may be sent in several parts, each with a result. Default: false. */
  split?: boolean;
}

/** @publicApi */
export interface TransactionOptions<A = unknown> extends Omit<SendOptions, 'dedupId'> {
  /** Handed to `execute` as its second argument. */
  arg?: A;
  /** As with `sendOrderly`: committed messages with the same key reach the same queue, in the order of their commits. */
  key?: string;
}

export const MESSAGE_OPTIONS: readonly string[] = ['tag', 'keys', 'properties', 'expiresIn'];
const COMMON_OPTIONS: readonly string[] = [...MESSAGE_OPTIONS, 'timeout'];
export const SEND_OPTIONS: readonly string[] = [...COMMON_OPTIONS, 'dedupId'];
export const REQUEST_OPTIONS = COMMON_OPTIONS.filter((name) => name !== 'expiresIn');
export const TRANSACTION_OPTIONS: readonly string[] = [...COMMON_OPTIONS, 'arg', 'key'];
export const OUTBOX_OPTIONS: readonly string[] = [...MESSAGE_OPTIONS, 'dedupId'];
export const OUTBOX_BATCH_OPTIONS: readonly string[] = [...MESSAGE_OPTIONS, 'each'];
export const BATCH_OPTIONS: readonly string[] = [...COMMON_OPTIONS, 'each', 'split'];

/** What sends without a time-out of their own share: no object per message. */
const DEFAULTS: ProducerOptions = Object.freeze({});

/** Refuses what is no options object, and options that nobody would read. */
export function checkOptionNames(options: object | undefined, allowed: readonly string[], verb: string): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new MessagingError('BAD_ARGUMENT', `${verb}: the options must be an object, not ${describeValue(options)}`);
  }
  for (const name in options) {
    if (!allowed.includes(name)) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `${verb}: unknown option ${JSON.stringify(name)}; known: ${allowed.join(', ')}`,
      );
    }
  }
}

export function producerOptions(options: SendOptions | undefined, verb: string): ProducerOptions {
  if (options?.timeout === undefined) return DEFAULTS;
  const timeoutMillis = durationMillis(options.timeout);
  if (timeoutMillis === undefined || timeoutMillis === 0) {
    throw new MessagingError(
      'BAD_ARGUMENT',
      `${verb}: timeout must be more than 0 milliseconds, or a text like "5s", not ${describeValue(options.timeout)}`,
    );
  }
  return { timeoutMillis };
}

/** Puts tag, keys and properties into the message; throws on the first that no reader would get back. */
export function applyMessageOptions(
  message: OutgoingMessage,
  destination: Destination,
  options: (MessageOptions & Pick<SendOptions, 'dedupId'>) | undefined,
  verb: string,
): OutgoingMessage {
  if (destination.tag !== undefined) message.tag = destination.tag;
  if (options === undefined) return message;
  if (options.tag !== undefined) {
    if (message.tag !== undefined && message.tag !== options.tag) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `${verb}: the destination says tag ${message.tag}, the options say ${describeValue(options.tag)}; give one`,
      );
    }
    message.tag = checkTag(options.tag, `${verb}: option tag`);
  }
  if (options.keys !== undefined) message.keys = checkKeys(options.keys, verb);
  if (options.properties !== undefined) message.properties = checkProperties(options.properties, verb);
  if (options.dedupId !== undefined) message.dedupId = checkDedupId(options.dedupId, verb);
  return message;
}

function checkKeys(keys: string | readonly string[], verb: string): readonly string[] {
  const list: unknown = typeof keys === 'string' ? [keys] : keys;
  if (Array.isArray(list) && list.every((key) => typeof key === 'string' && key !== '' && !/\s/.test(key))) {
    return [...(list as string[])];
  }
  throw new MessagingError(
    'BAD_ARGUMENT',
    `${verb}: keys must be one or more texts that are not empty and have no white space`,
  );
}

function checkDedupId(id: unknown, verb: string): string {
  if (typeof id === 'string' && id !== '' && Buffer.byteLength(id) <= LIMITS.dedupIdBytes) return id;
  throw new MessagingError(
    'BAD_ARGUMENT',
    `${verb}: dedupId must be a text of 1 to ${LIMITS.dedupIdBytes} bytes, not ${describeValue(id)}`,
  );
}

function checkProperties(properties: unknown, verb: string): Record<string, string> {
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) {
    throw new MessagingError(
      'PROPERTIES_INVALID',
      `${verb}: properties must be an object, not ${describeValue(properties)}`,
    );
  }
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value !== 'string' || value === '' || name === '') {
      throw new MessagingError(
        'PROPERTIES_INVALID',
        `${verb}: the property ${JSON.stringify(name)} must have a name and a text, not ${describeValue(value)}`,
      );
    }
    if (isReservedProperty(name)) {
      throw new MessagingError('PROPERTIES_INVALID', `${verb}: the property name ${name} is reserved; choose another`);
    }
    own[name] = value;
  }
  return own;
}
