import type { Platform } from '../../platform/index.js';
import {
  type EndTransactionRequestHeader,
  isOneway,
  MessagingError,
  type MessageRecord,
  type RemotingCommand,
  SysFlag,
} from '../../protocol/index.js';
import type { Channel, Respond } from '../../remoting/index.js';
import type { Half, MessageStore, StoreMessage } from '../../store/index.js';
import { failure, success } from '../answers.js';
import { committed, producerGroupOf, rolledBack } from './half-message.js';

/** Outcomes that are remembered, so that a repeated END_TRANSACTION is answered as the first one was. */
const REMEMBERED = 10_000;
/** Before another look at a half message that retention is just moving. */
const HELD_PAUSE_MILLIS = 20;

/** END_TRANSACTION: commits and rolls back, each half message once, also when it is said twice or after a crash. */
export class TransactionProcessor {
  private readonly outcomes = new Map<number, number>();
  commits = 0;
  rollbacks = 0;

  constructor(
    private readonly store: MessageStore,
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
        respond(failure(error));
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
      checkSender(header, half, record);
      const message = outcome === SysFlag.TRANSACTION_COMMIT ? committed(record) : rolledBack(record, this.now());
      await this.put(message);
      this.remember(half.original, outcome);
      if (outcome === SysFlag.TRANSACTION_COMMIT) this.commits++;
      else this.rollbacks++;
    } finally {
      this.store.halves.release(half.offset);
    }
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

  private async put(message: StoreMessage): Promise<void> {
    await this.store.putAsync(message);
  }

  private remember(offset: number, outcome: number): void {
    if (this.outcomes.size >= REMEMBERED) this.outcomes.delete(this.outcomes.keys().next().value!);
    this.outcomes.set(offset, outcome);
  }

  private now(): number {
    return this.platform.clock.now();
  }
}

/** Only the group that sent it may end it, and only with the offsets that it was told. */
function checkSender(header: EndTransactionRequestHeader, half: Half, record: MessageRecord): void {
  if (producerGroupOf(record) !== header.producerGroup) {
    throw new MessagingError(
      'NO_PERMISSION',
      `The transaction at log offset ${half.offset} belongs to another producer group than ${header.producerGroup}.`,
    );
  }
  if (header.tranStateTableOffset !== half.queueOffset) {
    throw new MessagingError(
      'BAD_ARGUMENT',
      `The transaction at log offset ${half.offset} has queue offset ${half.queueOffset}, not ${header.tranStateTableOffset}.`,
    );
  }
}
