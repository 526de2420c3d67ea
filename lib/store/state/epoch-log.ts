import type { Platform } from '../../platform/index.js';
import { SnapshotFile } from './snapshot-file.js';
import { writeFailure } from './write-failure.js';

export interface Epoch {
  readonly epoch: number;
  /** Log offset of the first record that is written in this epoch. */
  readonly startOffset: number;
}

/** Where each epoch of the log begins: every recovery after a crash begins one, so that two histories can be told apart. */
export class EpochLog {
  private epochs: Epoch[] = [];
  private readonly file: SnapshotFile;

  private constructor(
    platform: Platform,
    private readonly directory: string,
  ) {
    this.file = new SnapshotFile(platform.fileSystem, directory, 'epochs', platform.logger);
  }

  static async open(platform: Platform, directory: string): Promise<EpochLog> {
    const log = new EpochLog(platform, directory);
    const payload = await log.file.load();
    if (payload !== undefined) log.epochs = JSON.parse(payload.toString()) as Epoch[];
    return log;
  }

  /** 0 before the first one has been begun. */
  get current(): number {
    return this.epochs.at(-1)?.epoch ?? 0;
  }

  list(): readonly Epoch[] {
    return this.epochs;
  }

  /** The epoch in which the record at this log offset was written. */
  epochAt(logOffset: number): number {
    for (let at = this.epochs.length - 1; at >= 0; at--) {
      const { epoch, startOffset } = this.epochs[at] as Epoch;
      if (startOffset <= logOffset) return epoch;
    }
    return 0;
  }

  /**
   * Begins the next epoch at this log offset; resolves with its number when it is durable.
   * @param logMinOffset epochs that end in front of it are forgotten.
   */
  async begin(startOffset: number, logMinOffset = 0): Promise<number> {
    const epoch = this.current + 1;
    // An epoch in which nothing was written is replaced: crash loops do not make the list grow.
    const kept = this.epochs.filter(
      ({ startOffset: start }, at) =>
        start < startOffset && (this.epochs[at + 1]?.startOffset ?? startOffset) > logMinOffset,
    );
    const epochs = [...kept, { epoch, startOffset }];
    try {
      await this.file.write(Buffer.from(JSON.stringify(epochs)));
    } catch (error) {
      throw writeFailure(`${this.directory}/epochs`, error);
    }
    this.epochs = epochs;
    return epoch;
  }
}
