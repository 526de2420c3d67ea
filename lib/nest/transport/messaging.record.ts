import { MessagingError } from '../../protocol/index.js';
import type { DeliveryTime, SendOptions } from '../template/index.js';

/** What a message has beside its data; all of it optional. @publicApi */
export interface MessagingRecordOptions extends SendOptions {
  /** Messages with the same key reach the same queue, and an `ORDERLY` handler one after the other. Events only. */
  orderlyKey?: string;
  /** When the message is delivered: `'30m'`, milliseconds, a `Date` or a level. Events only. */
  delay?: DeliveryTime;
}

/** Data with options, to be given to `emit` and `send` instead of the data alone. @publicApi */
export class MessagingRecord<T = unknown> {
  constructor(
    readonly data: T,
    readonly options: Readonly<MessagingRecordOptions> = {},
  ) {}
}

/**
 * Builds a record: `new MessagingRecordBuilder(order).setKeys(order.id).setDelay('30m').build()`.
 *
 * @publicApi
 */
export class MessagingRecordBuilder<T = unknown> {
  private readonly options: MessagingRecordOptions = {};

  constructor(private data?: T) {}

  setData(data: T): this {
    this.data = data;
    return this;
  }

  /** The tag, when the pattern does not name it. */
  setTag(tag: string): this {
    return this.set('tag', tag);
  }

  /** By these the message can be found later; without white space. */
  setKeys(...keys: string[]): this {
    return this.set('keys', keys);
  }

  /** Own properties: texts, neither empty nor reserved names. */
  setProperties(properties: Readonly<Record<string, string>>): this {
    return this.set('properties', properties);
  }

  /** Messages with the same key reach the same queue, and an `ORDERLY` handler one after the other. Not with a delay. */
  setOrderlyKey(key: string): this {
    return this.set('orderlyKey', key);
  }

  /** Stored now, delivered later. Not with an orderly key. */
  setDelay(delay: DeliveryTime): this {
    return this.set('delay', delay);
  }

  /** How long from now a handler may still get it. */
  setExpiresIn(expiresIn: NonNullable<SendOptions['expiresIn']>): this {
    return this.set('expiresIn', expiresIn);
  }

  /** For the send with all its attempts; of a request until its answer. */
  setTimeout(timeout: NonNullable<SendOptions['timeout']>): this {
    return this.set('timeout', timeout);
  }

  /** By this id a topic that de-duplicates knows the message again. */
  setDedupId(id: string): this {
    return this.set('dedupId', id);
  }

  /** @throws MessagingError BAD_ARGUMENT for a key and a delay together. */
  build(): MessagingRecord<T> {
    checkRecordOptions(this.options);
    return new MessagingRecord(this.data as T, Object.freeze({ ...this.options }));
  }

  private set<Name extends keyof MessagingRecordOptions>(name: Name, value: MessagingRecordOptions[Name]): this {
    this.options[name] = value;
    return this;
  }
}

export function checkRecordOptions({ orderlyKey, delay }: MessagingRecordOptions): void {
  if (orderlyKey === undefined || delay === undefined) return;
  throw new MessagingError(
    'BAD_ARGUMENT',
    'a record has an orderly key or a delay: what is delivered later cannot keep its place among what is sent meanwhile',
  );
}
