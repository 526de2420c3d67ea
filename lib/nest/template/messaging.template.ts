import {
  type OutgoingMessage,
  type Producer,
  type ReceivedReply,
  type SendOptions as ProducerOptions,
  type SendResult,
  type TransactionSendResult,
  reasonText,
} from '../../client/index.js';
import { MessagingError } from '../../protocol/index.js';
import type { MessagingConnection } from '../connection/messaging-connection.js';
import { sendInParts, splitBatch } from './batch.js';
import { type DeliveryTime, deliveryDelay } from './delivery-time.js';
import { checkKey, checkPayloads, MessageComposer, optionsOfOne } from './message-composer.js';
import { OutboxTemplate } from './outbox-template.js';
import { describeValue } from '../payload/index.js';
import { MessagePuller, pullConsumerOptions, type PullOptions } from '../pulling/index.js';
import {
  BATCH_OPTIONS,
  type BatchOptions,
  REQUEST_OPTIONS,
  type RequestOptions,
  SEND_OPTIONS,
  type SendOptions,
  TRANSACTION_OPTIONS,
  type TransactionOptions,
  checkOptionNames,
  producerOptions,
} from './send-options.js';

/** @publicApi */
export interface SendCallbacks {
  onSuccess(result: SendResult): void;
  onException(error: Error): void;
}

/**
 * Sends messages. The destination is `topic` or `topic:tag`; the payload is text, bytes or an object. Failures are
 * `MessagingError`s with a `code`, and `retryable` says whether the same call may succeed later.
 *
 * @publicApi
 */
export class MessagingTemplate {
  private readonly composer: MessageComposer;

  constructor(
    /** @internal */
    readonly connection: MessagingConnection,
  ) {
    this.composer = new MessageComposer(connection.converter, connection.clock);
  }

  /** Resolves when the broker has the message safely (on disk, unless it was told otherwise). */
  syncSend(destination: string, payload: unknown, options?: SendOptions): Promise<SendResult> {
    try {
      checkOptionNames(options, SEND_OPTIONS, 'syncSend');
      const message = this.composer.compose(destination, payload, options, 'syncSend');
      return this.send(message, producerOptions(options, 'syncSend'));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** Sends and calls back. Throws only on bad arguments; whatever happens later goes to `onException`. */
  asyncSend(destination: string, payload: unknown, callbacks: SendCallbacks, options?: SendOptions): void {
    if (typeof callbacks?.onSuccess !== 'function' || typeof callbacks.onException !== 'function') {
      throw new MessagingError(
        'BAD_ARGUMENT',
        'asyncSend: the callbacks must have the functions onSuccess and onException',
      );
    }
    checkOptionNames(options, SEND_OPTIONS, 'asyncSend');
    const message = this.composer.compose(destination, payload, options, 'asyncSend');
    void this.callBack(this.send(message, producerOptions(options, 'asyncSend')), callbacks, message.topic);
  }

  /** Sends without waiting for the broker's answer. Throws only on bad arguments; a failure is logged and counted. */
  sendOneWay(destination: string, payload: unknown, options?: SendOptions): void {
    checkOptionNames(options, SEND_OPTIONS, 'sendOneWay');
    const message = this.composer.compose(destination, payload, options, 'sendOneWay');
    producerOptions(options, 'sendOneWay');
    const { producer } = this.connection;
    if (producer !== undefined) producer.sendOneWay(message);
    else void this.sendOneWayWhenReady(message);
  }

  /** Messages with the same key reach the same queue, and an `ORDERLY` listener one after the other. */
  sendOrderly(destination: string, payload: unknown, key: string, options?: SendOptions): Promise<SendResult> {
    try {
      checkOptionNames(options, SEND_OPTIONS, 'sendOrderly');
      const message = this.composer.compose(destination, payload, options, 'sendOrderly');
      message.shardingKey = checkKey(key, 'sendOrderly');
      return this.send(message, producerOptions(options, 'sendOrderly'));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** Stored now, delivered later; see `DeliveryTime`. */
  delay(destination: string, payload: unknown, when: DeliveryTime, options?: SendOptions): Promise<SendResult> {
    try {
      checkOptionNames(options, SEND_OPTIONS, 'delay');
      const message = this.composer.compose(destination, payload, options, 'delay');
      message.delay = deliveryDelay(when, this.connection.clock.now());
      return this.send(message, producerOptions(options, 'delay'));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /**
   * One acknowledgement for all, contiguous offsets in one queue. More than one message holds (4 MiB) is refused,
   * unless `split: true`: then it is sent in parts, in order, with one result per part.
   */
  batch<T>(
    destination: string,
    payloads: readonly T[],
    options: BatchOptions<T> & { split: true },
  ): Promise<SendResult[]>;
  batch<T>(
    destination: string,
    payloads: readonly T[],
    options?: BatchOptions<T> & { split?: false },
  ): Promise<SendResult>;
  async batch<T>(
    destination: string,
    payloads: readonly T[],
    options?: BatchOptions<T>,
  ): Promise<SendResult | SendResult[]> {
    checkOptionNames(options, BATCH_OPTIONS, 'batch');
    checkPayloads(payloads);
    const messages = payloads.map((payload: T, index) =>
      this.composer.compose(destination, payload, optionsOfOne(payload, index, options), 'batch'),
    );
    const settings = producerOptions(options, 'batch');
    let { producer } = this.connection;
    if (producer === undefined) {
      messages.forEach(keepBody);
      producer = await this.connection.whenReady();
    }
    if (options?.split !== true) return producer.sendBatch(messages, settings);
    return sendInParts(producer, splitBatch(messages, this.connection.maxMessageBytes), settings);
  }

  /**
   * A message that its consumers see only if a local transaction succeeds: it is stored where nobody looks, then `execute` of
   * the `@TransactionListener` of this name runs, and its outcome commits the message or drops it. Whatever dies in between,
   * the broker asks `check` until it knows. Rejects when the message could not be stored; nothing was executed then.
   */
  async transaction<A = unknown>(
    destination: string,
    payload: unknown,
    name: string,
    options?: TransactionOptions<A>,
  ): Promise<TransactionSendResult> {
    checkOptionNames(options, TRANSACTION_OPTIONS, 'transaction');
    if (typeof name !== 'string' || name === '') {
      throw new MessagingError('BAD_ARGUMENT', `transaction: the name must be a text, not ${describeValue(name)}`);
    }
    const message = this.composer.compose(destination, payload, options, 'transaction');
    if (options?.key !== undefined) message.shardingKey = checkKey(options.key, 'transaction');
    keepBody(message);
    return this.connection.transact(name, message, options?.arg, producerOptions(options, 'transaction'));
  }

  /**
   * The sending verbs, which write to the outbox within a transaction of the application's database: what it commits is sent by
   * a relay, what it rolls back never was.
   *
   * @param transaction What the outbox's adapter takes for one: a `PoolClient`, an `EntityManager`, `context.transaction`.
   * @throws MessagingError CONFIGURATION when the connection has no outbox, BAD_ARGUMENT without a transaction.
   */
  outbox(transaction: unknown): OutboxTemplate {
    return new OutboxTemplate(this.connection, this.composer, transaction);
  }

  /**
   * Sends a request and resolves with the reply: what the listener that handles it returns. Rejects with a
   * `RequestFailedError` when that listener fails, with TIMEOUT when nobody has replied in time. A request is handled once, unless
   * its listener says `retryRequests: true`.
   */
  async request<R = unknown>(destination: string, payload: unknown, options?: RequestOptions): Promise<R> {
    const reply = await this.ask(destination, payload, options);
    if (reply === undefined) return undefined as R;
    return this.connection.converter.decode(reply.body, reply.contentType, undefined) as R;
  }

  /** @internal The reply as it came; undefined: the listener returned nothing. */
  async ask(destination: string, payload: unknown, options?: RequestOptions): Promise<ReceivedReply | undefined> {
    checkOptionNames(options, REQUEST_OPTIONS, 'request');
    const message = this.composer.compose(destination, payload, options, 'request');
    const { timeoutMillis } = producerOptions(options, 'request');
    keepBody(message);
    return this.connection.request(message, timeoutMillis);
  }

  /**
   * A consumer that is asked for its messages, where a listener would be called with them. Each message stays unsettled
   * until it is acknowledged, given back or rejected.
   */
  async pullConsumer<T = unknown>(options: PullOptions): Promise<MessagePuller<T>> {
    const { converter, clock } = this.connection;
    return new MessagePuller<T>(await this.connection.pullConsumer(pullConsumerOptions(options)), converter, clock);
  }

  private send(message: OutgoingMessage, options: ProducerOptions): Promise<SendResult> {
    const { producer } = this.connection;
    return producer === undefined ? this.sendWhenReady(message, options) : producer.send(message, options);
  }

  // Only until the application's own groups are registered: a message sent earlier would be lost to them.
  private async sendWhenReady(message: OutgoingMessage, options: ProducerOptions): Promise<SendResult> {
    keepBody(message);
    const producer: Producer = await this.connection.whenReady();
    return producer.send(message, options);
  }

  private async sendOneWayWhenReady(message: OutgoingMessage): Promise<void> {
    keepBody(message);
    try {
      (await this.connection.whenReady()).sendOneWay(message);
    } catch (error) {
      this.connection.logger.error(`sendOneWay to ${message.topic} failed: ${(error as Error).message}`, error);
    }
  }

  private async callBack(sent: Promise<SendResult>, callbacks: SendCallbacks, topic: string): Promise<void> {
    try {
      let result: SendResult;
      try {
        result = await sent;
      } catch (error) {
        await (callbacks.onException(error as Error) as void | Promise<void>);
        return;
      }
      await (callbacks.onSuccess(result) as void | Promise<void>);
    } catch (error) {
      this.connection.logger.error(`a callback of asyncSend to ${topic} threw: ${reasonText(error)}`, error);
    }
  }
}

/** The producer copies what it is given; until there is one the payload may change. */
function keepBody(message: OutgoingMessage): void {
  message.body = Buffer.from(message.body);
}
