import {
  type CheckTransactionStateRequestHeader,
  checkGroup,
  createRequest,
  decodeOffsetMessageId,
  decodeRecord,
  type EndTransactionRequestHeader,
  getProperty,
  MessagingError,
  type MessageRecord,
  PropertyName,
  type RemotingCommand,
  RequestCode,
  SysFlag,
} from '../../protocol/index.js';
import type { Channel } from '../../remoting/index.js';
import type { ClientCore } from '../connection/client-core.js';
import { ReceivedMessage } from '../consumer/received-message.js';
import { decompress, needsDecompression } from '../compression/body-codec.js';
import type { OutgoingMessage, SendOptions, SendResult } from '../producer/messages.js';
import type { Producer } from '../producer/producer.js';
import type { SendUnit } from '../producer/send-unit.js';
import { Unsettled } from '../producer/unsettled.js';
import { keepBytes } from '../interceptor.js';
import { reasonText } from '../settle/settle.js';
import { CheckQueue } from './check-queue.js';
import type { TransactionState } from './transaction-state.js';

/** Where messages and local transactions of one name meet. */
export interface TransactionBinding {
  /** The local transaction; what it throws leaves the outcome to `check`. */
  execute(message: ReceivedMessage, arg: unknown): TransactionState | Promise<TransactionState>;
  /** Asked by the broker, of any member of the group, when the outcome never arrived. */
  check(message: ReceivedMessage): TransactionState | Promise<TransactionState>;
}

/** `queueId`, `queueOffset` and `offsetMessageId` are those of the half message. */
export interface TransactionSendResult extends SendResult {
  readonly transactionId: string;
  readonly transactionState: TransactionState;
}

const OUTCOMES: Readonly<Record<TransactionState, number>> = {
  COMMIT: SysFlag.TRANSACTION_COMMIT,
  ROLLBACK: SysFlag.TRANSACTION_ROLLBACK,
  UNKNOWN: 0,
};

/** The transactions of one client: half message, local transaction, outcome; and the answers to the broker's checks. */
export class Transactions {
  private readonly bindings = new Map<string, TransactionBinding>();
  /** Messages whose local transaction runs at this moment in this process. */
  private readonly executing = new Set<string>();
  private readonly unsettled = new Unsettled();
  private readonly checks: CheckQueue;
  private draining = false;

  /** @internal */
  constructor(
    private readonly core: ClientCore,
    private readonly producer: Producer,
  ) {
    this.checks = new CheckQueue(core.platform);
  }

  /** Makes this client a member of the producer group, for sending and for checks. Resolves when brokers know it. */
  async register(group: string, binding: TransactionBinding): Promise<void> {
    checkGroup(group, this.core.settings.namespace);
    if (this.bindings.has(group))
      throw new MessagingError('CONFIGURATION', `The transactions ${group} are bound twice in this client`);
    this.bindings.set(group, binding);
    await this.core.heartbeats.registerTransactions(group);
  }

  /**
   * Stores the half message, runs the local transaction, then commits or rolls back. Rejects when the half message could
   * not be stored: nothing has been executed then. What fails later is settled by the check, and never rejects.
   */
  async send(
    group: string,
    message: OutgoingMessage,
    arg: unknown,
    options?: SendOptions,
  ): Promise<TransactionSendResult> {
    const binding = this.bindings.get(group);
    if (binding === undefined)
      throw new MessagingError('CONFIGURATION', `The transactions ${group} are not registered in this client`);
    const { interceptor } = this.core.settings;
    if (interceptor?.send === undefined) return this.transact(group, binding, message, arg, options);
    const sent = await interceptor.send(
      { clientId: this.core.clientId, messages: [keepBytes(message)], oneWay: false },
      ([chosen]) => this.transact(group, binding, chosen!, arg, options),
    );
    return sent as TransactionSendResult;
  }

  private async transact(
    group: string,
    binding: TransactionBinding,
    message: OutgoingMessage,
    arg: unknown,
    options: SendOptions | undefined,
  ): Promise<TransactionSendResult> {
    this.unsettled.begin();
    try {
      const { result: half, unit } = await this.producer.sendHalf(message, group, options);
      const transactionState = await this.execute(group, binding, half, unit, arg);
      if (transactionState !== 'UNKNOWN') await this.end(group, half, transactionState);
      return { ...half, transactionId: half.messageId, transactionState };
    } finally {
      this.unsettled.end();
    }
  }

  private async execute(
    group: string,
    binding: TransactionBinding,
    half: SendResult,
    unit: SendUnit,
    arg: unknown,
  ): Promise<TransactionState> {
    const sent = sentMessage(half, unit, this.core.platform.clock.now());
    this.executing.add(half.messageId);
    try {
      return await this.ask(group, 'execute', sent, () => binding.execute(sent, arg));
    } finally {
      this.executing.delete(half.messageId);
    }
  }

  /** @internal CHECK_TRANSACTION_STATE: its answer is an END_TRANSACTION of its own, or nothing while it is not known. */
  check(request: RemotingCommand, channel: Channel): void {
    if (this.draining) return;
    const { commitLogOffset } = request.header as CheckTransactionStateRequestHeader;
    const bytes = request.body?.length ?? 0;
    this.checks.add(`${channel.remoteAddress} ${commitLogOffset}`, bytes, () => this.answer(request, channel));
  }

  /**
   * Checks are left to other members of the groups from now on, which the brokers are told. Resolves when no local
   * transaction and no check runs here any more, or when the time is over: the application can then close what they use.
   */
  async drain(budgetMillis: number): Promise<void> {
    const { clock } = this.core.platform;
    const end = clock.monotonic() + budgetMillis;
    this.draining = true;
    this.checks.clear();
    await this.core.heartbeats.unregisterTransactions();
    const left = await this.unsettled.none(clock, Math.max(0, end - clock.monotonic()));
    if (left > 0) this.core.platform.logger.warn(`${left} transactions were still at work when their time was over`);
  }

  /** Never rejects. */
  private async answer(request: RemotingCommand, channel: Channel): Promise<void> {
    const { logger } = this.core.platform;
    const header = request.header as CheckTransactionStateRequestHeader;
    this.unsettled.begin();
    try {
      const record = decodeRecord(request.body ?? Buffer.alloc(0), 0);
      const group = getProperty(record.properties, PropertyName.PRODUCER_GROUP) ?? '';
      const binding = this.bindings.get(group);
      const message = await checkedMessage(record);
      // `check` would not find what `execute` is about to commit, and the message would be dropped.
      if (this.executing.has(message.messageId)) return;
      const state = await this.ask(group, 'check', message, () => binding?.check(message) ?? 'UNKNOWN');
      if (state === 'UNKNOWN') return;
      const outcome: EndTransactionRequestHeader = {
        producerGroup: group,
        tranStateTableOffset: header.tranStateTableOffset,
        commitLogOffset: header.commitLogOffset,
        commitOrRollback: OUTCOMES[state],
        fromTransactionCheck: true,
        msgId: header.msgId ?? message.messageId,
        transactionId: header.transactionId,
        topic: header.topic,
      };
      channel.oneway(createRequest(RequestCode.END_TRANSACTION, outcome));
    } catch (error) {
      logger.error('A check of a transaction could not be answered; the broker asks again', error);
    } finally {
      this.unsettled.end();
    }
  }

  private async ask(
    group: string,
    what: 'execute' | 'check',
    message: ReceivedMessage,
    call: () => TransactionState | Promise<TransactionState>,
  ): Promise<TransactionState> {
    const { logger } = this.core.platform;
    const { interceptor } = this.core.settings;
    try {
      const state: unknown = await (interceptor?.transact === undefined
        ? call()
        : interceptor.transact({ group, what, message }, async () => call()));
      if (typeof state === 'string' && Object.hasOwn(OUTCOMES, state)) return state as TransactionState;
      logger.error(
        `${what} of the transactions ${group} must return COMMIT, ROLLBACK or UNKNOWN; it counts as UNKNOWN`,
      );
    } catch (error) {
      logger.error(`${what} of the transactions ${group} failed (${reasonText(error)}); the outcome is UNKNOWN`, error);
    }
    return 'UNKNOWN';
  }

  private async end(group: string, half: SendResult, state: TransactionState): Promise<void> {
    try {
      await this.core.brokers.endTransaction(half.brokerName, {
        producerGroup: group,
        tranStateTableOffset: half.queueOffset,
        commitLogOffset: decodeOffsetMessageId(half.offsetMessageId).physicalOffset,
        commitOrRollback: OUTCOMES[state],
        fromTransactionCheck: false,
        msgId: half.messageId,
        transactionId: half.messageId,
        topic: half.topic,
      });
    } catch (error) {
      this.core.platform.logger.warn(
        `The outcome ${state} of a transaction of ${group} did not reach ${half.brokerName} (${reasonText(error)}); its check will tell`,
      );
    }
  }
}

/** The message as its local transaction sees it, which is as its consumers will. */
function sentMessage(half: SendResult, unit: SendUnit, now: number): ReceivedMessage {
  const { topic, body, properties } = unit;
  const { host, physicalOffset } = decodeOffsetMessageId(half.offsetMessageId);
  const record: MessageRecord = {
    size: 0,
    bodyCrc: 0,
    queueId: half.queueId,
    flag: 0,
    queueOffset: half.queueOffset,
    physicalOffset,
    sysFlag: 0,
    bornTimestamp: now,
    bornHost: host,
    storeTimestamp: now,
    storeHost: host,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    body,
    topic,
    properties,
  };
  return messageOf(record, half.brokerName, body);
}

async function checkedMessage(record: MessageRecord): Promise<ReceivedMessage> {
  const body = needsDecompression(record.sysFlag) ? await decompress(record.body, record.sysFlag) : record.body;
  return messageOf(record, '', body);
}

function messageOf(record: MessageRecord, brokerName: string, body: Buffer): ReceivedMessage {
  const { topic, queueOffset, properties } = record;
  return new ReceivedMessage(record, { topic, brokerName, attempt: 1, body, queueOffset, properties });
}
