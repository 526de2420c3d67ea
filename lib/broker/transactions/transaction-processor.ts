import type { Platform } from '../../platform/index.js';
import {
  type EndTransactionRequestHeader,
  encodeOffsetMessageId,
  getProperty,
  isOneway,
  MessagingError,
  type MessageRecord,
  PropertyName,
  type RemotingCommand,
  ResponseCode,
  SysFlag,
} from '../../protocol/index.js';
import type { Channel, Respond } from '../../remoting/index.js';
import type { Half, MessageStore } from '../../store/index.js';
import { failure, refusal, success } from '../answers.js';
import { committed, destinationOf, producerGroupOf, rolledBack, transactionDeadLetter } from './half-message.js';

/** Outcomes that are remembered, so that a repeated END_TRANSACTION is answered as the first one was. */
const REMEMBERED = 10_000;
/** Before another look at a half message that retention is just moving. */
const HELD_PAUSE_MILLIS = 20;

/** END_TRANSACTION: commits and rolls back, each half message once, also when it is said twice or after a crash. */
export class TransactionProcessor {
  private readonly outcomes = new Map<number, number>();
  commits = 0;
  rollbacks = 0;
  /** Committed to a topic that is not there any more. */
  deadLetters = 0;

  constructor(
    private readonly store: MessageStore,
    private readonly address: string,
    private readonly platform: Platform,
  ) {}

  readonly handle = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const header = request.header as EndTransactionRequestHeader;
    this.end(header).then(
      () => respond(success()),
      (error: unknown) => {
        // Nobody reads the answer to a oneway request; the producer is asked again later.
        if (isOneway(request))
          this.platform.logger.warn(`A transaction of ${header.producerGroup} was not ended: ${String(error)}`);
        respond(answerTo(error));
      },
    );
  };

  private async end(header: EndTransactionRequestHeader): Promise<void> {
    const { commitLogOffset: offset, commitOrRollback: outcome } = header;
    // It is not known yet: the check asks again.
    if (outcome === 0) return;
    if (outcome !== SysFlag.TRANSACTION_COMMIT && outcome !== SysFlag.TRANSACTION_ROLLBACK) {
      throw new MessagingError('BAD_ARGUMENT', `A transaction ends with commit (8) or rollback (12), not ${outcome}.`);
    }
    const half = await this.mine(offset, outcome);
    if (half === undefined) return;
    try {
      const record = await this.store.recordAt(half.offset);
      this.checkSender(header, half, record);
      if (outcome === SysFlag.TRANSACTION_COMMIT) await this.commit(half, record);
      else await this.rollBack(half);
      this.remember(half.original, outcome);
    } finally {
      this.store.halves.release(half.offset);
    }
  }

  private async commit(half: Half, record: MessageRecord): Promise<void> {
    const { topic: name, queueId } = destinationOf(record);
    const topic = this.store.topics.get(name);
    // A topic that is younger than the half message is a successor of the same name: its consumers never asked for this.
    if (topic === undefined || topic.createdAt > half.original) {
      const why = `The topic ${name} was deleted while the transaction was open`;
      await this.store.putAsync(transactionDeadLetter(record, 'TopicDeleted', why, half.checks, this.now()));
      this.deadLetters++;
      throw new MessagingError('TOPIC_NOT_FOUND', `${why}; its message is a transaction dead letter.`);
    }
    // The topic may have been narrowed meanwhile; a queue that nobody reads would be no delivery.
    const queue = queueId % Math.max(topic.readQueueNums, topic.writeQueueNums);
    await this.store.putAsync(committed(record, queue));
    this.commits++;
  }

  private async rollBack(half: Half): Promise<void> {
    await this.store.putAsync(rolledBack(half.offset, this.now()));
    this.rollbacks++;
  }

  /** The half message, reserved; undefined when it has ended with this outcome already. */
  private async mine(offset: number, outcome: number): Promise<Half | undefined> {
    for (;;) {
      const half = this.store.halves.find(offset);
      const before = this.outcomes.get(half?.original ?? offset);
      if (before === outcome) return undefined;
      if (half === undefined || before !== undefined) {
        const what =
          before === undefined
            ? 'has ended, or was never begun'
            : `was ${before === SysFlag.TRANSACTION_COMMIT ? 'committed' : 'rolled back'}`;
        throw new MessagingError('OFFSET_OUT_OF_RANGE', `The transaction at log offset ${offset} ${what}.`);
      }
      if (this.store.halves.hold(half.offset)) return half;
      await this.platform.clock.sleep(HELD_PAUSE_MILLIS);
    }
  }

  private remember(offset: number, outcome: number): void {
    if (this.outcomes.size >= REMEMBERED) this.outcomes.delete(this.outcomes.keys().next().value!);
    this.outcomes.set(offset, outcome);
  }

  private now(): number {
    return this.platform.clock.now();
  }

  /** Only the group that sent it may end it, by the message's id and with the offsets that it was told. */
  private checkSender(header: EndTransactionRequestHeader, half: Half, record: MessageRecord): void {
    const { producerGroup, tranStateTableOffset, msgId, transactionId } = header;
    const what = `The transaction at log offset ${half.original}`;
    if (producerGroupOf(record) !== producerGroup)
      throw new MessagingError('NO_PERMISSION', `${what} belongs to another producer group than ${producerGroup}.`);
    if (tranStateTableOffset !== half.queueOffset)
      throw new MessagingError(
        'BAD_ARGUMENT',
        `${what} has queue offset ${half.queueOffset}, not ${tranStateTableOffset}.`,
      );
    // Offsets can be guessed. RocketMQ does not look at the id, but all its clients send it.
    const key = getProperty(record.properties, PropertyName.UNIQUE_KEY);
    const named = msgId === key || msgId === encodeOffsetMessageId(this.address, half.original);
    if (!named || (transactionId !== undefined && transactionId !== '' && transactionId !== key))
      throw new MessagingError('NO_PERMISSION', `${what} is that of another message than ${msgId}.`);
  }
}

/** RocketMQ's code for whatever does not fit; what the store says keeps its own. */
function answerTo(error: unknown): RemotingCommand {
  if (!(error instanceof MessagingError) || !NOT_FITTING.has(error.code)) return failure(error);
  return refusal(ResponseCode.SYSTEM_ERROR, `${error.code}: ${error.message}`);
}

const NOT_FITTING: ReadonlySet<string> = new Set(['OFFSET_OUT_OF_RANGE', 'NO_PERMISSION', 'BAD_ARGUMENT']);
