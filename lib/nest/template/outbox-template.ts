import { type OutgoingMessage, reasonText } from '../../client/index.js';
import type { SqlOutbox } from '../../idempotency/index.js';
import { DELAY_LEVELS, MessagingError } from '../../protocol/index.js';
import type { MessagingConnection } from '../connection/messaging-connection.js';
import { describeValue } from '../payload/index.js';
import { type DeliveryTime, deliveryDelay } from './delivery-time.js';
import { checkKey, checkPayloads, type MessageComposer, optionsOfOne } from './message-composer.js';
import {
  type BatchOptions,
  checkOptionNames,
  type MessageOptions,
  OUTBOX_BATCH_OPTIONS,
  OUTBOX_OPTIONS,
  type SendOptions,
} from './send-options.js';

/** What is written. @publicApi */
export interface OutboxReceipt {
  /** The message's unique id: listeners see it as `messageId`, however often it is sent. */
  readonly id: string;
}

/** A relay sends with time-outs of its own. @publicApi */
export type OutboxOptions = Omit<SendOptions, 'timeout'>;

/** @publicApi */
export type OutboxBatchOptions<T = unknown> = MessageOptions & Pick<BatchOptions<T>, 'each'>;

/** @publicApi */
export interface OutboxCallbacks {
  onSuccess(receipt: OutboxReceipt): void;
  onException(error: Error): void;
}

/**
 * The sending verbs, written to the outbox within one transaction. Each has to be awaited before the transaction is committed:
 * what could not be written must not be committed without. A message that could never be sent is refused here.
 *
 * @publicApi
 */
export class OutboxTemplate {
  private readonly store: SqlOutbox;

  /** @internal */
  constructor(
    private readonly connection: MessagingConnection,
    private readonly composer: MessageComposer,
    private readonly transaction: unknown,
  ) {
    const { outbox } = connection.options;
    if (outbox === undefined) {
      throw new MessagingError(
        'CONFIGURATION',
        `outbox: the connection ${connection.name} has none; give the module outbox: { store: new SqlOutbox(adapter) }`,
      );
    }
    if ((typeof transaction !== 'object' && typeof transaction !== 'function') || transaction === null) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `outbox: a transaction of the application's database must be given, not ${describeValue(transaction)}`,
      );
    }
    this.store = outbox.store;
  }

  /** Resolves when the message is written. */
  async syncSend(destination: string, payload: unknown, options?: OutboxOptions): Promise<OutboxReceipt> {
    return this.writeOne(this.compose(destination, payload, options, 'syncSend'));
  }

  /** Writes and calls back; resolves after that. Rejects only on bad arguments. */
  async asyncSend(
    destination: string,
    payload: unknown,
    callbacks: OutboxCallbacks,
    options?: OutboxOptions,
  ): Promise<void> {
    if (typeof callbacks?.onSuccess !== 'function' || typeof callbacks.onException !== 'function') {
      throw new MessagingError(
        'BAD_ARGUMENT',
        'asyncSend: the callbacks must have the functions onSuccess and onException',
      );
    }
    const message = this.compose(destination, payload, options, 'asyncSend');
    try {
      let receipt: OutboxReceipt;
      try {
        receipt = await this.writeOne(message);
      } catch (error) {
        await (callbacks.onException(error as Error) as void | Promise<void>);
        return;
      }
      await (callbacks.onSuccess(receipt) as void | Promise<void>);
    } catch (error) {
      this.connection.logger.error(`a callback of asyncSend to ${message.topic} threw: ${reasonText(error)}`, error);
    }
  }

  /** As `syncSend`, without a receipt: nobody waits for the broker anyway, and what is not written is still an error. */
  async sendOneWay(destination: string, payload: unknown, options?: OutboxOptions): Promise<void> {
    await this.writeOne(this.compose(destination, payload, options, 'sendOneWay'));
  }

  /** Messages with the same key are sent in the order in which they were written, however many relays there are. */
  async sendOrderly(
    destination: string,
    payload: unknown,
    key: string,
    options?: OutboxOptions,
  ): Promise<OutboxReceipt> {
    const message = this.compose(destination, payload, options, 'sendOrderly');
    message.shardingKey = checkKey(key, 'sendOrderly');
    return this.writeOne(message);
  }

  /** Delivered later; the time counts from now, not from when the relay sends it. See `DeliveryTime`. */
  async delay(
    destination: string,
    payload: unknown,
    when: DeliveryTime,
    options?: OutboxOptions,
  ): Promise<OutboxReceipt> {
    const message = this.compose(destination, payload, options, 'delay');
    const now = this.connection.clock.now();
    const delay = deliveryDelay(when, now);
    message.delay = 'level' in delay ? { deliverAt: now + DELAY_LEVELS[delay.level - 1]! } : delay;
    return this.writeOne(message);
  }

  /** Written in one statement, and sent one by one: a receipt for each. */
  async batch<T>(
    destination: string,
    payloads: readonly T[],
    options?: OutboxBatchOptions<T>,
  ): Promise<OutboxReceipt[]> {
    checkOptionNames(options, OUTBOX_BATCH_OPTIONS, 'batch');
    checkPayloads(payloads);
    return this.write(
      payloads.map((payload, index) =>
        this.composer.compose(destination, payload, optionsOfOne(payload, index, options), 'batch'),
      ),
    );
  }

  private compose(
    destination: string,
    payload: unknown,
    options: OutboxOptions | undefined,
    verb: string,
  ): OutgoingMessage {
    checkOptionNames(options, OUTBOX_OPTIONS, verb);
    return this.composer.compose(destination, payload, options, verb);
  }

  private async writeOne(message: OutgoingMessage): Promise<OutboxReceipt> {
    return (await this.write([message]))[0]!;
  }

  private async write(messages: readonly OutgoingMessage[]): Promise<OutboxReceipt[]> {
    // The caller may change its bytes while the database's client has something else to do.
    for (const message of messages) message.body = Buffer.from(message.body);
    const producer = this.connection.producer ?? (await this.connection.whenReady());
    const written = messages.map((message) => producer.forLater(this.store.withId(message)));
    const ids = await this.store.write(this.transaction, written);
    return ids.map((id) => ({ id }));
  }
}
