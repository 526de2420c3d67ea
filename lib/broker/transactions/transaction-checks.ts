import type { Platform, Timer } from '../../platform/index.js';
import {
  type CheckTransactionStateRequestHeader,
  createRequest,
  encodeOffsetMessageId,
  getProperty,
  type MessageRecord,
  PropertyName,
  RequestCode,
} from '../../protocol/index.js';
import type { Half, MessageStore } from '../../store/index.js';
import type { Producers } from '../producers.js';
import { DueQueue } from './due-queue.js';
import { asRealRecord, checkedMark, producerGroupOf, unresolved } from './half-message.js';

/** Times in milliseconds. */
export interface TransactionSettings {
  /** How long a transaction may take before its producers are asked. Default: 6,000. */
  readonly timeoutMillis: number;
  /** Between two checks. Default: 30,000. */
  readonly checkIntervalMillis: number;
  /** Checks after which it goes to the dead letters. Default: 15. */
  readonly checkMax: number;
}

export const TRANSACTION_DEFAULTS: TransactionSettings = {
  timeoutMillis: 6_000,
  checkIntervalMillis: 30_000,
  checkMax: 15,
};

/** Without a producer checks do not count, but not for ever: RocketMQ's bound. */
const LONGEST_MILLIS = 72 * 3_600_000;
/** Half messages that one mark names: an offset has up to 17 characters. */
const MARKED_AT_A_TIME = 200;

/** Asks the producers of open transactions what became of them. */
export class TransactionChecks {
  private readonly due = new DueQueue();
  private timer: Timer | undefined;
  private timerDue = Number.POSITIVE_INFINITY;
  private working: Promise<void> | undefined;
  private stopped = false;
  checks = 0;
  deadLetters = 0;

  constructor(
    private readonly store: MessageStore,
    private readonly producers: Producers,
    private readonly address: string,
    private readonly settings: TransactionSettings,
    private readonly platform: Platform,
  ) {}

  start(): void {
    this.store.halves.onChange = (half) => this.plan(half);
    for (const half of this.store.halves.all()) this.plan(half);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.store.halves.onChange = undefined;
    this.timer?.cancel();
    await this.working;
  }

  private plan({ offset, storedAt, checkedAt }: Half): void {
    const { timeoutMillis, checkIntervalMillis } = this.settings;
    this.planAt(checkedAt === 0 ? storedAt + timeoutMillis : checkedAt + checkIntervalMillis, offset);
  }

  private planAt(at: number, offset: number): void {
    this.due.add(at, offset);
    this.arm();
  }

  private arm(): void {
    const next = this.due.next;
    if (next === undefined || this.stopped || this.working !== undefined || next >= this.timerDue) return;
    this.timer?.cancel();
    this.timerDue = next;
    this.timer = this.platform.clock.after(next - this.platform.clock.now(), () => this.work());
  }

  private work(): void {
    this.timerDue = Number.POSITIVE_INFINITY;
    this.working = this.round()
      .catch((error: unknown) => this.platform.logger.error('Checking transactions failed; it is tried again', error))
      .finally(() => {
        this.working = undefined;
        this.arm();
      });
  }

  private async round(): Promise<void> {
    const now = this.platform.clock.now();
    const { checkIntervalMillis, checkMax } = this.settings;
    const asked: { half: Half; record: MessageRecord }[] = [];
    for (const offset of this.due.take(now)) {
      const half = this.store.halves.find(offset);
      // Ended, or moved by retention and planned under another offset.
      if (half === undefined) continue;
      const record = await this.store.recordAt(half.offset);
      const immune = immunity(record) + half.storedAt;
      if (half.checks === 0 && immune > now) this.planAt(immune, half.offset);
      else if (half.checks >= checkMax)
        await this.giveUp(half, record, `its producers were asked ${half.checks} times`);
      else if (now - half.storedAt >= LONGEST_MILLIS)
        await this.giveUp(half, record, 'nobody ended it within 72 hours');
      else if (this.producers.next(producerGroupOf(record)) === undefined)
        this.planAt(now + checkIntervalMillis, half.offset);
      else asked.push({ half, record });
    }
    for (let at = 0; at < asked.length; at += MARKED_AT_A_TIME) await this.ask(asked.slice(at, at + MARKED_AT_A_TIME));
  }

  /** Counted before it is asked: over crashes a producer is asked `checkMax` times at the most. */
  private async ask(asked: readonly { half: Half; record: MessageRecord }[]): Promise<void> {
    const now = this.platform.clock.now();
    try {
      await this.store.putAsync(
        checkedMark(
          asked.map(({ half }) => half.offset),
          now,
        ),
      );
    } catch (error) {
      this.platform.logger.warn(`${asked.length} transactions were not checked: ${String(error)}`);
      for (const { half } of asked) this.planAt(now + this.settings.checkIntervalMillis, half.offset);
      return;
    }
    for (const { half, record } of asked) {
      const channel = this.producers.next(producerGroupOf(record));
      if (channel === undefined) continue;
      const uniqueKey = getProperty(record.properties, PropertyName.UNIQUE_KEY);
      const header: CheckTransactionStateRequestHeader = {
        tranStateTableOffset: half.queueOffset,
        commitLogOffset: half.original,
        msgId: uniqueKey,
        transactionId: uniqueKey,
        offsetMsgId: encodeOffsetMessageId(this.address, half.original),
        topic: getProperty(record.properties, PropertyName.REAL_TOPIC),
      };
      this.checks++;
      channel.oneway(createRequest(RequestCode.CHECK_TRANSACTION_STATE, header, asRealRecord(record)));
    }
  }

  private async giveUp(half: Half, record: MessageRecord, why: string): Promise<void> {
    const now = this.platform.clock.now();
    if (!this.store.halves.hold(half.offset)) return this.planAt(now + 1000, half.offset);
    try {
      await this.store.putAsync(unresolved(record, `The transaction was never ended: ${why}`, half.checks, now));
      this.deadLetters++;
      this.platform.logger.error(
        `A transaction of ${producerGroupOf(record)} is a dead letter now (${why}); look at ${record.topic} and its listener's check`,
      );
    } catch (error) {
      this.platform.logger.warn(`A transaction that nobody ended could not be put away: ${String(error)}`);
      this.planAt(now + this.settings.checkIntervalMillis, half.offset);
    } finally {
      this.store.halves.release(half.offset);
    }
  }
}

/** The producer may ask for more time than the broker's own. */
function immunity(record: MessageRecord): number {
  const seconds = Number(getProperty(record.properties, PropertyName.CHECK_IMMUNITY_TIME_IN_SECONDS) ?? 0);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
}
