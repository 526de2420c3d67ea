import type { Platform, Timer } from '../../platform/index.js';
import {
  type CheckTransactionStateRequestHeader,
  createRequest,
  encodeOffsetMessageId,
  getProperty,
  MessagingError,
  type MessageRecord,
  PropertyName,
  RequestCode,
  TRANSACTION_DEAD_LETTER_TOPIC,
} from '../../protocol/index.js';
import type { Half, MessageStore } from '../../store/index.js';
import type { Producers } from '../producers.js';
import { DueQueue } from './due-queue.js';
import { asRealRecord, checkedMark, producerGroupOf, rolledBack, transactionDeadLetter } from './half-message.js';

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
/** Their records are in memory together; one more than this is asked about by itself. */
const BYTES_AT_A_TIME = 4 * 1024 * 1024;
/** Before another look at one that is just being ended or moved. */
const HELD_PAUSE_MILLIS = 1000;

interface Asked {
  readonly half: Half;
  readonly record: MessageRecord;
}

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

  private plan({ original, storedAt, checkedAt }: Half): void {
    const { timeoutMillis, checkIntervalMillis } = this.settings;
    this.planAt(checkedAt === 0 ? storedAt + timeoutMillis : checkedAt + checkIntervalMillis, original);
  }

  private planAt(at: number, original: number): void {
    this.due.add(at, original);
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
    for (;;) {
      const some = this.due.take(this.platform.clock.now(), MARKED_AT_A_TIME);
      if (some.length === 0 || this.stopped) return;
      let asked: Asked[] = [];
      let bytes = 0;
      for (const original of some) {
        const found = await this.look(original);
        if (found === undefined) continue;
        asked.push(found);
        bytes += found.record.size;
        if (bytes < BYTES_AT_A_TIME) continue;
        await this.ask(asked);
        asked = [];
        bytes = 0;
      }
      await this.ask(asked);
    }
  }

  /** One whose producers are to be asked, reserved; undefined when something else has become of it. Never rejects. */
  private async look(original: number): Promise<Asked | undefined> {
    const { halves } = this.store;
    const half = halves.find(original);
    // It has ended.
    if (half === undefined) return undefined;
    if (!halves.hold(half.offset)) {
      this.planAt(this.platform.clock.now() + HELD_PAUSE_MILLIS, original);
      return undefined;
    }
    let asked: Asked | undefined;
    try {
      const record = await this.store.recordAt(half.offset);
      if (await this.isToBeAsked(half, record)) asked = { half, record };
    } catch (error) {
      await this.notChecked(half, error);
    } finally {
      if (asked === undefined) halves.release(half.offset);
    }
    return asked;
  }

  private async isToBeAsked(half: Half, record: MessageRecord): Promise<boolean> {
    const now = this.platform.clock.now();
    const { checkIntervalMillis, checkMax } = this.settings;
    const { original, storedAt, checks } = half;
    const end = storedAt + LONGEST_MILLIS;
    const immune = Math.min(storedAt + immunity(record), end);
    if (checks >= checkMax) await this.giveUp(half, record, `its producers were asked ${checks} times`);
    else if (now >= end) await this.giveUp(half, record, 'nobody ended it within 72 hours');
    else if (checks === 0 && immune > now) this.planAt(immune, original);
    else if (!this.producers.has(producerGroupOf(record))) this.planAt(now + checkIntervalMillis, original);
    else return true;
    return false;
  }

  /** Counted before it is asked: over crashes a producer is asked `checkMax` times at the most. */
  private async ask(asked: readonly Asked[]): Promise<void> {
    if (asked.length === 0) return;
    const now = this.platform.clock.now();
    const offsets = asked.map(({ half }) => half.offset);
    try {
      await this.store.putAsync(checkedMark(offsets, now));
    } catch (error) {
      this.platform.logger.warn(`${asked.length} transactions were not checked: ${String(error)}`);
      for (const { half } of asked) this.planAt(now + this.settings.checkIntervalMillis, half.original);
      return;
    } finally {
      for (const offset of offsets) this.store.halves.release(offset);
    }
    for (const { half, record } of asked) {
      const topic = getProperty(record.properties, PropertyName.REAL_TOPIC) ?? '';
      const channel = this.producers.next(producerGroupOf(record), topic);
      if (channel === undefined) continue;
      const uniqueKey = getProperty(record.properties, PropertyName.UNIQUE_KEY);
      const header: CheckTransactionStateRequestHeader = {
        tranStateTableOffset: half.queueOffset,
        commitLogOffset: half.original,
        msgId: uniqueKey,
        transactionId: uniqueKey,
        offsetMsgId: encodeOffsetMessageId(this.address, half.original),
        topic,
      };
      this.checks++;
      channel.oneway(createRequest(RequestCode.CHECK_TRANSACTION_STATE, header, asRealRecord(record)));
    }
  }

  private async giveUp(half: Half, record: MessageRecord, why: string): Promise<void> {
    const now = this.platform.clock.now();
    const text = `The transaction was never ended: ${why}`;
    await this.store.putAsync(transactionDeadLetter(record, 'TransactionUnresolved', text, half.checks, now));
    this.deadLetters++;
    this.platform.logger.error(
      `A transaction of ${producerGroupOf(record)} is a dead letter now (${why}); look at ${TRANSACTION_DEAD_LETTER_TOPIC} and its listener's check`,
    );
  }

  private async notChecked(half: Half, error: unknown): Promise<void> {
    const { clock, logger } = this.platform;
    const code = error instanceof MessagingError ? error.code : undefined;
    if (code !== 'RECORD_INVALID' && code !== 'OFFSET_OUT_OF_RANGE') {
      logger.warn(`A transaction was not checked, and will be later: ${String(error)}`);
      this.planAt(clock.now() + this.settings.checkIntervalMillis, half.original);
      return;
    }
    // Nobody will ever read it again; without a mark it would be looked for at every start.
    logger.error(`The half message at log offset ${half.offset} is damaged and its transaction lost`, error);
    await this.store.putAsync(rolledBack(half.offset, clock.now())).catch((cause: unknown) => {
      logger.warn(`A lost transaction could not be marked as such: ${String(cause)}`);
      this.planAt(clock.now() + this.settings.checkIntervalMillis, half.original);
    });
  }
}

/** The producer may ask for more time than the broker's own. */
function immunity(record: MessageRecord): number {
  const seconds = Number(getProperty(record.properties, PropertyName.CHECK_IMMUNITY_TIME_IN_SECONDS) ?? 0);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
}
