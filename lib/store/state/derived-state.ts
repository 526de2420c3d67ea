import type { Platform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import type { DispatchEntry } from '../types.js';
import { Coalesced } from './coalesced.js';
import { SnapshotFile } from './snapshot-file.js';
import { writeFailure } from './write-failure.js';

/** A snapshot that is put together while it is written. */
export interface SnapshotPieces {
  readonly length: number;
  /** Each is asked for once the one before is written; all of them are of the moment of `encode`. */
  readonly pieces: Iterable<Uint8Array>;
  /** Called when no more are asked for, in whatever way that came about. */
  release(): void;
}

/** What is particular about the snapshot of a state. */
export interface Snapshot {
  /** Name of its file. */
  readonly file: string;
  /** For the log, as in "half messages are read from the log instead". */
  readonly what: string;
  /** The state as it is now: everything that lies in front of the log offset `until`. */
  encode(until: number): Uint8Array | SnapshotPieces;
  /** Takes over what `encode` has written; returns its `until`. */
  restore(payload: Buffer): number;
}

/**
 * How far a state that is a pure function of the log has followed it, and the snapshot that saves a restart from following
 * it from the beginning.
 */
export class DerivedState {
  /**
   * Makes the log durable as far as it has been dispatched. In `async` mode records become visible before that: a
   * snapshot that knows more than the log has after a crash would keep what is lost and overlook what comes instead.
   */
  syncLog: (() => Promise<void>) | undefined;

  private safe = 0;
  private followed = 0;
  private readonly file: SnapshotFile;
  private readonly writer = new Coalesced(() => this.write());

  constructor(
    private readonly platform: Platform,
    private readonly directory: string,
    private readonly snapshot: Snapshot,
  ) {
    this.file = new SnapshotFile(platform.fileSystem, directory, snapshot.file, platform.logger);
  }

  /**
   * Restores the snapshot; the records from `safeOffset` on have to be dispatched then. A snapshot that cannot be read is
   * no loss: the whole log is dispatched again.
   */
  async load(): Promise<void> {
    let payload: Buffer | undefined;
    try {
      payload = await this.file.load();
    } catch (error) {
      if (!(error instanceof MessagingError) || error.code !== 'STORE_DAMAGED') throw error;
      this.platform.logger.warn(`${error.message} ${this.snapshot.what} are read from the log instead.`);
    }
    if (payload !== undefined) this.safe = this.followed = this.snapshot.restore(payload);
  }

  /** What the snapshot on the disk accounts for. */
  get safeOffset(): number {
    return this.safe;
  }

  /** Behind the last record that was followed. */
  get dispatchedOffset(): number {
    return this.followed;
  }

  /**
   * Moves behind the record; false when the state knows it already. The dispatcher begins at the smallest safe offset of
   * all its targets, which may lie in front of this one's.
   */
  follow({ physicalOffset, size }: DispatchEntry): boolean {
    if (physicalOffset < this.followed) return false;
    this.followed = physicalOffset + size;
    return true;
  }

  /** Forgets what lies at or behind this log offset. */
  truncate(offset: number): void {
    this.followed = Math.min(this.followed, offset);
  }

  /** Writes a snapshot of what was dispatched so far, unless the one on the disk accounts for it. */
  save(): Promise<void> {
    return this.followed === this.safe ? Promise.resolve() : this.writer.run();
  }

  private async write(): Promise<void> {
    const until = this.followed;
    const encoded = this.snapshot.encode(until);
    try {
      await this.syncLog?.();
      await this.replace(encoded);
    } finally {
      if (!(encoded instanceof Uint8Array)) encoded.release();
    }
    this.safe = until;
  }

  private async replace(encoded: Uint8Array | SnapshotPieces): Promise<void> {
    try {
      if (encoded instanceof Uint8Array) await this.file.write(encoded);
      else await this.file.writePieces(encoded.length, encoded.pieces);
    } catch (error) {
      throw writeFailure(`${this.directory}/${this.snapshot.file}`, error);
    }
  }
}
