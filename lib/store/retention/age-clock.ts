import type { Platform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { SnapshotFile } from '../state/snapshot-file.js';
import { writeFailure } from '../state/write-failure.js';

/** A point at which wall time and counted time are known to belong together; both run alike from there to the next. */
interface Anchor {
  wall: number;
  counted: number;
}

interface Stored {
  anchors: Anchor[];
  last: Anchor;
}

/** Less than this is drift that NTP slews away; more is a jump. */
const JUMP_MILLIS = 300_000;
/** How much of the time between two processes is believed: a clock that comes up wrong makes nothing look older by more. */
const MOST_DOWNTIME_MILLIS = 86_400_000;
const MOST_ANCHORS = 256;
/** How long a jump may stay unseen: twice the usual distance of two looks, and the tolerance. */
const UNDISCOVERED_MILLIS = JUMP_MILLIS + 120_000;

/**
 * How old something is that was stamped with the wall clock, whatever the wall clock has done since.
 *
 * Time is counted with the monotonic clock while a process runs; between two processes the wall clock is believed up to
 * a day. Each jump of the wall clock begins a new anchor, so that stamps of before and after it are told apart. A stamp
 * that could belong to several stretches of time counts as the youngest of them: a jump may keep data longer, it never
 * expires any.
 */
export class AgeClock {
  private anchors: Anchor[] = [];
  private counted = 0;
  private monotonic: number;
  private storedAt = -Infinity;
  private readonly file: SnapshotFile;

  private constructor(
    private readonly platform: Platform,
    private readonly directory: string,
  ) {
    this.file = new SnapshotFile(platform.fileSystem, directory, 'ages', platform.logger);
    this.monotonic = platform.clock.monotonic();
  }

  static async open(platform: Platform, directory: string): Promise<AgeClock> {
    const clock = new AgeClock(platform, directory);
    const payload = await clock.load();
    const wall = platform.clock.now();
    if (payload === undefined) {
      clock.anchors.push({ wall, counted: 0 });
    } else {
      const { anchors, last } = JSON.parse(payload.toString()) as Stored;
      clock.anchors = anchors;
      clock.counted = last.counted + Math.min(Math.max(0, wall - last.wall), MOST_DOWNTIME_MILLIS);
    }
    clock.observe();
    return clock;
  }

  /** Ages that cannot be read begin anew: that keeps data longer, which is no reason to refuse a start. */
  private async load(): Promise<Buffer | undefined> {
    try {
      return await this.file.load();
    } catch (error) {
      if (!(error instanceof MessagingError) || error.code !== 'STORE_DAMAGED') throw error;
      this.platform.logger.warn(`${error.message} Everything counts as new from now on.`);
      return undefined;
    }
  }

  /** Looks at both clocks; to be called now and then, so that a jump is known before it matters. */
  observe(): void {
    const { clock, logger } = this.platform;
    const monotonic = clock.monotonic();
    this.counted += Math.max(0, monotonic - this.monotonic);
    this.monotonic = monotonic;
    const wall = clock.now();
    const { wall: since, counted } = this.anchors.at(-1) as Anchor;
    const off = wall - (since + (this.counted - counted));
    if (Math.abs(off) <= JUMP_MILLIS) return;
    logger.warn(
      `The wall clock is ${Math.round(off / 1000)} s off what has passed since it was last in step; nothing expires because of it`,
    );
    this.anchors.push({ wall, counted: this.counted });
    if (this.anchors.length > MOST_ANCHORS) this.anchors.shift();
    this.storedAt = -Infinity;
  }

  /** Milliseconds that have certainly passed since the wall clock showed `stamp`; at least 0. */
  ageOf(stamp: number): number {
    let moment = -Infinity;
    for (const [at, { wall, counted }] of this.anchors.entries()) {
      const length = (this.anchors[at + 1]?.counted ?? this.counted) - counted;
      const into = stamp - wall;
      // In front of an anchor lies what was stamped between a jump and its discovery.
      if (into >= (at === 0 ? 0 : -UNDISCOVERED_MILLIS) && into <= length + JUMP_MILLIS) {
        moment = Math.max(moment, counted + Math.min(Math.max(0, into), length));
      }
    }
    if (moment === -Infinity) {
      // A stamp of no known stretch: as young as the youngest stretch that began behind it, or not older than now.
      for (const { wall, counted } of this.anchors) if (wall > stamp) moment = Math.max(moment, counted);
      if (moment === -Infinity) return 0;
    }
    return Math.max(0, this.counted - moment);
  }

  /** Stores what is counted; writes at most once in `everyMillis` unless a jump was seen. */
  async store(everyMillis: number): Promise<void> {
    this.observe();
    if (this.counted - this.storedAt < everyMillis) return;
    const stored: Stored = { anchors: this.anchors, last: { wall: this.platform.clock.now(), counted: this.counted } };
    try {
      await this.file.write(Buffer.from(JSON.stringify(stored)));
    } catch (error) {
      throw writeFailure(`${this.directory}/ages`, error);
    }
    this.storedAt = stored.last.counted;
  }
}
