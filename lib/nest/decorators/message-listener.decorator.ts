import type { Type } from '@nestjs/common';
import type { ConsumeMode, DeliveryGuarantee, ReceivedMessage } from '../../client/index.js';
import { type HeaderMatch, MessagingError } from '../../protocol/index.js';
import type { Duration } from '../payload/index.js';
import { addDefaultParameters, markEntryProvider } from '../nest-internals.js';

/** Everything that a listener can be told. @publicApi */
export interface MessageListenerOptions {
  topic: string;
  /** `a || b`; `*` stands for a word and `#` for any number of words: `order.*.paid`, `order.#`. Default `*`, everything. */
  tag?: string;
  /** SQL92 on the message's properties, instead of a tag: `region = 'eu' AND amount > 100`. */
  selector?: string;
  /** Properties that the message must have, all of them or any: with this text, or at all (`true`). May stand beside a tag. */
  headers?: HeaderMatch;
  /**
   * Members of a group share its messages; each group gets all of them. Default: `<application>-<Class>-<method>`,
   * so renaming class or method makes a new group.
   */
  group?: string;
  /** Default: `CONCURRENT`. */
  mode?: ConsumeMode;
  /** Handlers at the same time, per process; without meaning in orderly mode. Default: 16. */
  concurrency?: number;
  /** Retries after the first attempt, then dead letter; 0 for none. Default: 16. */
  maxReconsumeTimes?: number;
  /**
   * Milliseconds before the next attempt: per attempt (the last one repeats), or computed from the attempt that failed
   * (1 = first). Default: RocketMQ's ladder, 10 s to 2 h.
   */
  backoff?: readonly number[] | ((attempt: number) => number);
  /** Where a group begins that never registered before. Default: `latest`, the position when it first registers. */
  from?: 'latest' | 'earliest' | Date;
  /**
   * Messages with the same key are handled one after the other, different keys at once. `true`: by the key of `sendOrderly`.
   * One that fails goes to its retry, and those behind it go on. Default: no order.
   */
  keyOrder?: true | ((message: ReceivedMessage) => string | undefined);
  /**
   * At most `limit` messages per `interval` and process, evenly spaced; retries count. What comes faster waits at the
   * broker. Default: no limit.
   */
  rateLimit?: { readonly limit: number; readonly interval: Duration };
  /**
   * `at-most-once`: acknowledged, durably, before the handler runs. A message that fails, or is at work when the process
   * dies, is lost; none comes twice. All listeners of a group have the same. Default: `at-least-once`.
   */
  delivery?: DeliveryGuarantee;
  /**
   * How long a handler may take. Then its `signal` fires and its message is given back for a retry, in orderly mode with its
   * queue, while it may still be running. Default: for ever.
   */
  consumeTimeout?: Duration;
  /**
   * The handler gets an array of payloads and a `MessageBatchContext`: as soon as there are `size` (default 32), or `timeout`
   * (default 100 ms) after the first. `type` is the class of one payload, for pipes such as the `ValidationPipe`.
   */
  batch?: { readonly size?: number; readonly timeout?: Duration; readonly type?: Type };
  /** Whether a request whose handler fails is retried, instead of replied to with the error. Default: false. */
  retryRequests?: boolean;
  /** Default: `default`. */
  connection?: string;
}

const LISTENERS = 'nestmq:listeners';

/**
 * Calls the method for the messages of a topic. On any method of a provider or controller; may be repeated.
 *
 * @publicApi
 */
export function MessageListener(options: MessageListenerOptions): MethodDecorator;
export function MessageListener(topic: string, tag?: string, group?: string, mode?: ConsumeMode): MethodDecorator;
export function MessageListener(
  topicOrOptions: string | MessageListenerOptions,
  tag?: string,
  group?: string,
  mode?: ConsumeMode,
  ...more: unknown[]
): MethodDecorator {
  const misplaced = more.length > 0 || (typeof topicOrOptions !== 'string' && tag !== undefined);
  const options = typeof topicOrOptions === 'string' ? { topic: topicOrOptions, tag, group, mode } : topicOrOptions;
  return (target, key, descriptor: PropertyDescriptor | undefined) => {
    const owner = typeof target === 'function' ? target.name : target.constructor.name;
    const where = `@MessageListener on ${owner}.${String(key)}`;
    if (misplaced) {
      throw new MessagingError(
        'CONFIGURATION',
        `${where} takes exactly (topic, tag?, group?, mode?); for everything else give one object with names`,
      );
    }
    if (typeof target === 'function' || typeof key !== 'string' || typeof descriptor?.value !== 'function') {
      throw new MessagingError(
        'CONFIGURATION',
        `${where}: only methods of instances can listen, no static methods, accessors, fields or symbols`,
      );
    }
    // On the prototype under the method's name rather than on the function: another decorator that wraps the method
    // would otherwise hide the listener.
    const earlier = (Reflect.getOwnMetadata(LISTENERS, target, key) as MessageListenerOptions[] | undefined) ?? [];
    Reflect.defineMetadata(LISTENERS, [options, ...earlier], target, key);
    addDefaultParameters(target, key);
    markEntryProvider(target);
  };
}

/** What the decorators on the method said, from top to bottom; a method that overrides a listener is none. */
export function listenersOf(owner: object, key: string): readonly MessageListenerOptions[] {
  return (Reflect.getOwnMetadata(LISTENERS, owner, key) as MessageListenerOptions[] | undefined) ?? [];
}
