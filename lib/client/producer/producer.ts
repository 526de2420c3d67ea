import { batchBytes, type BatchMessages, MessagingError, type UniqueIdSource } from '../../protocol/index.js';
import type { ClientCore } from '../connection/client-core.js';
import { keepBytes } from '../interceptor.js';
import type { OutgoingMessage, SendOptions, SendResult } from './messages.js';
import { BrokerFaults } from './broker-faults.js';
import { OrderedLanes } from './ordered-lanes.js';
import type { SentAgain } from './sent-again.js';
import { deduplicated, MessagePreparer } from './outgoing.js';
import { QueueSelector } from './queue-selector.js';
import { alikeUnit, batchUnit, type SendUnit } from './send-unit.js';
import { countFailed, Sender } from './sender.js';
import { Unsettled } from './unsettled.js';

/** @internal */
export interface SentHalf {
  readonly result: SendResult;
  readonly unit: SendUnit;
}

/** Sends messages. One per client; every method may be called at any time and from anywhere. */
export class Producer {
  private readonly preparer: MessagePreparer;
  private readonly lanes: OrderedLanes;
  private readonly queues: QueueSelector;
  private readonly sender: Sender;
  /** Keyed sends that wait for their topic's first route, in the order in which they came. */
  private readonly gates = new Map<string, (() => void)[]>();
  private readonly unsettled = new Unsettled();
  private closing = false;

  /** @internal */
  constructor(
    private readonly core: ClientCore,
    ids: UniqueIdSource,
  ) {
    const { settings, platform } = core;
    this.preparer = new MessagePreparer(
      ids,
      settings.maxMessageBytes,
      settings.compressOverBytes,
      () => platform.clock.now(),
      settings.namespace,
    );
    const faults = new BrokerFaults(() => platform.clock.monotonic(), settings.latencyFaultTolerance);
    this.queues = new QueueSelector(core.routes, faults, platform.random.below(1 << 16));
    this.sender = new Sender(core, this.queues, faults, this.unsettled, this.preparer.rows);
    this.lanes = new OrderedLanes(
      (unit, index) => this.sender.deliver(unit, index),
      () => platform.clock.monotonic(),
    );
  }

  /**
   * Resolves when the broker has the message safely (`flush: 'sync'`: on the disk).
   * Rejects with a `MessagingError`; after TIMEOUT and CHANNEL_CLOSED the message may have been stored all the same.
   */
  send(message: OutgoingMessage, options?: SendOptions): Promise<SendResult> {
    if (this.core.settings.interceptor?.send !== undefined) {
      return this.intercepted([message], false, ([chosen]) => this.dispatch(this.unitOf(chosen!, options)));
    }
    try {
      return this.dispatch(this.unitOf(message, options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * @internal A message that is written down now and sent later, with what interceptors have go along. Throws what its send
   * would be refused with, also if it then has its id as `dedupId`.
   */
  forLater<M extends OutgoingMessage & { readonly messageId: string }>(message: M): M {
    const { interceptor } = this.core.settings;
    const later = interceptor?.sendLater === undefined ? message : (interceptor.sendLater(message) as M);
    this.preparer.check({ dedupId: message.messageId, ...later });
    return later;
  }

  /**
   * Sends without waiting for anything. Throws only for a message that could never be sent; any later failure is logged
   * and counted (`onewayFailed`).
   */
  sendOneWay(message: OutgoingMessage): void {
    if (this.closing) return this.lost(message.topic, shutDown());
    let sent: Promise<SendResult | undefined>;
    if (this.core.settings.interceptor?.send === undefined) sent = this.dispatchOneWay(message);
    else {
      // Throws what could never be sent while the caller can still hear it.
      this.unitOf(message, { retries: 0 });
      sent = this.intercepted([message], true, ([chosen]) => this.dispatchOneWay(chosen!));
    }
    sent.then(
      () => {
        this.core.counters.onewaySent++;
        this.core.sends.of(message.topic).oneWay++;
      },
      (error: Error) => this.lost(message.topic, error),
    );
  }

  private dispatchOneWay(message: OutgoingMessage): Promise<SendResult | undefined> {
    const unit = this.unitOf(message, { retries: 0 });
    // The order of keys needs to know when a send is settled.
    const sending = unit.shardingKey === undefined ? this.sender.deliverOneway(unit) : this.enterLane(unit);
    this.core.tracer?.sent([unit], sending);
    return sending;
  }

  private lost(topic: string, error: Error): void {
    this.core.counters.onewayFailed++;
    this.core.sends.of(topic).failed++;
    this.core.platform.logger.warn(`A one-way message to ${topic} was lost: ${error.message}`);
  }

  /**
   * @internal The half of a transaction: on the broker, and seen by nobody. With a sharding key it is for the key's
   * queue; its place there is that of its commit, so it need not wait for other messages of the key.
   */
  async sendHalf(message: OutgoingMessage, group: string, options?: SendOptions): Promise<SentHalf> {
    const unit = this.unitOf(message, options, group);
    const { shardingKey, topic } = unit;
    let index: number | undefined;
    if (shardingKey !== undefined) {
      const { routes } = this.core;
      const route = routes.peek(topic) ?? (await this.sender.within(routes.forSending(topic), unit));
      index = this.queues.orderedIndex(route, shardingKey);
    }
    const sending = this.sender.deliver(unit, index);
    this.core.tracer?.sent([unit], sending);
    return { result: await sending, unit };
  }

  /**
   * Sends all in one request to one queue: one acknowledgement, contiguous offsets, all or nothing.
   * Same topic, no delays, the same sharding key or none; together within the limit of one message.
   */
  sendBatch(messages: readonly OutgoingMessage[], options?: SendOptions): Promise<SendResult> {
    if (this.core.settings.interceptor?.send === undefined) return this.dispatchBatch(messages, options);
    return this.intercepted(messages, false, (chosen) => this.dispatchBatch(chosen, options));
  }

  private dispatchBatch(messages: readonly OutgoingMessage[], options: SendOptions | undefined): Promise<SendResult> {
    try {
      const begun = this.core.platform.clock.monotonic();
      const deadline = this.deadline(begun, options);
      const retries = this.retries(options);
      // What is traced is looked at message by message.
      const alike = this.core.tracer === undefined ? this.preparer.prepareAlike(messages, begun) : undefined;
      if (alike !== undefined) {
        const { topic } = messages[0]!;
        this.checkBatchBytes(topic, alike);
        return this.dispatch(alikeUnit(topic, alike, Math.floor(begun), deadline, retries));
      }
      const units = messages.map((message) => this.preparer.prepare(message, begun, deadline, retries));
      checkBatch(units);
      const unit = batchUnit(units, deadline, retries);
      this.checkBatchBytes(unit.topic, units);
      return this.dispatch(unit, units);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  private checkBatchBytes(topic: string, messages: BatchMessages): void {
    const limit = this.core.settings.maxMessageBytes;
    const bytes = batchBytes(messages, limit);
    if (bytes > limit) {
      throw new MessagingError(
        'MESSAGE_TOO_LARGE',
        `A batch of ${messages.length} messages to ${topic} has ${bytes} bytes; at most ${limit} are allowed. Split it`,
      );
    }
  }

  /** @internal A resend or a replay. Goes past interceptors: it is no send of the application's. */
  async sendAgain(message: SentAgain): Promise<SendResult> {
    const begun = this.core.platform.clock.monotonic();
    return this.dispatch(this.preparer.again(message, begun, this.deadline(begun, undefined), this.retries(undefined)));
  }

  /** @internal Records of the trace: not traced, past interceptors, and also while this is being closed. */
  async sendTrace(message: OutgoingMessage): Promise<SendResult> {
    const { settings, platform } = this.core;
    const begun = platform.clock.monotonic();
    const deadline = Math.ceil(begun + settings.sendTimeoutMillis);
    return this.sender.deliver(this.preparer.prepare(message, begun, deadline, settings.sendRetries), undefined);
  }

  /** @internal Refuses further sends and waits for the unsettled ones, within the budget. */
  async close(budgetMillis: number): Promise<void> {
    this.closing = true;
    const left = await this.unsettled.none(this.core.platform.clock, budgetMillis);
    if (left > 0) this.core.platform.logger.warn(`${left} sends were not settled when the time to shut down was over`);
  }

  private async intercepted<R extends SendResult | undefined>(
    messages: readonly OutgoingMessage[],
    oneWay: boolean,
    send: (messages: readonly OutgoingMessage[]) => Promise<R>,
  ): Promise<R> {
    const proceed = async (chosen: readonly OutgoingMessage[]): Promise<R> => send(chosen);
    return (await this.core.settings.interceptor!.send!(
      { clientId: this.core.clientId, messages: messages.map(keepBytes), oneWay },
      proceed,
    )) as R;
  }

  // Reads the clock once for the whole send: a reading takes a tenth of a microsecond on some machines.
  private unitOf(message: OutgoingMessage, options: SendOptions | undefined, transactionGroup?: string): SendUnit {
    const begun = this.core.platform.clock.monotonic();
    const deadline = this.deadline(begun, options);
    return this.preparer.prepare(message, begun, deadline, this.retries(options), transactionGroup);
  }

  private deadline(begun: number, options: SendOptions | undefined): number {
    if (this.closing) throw shutDown();
    const timeout = options?.timeoutMillis ?? this.core.settings.sendTimeoutMillis;
    if (!(timeout > 0))
      throw new MessagingError('BAD_ARGUMENT', `The time-out of a send must be above 0 ms, not ${timeout}`);
    return Math.ceil(begun + timeout);
  }

  private retries(options: SendOptions | undefined): number {
    return options?.retries ?? this.core.settings.sendRetries;
  }

  /** @param units The messages of a batch. */
  private dispatch(unit: SendUnit, units?: readonly SendUnit[]): Promise<SendResult> {
    const sending = unit.shardingKey === undefined ? this.sender.deliver(unit, undefined) : this.enterLane(unit);
    this.core.tracer?.sent(units ?? [unit], sending);
    return sending;
  }

  // Which lane it is takes a route. Until the first one is there, keyed sends of the topic queue up in call order.
  private enterLane(unit: SendUnit): Promise<SendResult> {
    this.unsettled.begin();
    return new Promise<SendResult>((resolve, reject) => {
      const done = (result: SendResult): void => {
        this.unsettled.end();
        resolve(result);
      };
      const failed = (error: unknown): void => {
        countFailed(this.core, unit);
        this.unsettled.end();
        reject(error);
      };
      const enter = (): void => {
        const route = this.core.routes.peek(unit.topic);
        if (route === undefined) return this.openGate(unit, enter, failed);
        try {
          this.lanes.enter(unit, this.queues.orderedIndex(route, unit.shardingKey!), done, failed);
        } catch (error) {
          failed(error);
        }
      };
      const gate = this.gates.get(unit.topic);
      if (gate === undefined) enter();
      else gate.push(enter);
    });
  }

  private openGate(unit: SendUnit, first: () => void, failed: (error: unknown) => void): void {
    const gate: (() => void)[] = [];
    this.gates.set(unit.topic, gate);
    const open = (): void => {
      this.gates.delete(unit.topic);
      // One that finds no route opens another gate; those behind it must wait at that one.
      for (const enter of gate) {
        const closed = this.gates.get(unit.topic);
        if (closed === undefined) enter();
        else closed.push(enter);
      }
    };
    this.sender.within(this.core.routes.forSending(unit.topic), unit).then(
      () => {
        first();
        open();
      },
      (error: unknown) => {
        failed(error);
        open();
      },
    );
  }
}

function checkBatch(messages: readonly SendUnit[]): void {
  const first = messages[0];
  if (first === undefined) throw new MessagingError('BAD_ARGUMENT', 'A batch needs at least one message');
  for (const message of messages) {
    if (message.topic !== first.topic) {
      throw new MessagingError('BAD_ARGUMENT', `A batch goes to one topic, not to ${first.topic} and ${message.topic}`);
    }
    if (message.delayed)
      throw new MessagingError('BAD_ARGUMENT', `A batch to ${first.topic} cannot be delayed; send one by one`);
    if (message.dedupId !== undefined) throw deduplicated('A message of a batch', first.topic);
    if (message.shardingKey !== first.shardingKey) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `A batch to ${first.topic} goes to one queue: give all its messages the same sharding key`,
      );
    }
  }
}

function shutDown(): MessagingError {
  return new MessagingError('SHUTTING_DOWN', 'This client is shut down; it sends nothing any more');
}
