import { randomUUID } from 'node:crypto';
import { reasonText } from '../../client/index.js';
import type { Clock, Logger } from '../../platform/index.js';
import { CommitListener } from './commit-listener.js';
import { DedupTopics, type RelayProducer } from './dedup-topics.js';
import { createRelayCounters, type OutboxRelayCounters, type OutboxRelayOptions } from './relay-options.js';
import { sendRows } from './relay-round.js';
import { pauseAfter } from './send-failures.js';
import type { RelayedOutbox, SettledRows } from './sql-outbox.js';
import { WakeSignal } from './wake-signal.js';

/** A single send may take so long, and never more than a third of the lease. */
const LONGEST_SEND_MILLIS = 3000;

export interface OutboxRelayParts {
  readonly outbox: RelayedOutbox;
  readonly producer: RelayProducer;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Sends what is in the outbox. Any number of relays may work on one table.
 *
 * A relay claims some of the lanes for the time of a lease, sends the oldest rows in them, marks what became of each, and gives
 * the lanes back. All rows of a key are in one lane, so that no other relay sends of the key meanwhile. A relay that dies, or
 * stalls beyond its lease, is taken over from: what it sent and did not mark is sent once more, under the same id and in the
 * same order, so that the first copies of a key still come in order.
 */
export class OutboxRelay {
  readonly counters: OutboxRelayCounters = createRelayCounters();
  /** Names this relay in the lanes that it has. */
  private readonly owner = randomUUID();
  private readonly signal: WakeSignal;
  private readonly commits: CommitListener;
  private readonly topics: DedupTopics;
  private running: Promise<void> | undefined;
  private stopping = false;
  /** What became of rows and could not be written down yet. */
  private unmarked: { readonly lanes: readonly number[]; readonly settled: SettledRows } | undefined;
  private lastProblem: string | undefined;

  constructor(
    private readonly parts: OutboxRelayParts,
    private readonly options: OutboxRelayOptions,
  ) {
    const { outbox, producer, clock, logger } = parts;
    this.signal = new WakeSignal(clock);
    this.commits = new CommitListener(outbox, clock, logger, () => this.wake());
    this.topics = new DedupTopics(producer, clock);
  }

  /** Why the database cannot be asked at this moment; undefined when it can. */
  get problem(): string | undefined {
    return this.lastProblem;
  }

  start(): void {
    if (this.running !== undefined) return;
    this.commits.start();
    this.running = this.run();
  }

  /** Lets it look at once: for whoever knows of a commit. */
  wake(): void {
    this.signal.wake();
  }

  /** Begins no further send, and waits until those under way are marked; at the most for the budget. */
  async stop(budgetMillis: number): Promise<void> {
    const { clock, logger } = this.parts;
    this.stopping = true;
    this.commits.stop();
    this.wake();
    if (this.running === undefined) return;
    const waited = new AbortController();
    const late = clock.sleep(budgetMillis, waited.signal).then(
      () => 'late' as const,
      () => undefined,
    );
    const outcome = await Promise.race([this.running, late]);
    waited.abort();
    if (outcome === 'late' || this.unmarked !== undefined) {
      logger.warn(
        'outbox: the relay was stopped before all that was sent was marked: that is sent once more, with the same id',
      );
    }
  }

  private async run(): Promise<void> {
    let databaseFailures = 0;
    let vain = 0;
    while (!this.stopping) {
      let found: 'nothing' | 'sent' | 'vain';
      try {
        found = await this.round();
        databaseFailures = 0;
        if (this.lastProblem !== undefined) this.parts.logger.log('outbox: the database answers again');
        this.lastProblem = undefined;
      } catch (error) {
        this.databaseFailed(error);
        await this.pause(pauseAfter(++databaseFailures));
        continue;
      }
      if (found === 'sent') vain = 0;
      // A broker that takes nothing is not asked faster because the application goes on writing.
      if (found === 'vain') await this.pause(pauseAfter(++vain));
      else if (found === 'nothing') await this.signal.wait(this.options.pollMillis);
    }
    if (this.unmarked !== undefined) await this.mark().catch((error: unknown) => this.databaseFailed(error));
  }

  private async round(): Promise<'nothing' | 'sent' | 'vain'> {
    const { outbox, clock, logger } = this.parts;
    const { leaseMillis, lanes: mostLanes, batchSize } = this.options;
    // First: rows that were sent and are not marked would be sent again.
    await this.mark();
    const sendMillis = Math.min(LONGEST_SEND_MILLIS, Math.floor(leaseMillis / 3));
    // By this clock the lease ends no later than by the database's: it is given after this.
    const until = clock.monotonic() + leaseMillis - sendMillis;
    const claimed = await outbox.claim(this.owner, leaseMillis, mostLanes, batchSize);
    if (claimed.lanes.length === 0) return 'nothing';
    const { counters, topics } = this;
    counters.lanesTakenOver += claimed.takenOver.size;
    const settled = await sendRows(claimed, until, {
      topics,
      clock,
      logger,
      counters,
      sendMillis,
      stopping: () => this.stopping,
    });
    this.unmarked = { lanes: claimed.lanes, settled };
    await this.mark();
    // Failed rows are out of the way: the next ones may be looked at.
    if (settled.sent.length + settled.failed.length > 0) return 'sent';
    return settled.held.length > 0 ? 'vain' : 'nothing';
  }

  private async mark(): Promise<void> {
    if (this.unmarked === undefined) return;
    const { lanes, settled } = this.unmarked;
    await this.parts.outbox.settle(this.owner, lanes, settled);
    this.unmarked = undefined;
  }

  private databaseFailed(error: unknown): void {
    this.counters.databaseFailures++;
    const reason = reasonText(error);
    if (this.lastProblem === undefined)
      this.parts.logger.warn(`outbox: the database cannot be asked, is tried again: ${reason}`);
    this.lastProblem = reason;
  }

  /** Ends early only when the relay is stopped. */
  private async pause(milliseconds: number): Promise<void> {
    const { clock } = this.parts;
    const end = clock.monotonic() + milliseconds;
    for (let left = milliseconds; left > 0 && !this.stopping; left = end - clock.monotonic())
      await this.signal.wait(left);
  }
}
