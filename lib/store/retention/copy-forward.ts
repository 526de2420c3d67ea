import type { Platform } from '../../platform/index.js';
import { ExtensionProperty, MessagingError, type MessageRecord } from '../../protocol/index.js';
import { SnapshotFile } from '../state/snapshot-file.js';
import { writeFailure } from '../state/write-failure.js';
import { offsetIn } from '../timers/timer-index.js';
import type { LogAppender, LogReader, SegmentInfo } from '../types.js';
import type { CopyForwardRule } from './copy-forward-rule.js';

/** So much is read and appended before the next is read. */
const BATCH = 256;
const BATCH_BYTES = 4 * 1024 * 1024;

/** Written before the first copy: where to look, after a crash, for the copies that were made. */
interface Intent {
  baseOffset: number;
  /** Log offset in front of the first copy. */
  copiesFrom: number;
}

/**
 * Appends what must outlive a segment at the end of the log, each record once, also over crashes: which records have a
 * copy already is read from the log itself, from the place on that the intent names.
 */
export class CopyForward {
  private intent: Intent | undefined;
  private loaded = false;
  /** Offsets that turned out to be copied by a process before this one. */
  private copied = new Set<number>();
  private readonly file: SnapshotFile;
  /** Since the start of this process. */
  count = 0;

  constructor(
    private readonly log: LogAppender & LogReader,
    private readonly rules: readonly CopyForwardRule[],
    private readonly platform: Platform,
    private readonly directory: string,
  ) {
    this.file = new SnapshotFile(platform.fileSystem, directory, 'copy-forward', platform.logger);
  }

  /**
   * Copies what the rules name. Resolves with true when everything that has to live on lies behind the segment and is
   * visible; with false when something was in other hands and the segment has to wait.
   * @throws MessagingError of the append (DISK_FULL, STORE_FENCED …): nothing is lost, the segment stays.
   */
  async run(segment: SegmentInfo): Promise<boolean> {
    await this.resume(segment);
    for (const rule of this.rules) {
      let offsets = await rule.candidates(segment);
      if (!rule.knowsCopies) offsets = offsets.filter((offset) => !this.copied.has(offset));
      if (offsets.length > 0 && this.intent?.baseOffset !== segment.baseOffset) await this.announce(segment);
      if (!(await this.copyAll(rule, offsets))) return false;
    }
    return true;
  }

  private async resume(segment: SegmentInfo): Promise<void> {
    if (!this.loaded) {
      const payload = await this.loadIntent();
      this.intent = payload === undefined ? undefined : (JSON.parse(payload.toString()) as Intent);
      this.loaded = true;
      if (this.intent?.baseOffset === segment.baseOffset) {
        const { copiesFrom } = this.intent;
        // Records of async mode may have been lost with the end of the log; what is left of the copies is behind it.
        await this.log.scan(Math.min(copiesFrom, this.log.visibleOffset), this.log.visibleOffset, (record) => {
          const from = offsetIn(record.properties, ExtensionProperty.COPIED_FROM);
          if (from !== undefined) this.copied.add(from);
        });
      }
    }
    if (this.intent !== undefined && this.intent.baseOffset < segment.baseOffset) {
      this.intent = undefined;
      this.copied.clear();
    }
  }

  private async loadIntent(): Promise<Buffer | undefined> {
    try {
      return await this.file.load();
    } catch (error) {
      if (!(error instanceof MessagingError) || error.code !== 'STORE_DAMAGED') throw error;
      this.platform.logger.warn(`${error.message} A dead letter may appear twice because of it.`);
      return undefined;
    }
  }

  private async announce(segment: SegmentInfo): Promise<void> {
    const intent: Intent = { baseOffset: segment.baseOffset, copiesFrom: this.log.visibleOffset };
    try {
      await this.file.write(Buffer.from(JSON.stringify(intent)));
    } catch (error) {
      throw writeFailure(`${this.directory}/copy-forward`, error);
    }
    this.intent = intent;
  }

  private async copyAll(rule: CopyForwardRule, offsets: readonly number[]): Promise<boolean> {
    let all = true;
    let held: number[] = [];
    let records: MessageRecord[] = [];
    let bytes = 0;
    try {
      for (const offset of offsets) {
        if (!rule.hold(offset)) {
          all = false;
          continue;
        }
        held.push(offset);
        const record = await this.log.recordAt(offset);
        records.push(record);
        bytes += record.size;
        if (records.length < BATCH && bytes < BATCH_BYTES) continue;
        await this.append(rule, records);
        held = [];
        records = [];
        bytes = 0;
      }
      await this.append(rule, records);
      held = [];
    } finally {
      for (const offset of held) if (!this.copied.has(offset)) rule.release(offset);
    }
    return all;
  }

  private append(rule: CopyForwardRule, records: readonly MessageRecord[]): Promise<void> {
    if (records.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      let open = records.length;
      let failure: MessagingError | undefined;
      for (const record of records) {
        this.log.put(rule.copy(record), (error) => {
          if (error === undefined) {
            this.count++;
            // What has its copy is never released again: it would go on twice.
            this.copied.add(record.physicalOffset);
          } else failure ??= error;
          if (--open > 0) return;
          if (failure === undefined) resolve();
          else reject(failure);
        });
      }
    });
  }
}
