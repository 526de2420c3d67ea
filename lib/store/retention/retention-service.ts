import type { Platform, Timer } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import type { ConsumerProgress } from '../state/consumer-progress.js';
import type { GroupTable } from '../state/group-table.js';
import type { SettledLetters } from '../state/settled-letters.js';
import type { TopicTable } from '../state/topic-table.js';
import type { TimerService } from '../timers/timer-service.js';
import type { DispatchTarget, LogAppender, LogReader, RetentionOptions, SegmentInfo } from '../types.js';
import { AgeClock } from './age-clock.js';
import type { CopyForwardRule } from './copy-forward-rule.js';
import { CopyForward } from './copy-forward.js';
import { DeadLetterRule } from './dead-letter-rule.js';
import { heldBack, type HeldBack } from './held-back.js';
import { TimerRule } from './timer-rule.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Segments that go in one pass, so that other work gets its turn. */
const MOST_PER_PASS = 10;
const STORE_AGES_MILLIS = HOUR / 6;

export interface RetentionPorts {
  /** Appending must succeed above the disk's hard limit, or a full disk with a live timer in it never gets emptier. */
  readonly log: LogAppender & LogReader;
  /** Resolves when everything visible is on the disk; at once in `sync` mode. */
  readonly syncLog: () => Promise<void>;
  /** All state derived from the log, the timers excepted. */
  readonly targets: readonly DispatchTarget[];
  readonly topics: TopicTable;
  readonly groups: GroupTable;
  readonly progress: ConsumerProgress;
  readonly settled: SettledLetters;
  readonly timers: TimerService;
  /** Rules besides those for timers and dead letters. */
  readonly rules?: readonly CopyForwardRule[];
}

export interface RetentionStats {
  /** Since the start of this process. */
  readonly deletedSegments: number;
  readonly copiedRecords: number;
  /** Why the oldest segment, although old enough, is still there. */
  readonly heldBack: HeldBack | undefined;
  readonly failure: string | undefined;
}

/**
 * Takes the oldest segments away once they are old enough and nobody needs them: age by AgeClock, consumption by the
 * positions of the active groups, and what must live on is appended again first. Never deletes anything to make room.
 */
export class RetentionService {
  private readonly copyForward: CopyForward;
  private readonly ageMillis: number;
  private readonly inactiveMillis: number;
  private timer: Timer | undefined;
  private pass: Promise<number> | undefined;
  private stopped = false;
  private deleted = 0;
  private held: HeldBack | undefined;
  private failure: string | undefined;

  private constructor(
    private readonly options: RetentionOptions,
    private readonly ports: RetentionPorts,
    private readonly platform: Platform,
    directory: string,
    private readonly ages: AgeClock,
  ) {
    this.ageMillis = options.ageMillis ?? 72 * HOUR;
    this.inactiveMillis = options.inactiveGroupMillis ?? 7 * DAY;
    const ageOf = (stamp: number): number => ages.ageOf(stamp);
    const rules: CopyForwardRule[] = [
      new TimerRule(ports.timers, ports.topics, ports.log, platform),
      new DeadLetterRule({ ...ports, ageOf }, options.deadLetterAgeMillis ?? 14 * DAY),
      ...(ports.rules ?? []),
    ];
    this.copyForward = new CopyForward(ports.log, rules, platform, directory);
  }

  static async open(
    options: RetentionOptions,
    ports: RetentionPorts,
    platform: Platform,
    directory: string,
  ): Promise<RetentionService> {
    return new RetentionService(options, ports, platform, directory, await AgeClock.open(platform, directory));
  }

  get stats(): RetentionStats {
    return {
      deletedSegments: this.deleted,
      copiedRecords: this.copyForward.count,
      heldBack: this.held,
      failure: this.failure,
    };
  }

  /** Looks for expired segments now and then from now on. */
  start(): void {
    this.stopped = false;
    this.timer ??= this.platform.clock.every(this.options.checkMillis ?? 60_000, () => this.look());
  }

  /** Resolves when a pass under way has come to a safe point. Never rejects: ages that are not stored keep data longer. */
  async close(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    this.timer = undefined;
    await this.pass?.catch(() => undefined);
    await this.ages.store(0).catch((error: unknown) => this.failed(error));
  }

  /** One pass; a call during a pass waits for that one. Resolves with the number of segments that went. */
  check(): Promise<number> {
    this.pass ??= this.expire().finally(() => {
      this.pass = undefined;
    });
    return this.pass;
  }

  /** Pass after pass until nothing is left: ten segments a minute would be less than what a busy log grows by. */
  private look(): void {
    this.check().then(
      (gone) => {
        if (gone === MOST_PER_PASS && !this.stopped) this.platform.clock.defer(() => this.look());
      },
      (error: unknown) => this.platform.logger.error('Looking for expired segments failed', error),
    );
  }

  private async expire(): Promise<number> {
    let gone = 0;
    try {
      await this.ages.store(STORE_AGES_MILLIS);
      while (!this.stopped && gone < MOST_PER_PASS) {
        const segment = this.ports.log.segments()[0];
        if (segment === undefined || !(await this.mayGo(segment))) break;
        if (!(await this.copyForward.run(segment))) break;
        await this.makeSafe();
        if (this.stopped) break;
        await this.ports.log.deleteOldestSegment();
        gone++;
        this.deleted++;
      }
      if (gone > 0) await this.ports.topics.forgetBefore(this.ports.log.startOffset);
      this.failure = undefined;
    } catch (error) {
      this.failed(error);
    }
    return gone;
  }

  private async mayGo(segment: SegmentInfo): Promise<boolean> {
    this.held = undefined;
    if (segment.active || this.ages.ageOf(segment.lastStoreTimestamp) < this.ageMillis) return false;
    if (this.options.strict) return true;
    this.held = await heldBack(
      segment,
      { ...this.ports, ageOf: (stamp) => this.ages.ageOf(stamp) },
      this.inactiveMillis,
    );
    return this.held === undefined;
  }

  /** Before the originals go: their copies are on the disk, and no derived state has to be read from the segment again. */
  private async makeSafe(): Promise<void> {
    await this.ports.syncLog();
    for (const target of this.ports.targets) await target.flush();
    await this.ports.timers.index.state.save();
  }

  private failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    // Once per cause, not once a minute.
    if (this.failure !== message && !(error instanceof MessagingError && error.code === 'STORE_CLOSED')) {
      this.platform.logger.warn(`Expired data stays, and is tried again: ${message}`);
    }
    this.failure = message;
  }
}
