import type { FileHandle, FileSystem, Platform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { fileName, type StorePaths } from '../paths.js';
import { SnapshotFile } from '../state/snapshot-file.js';

/** A stretch of the log that holds no valid records although it lies in front of valid ones. */
export interface DamagedRange {
  readonly from: number;
  readonly to: number;
  readonly why: string;
}

const COPY_BYTES = 1024 * 1024;

/** The stretches that were accepted as damaged: known, so that they are passed over at the next start instead of reported anew. */
export class DamageList {
  private constructor(
    private readonly file: SnapshotFile,
    private readonly ranges: DamagedRange[],
  ) {}

  static async open(platform: Platform, paths: StorePaths): Promise<DamageList> {
    const file = new SnapshotFile(platform.fileSystem, paths.state, 'damage', platform.logger);
    const payload = await file.load();
    return new DamageList(file, payload === undefined ? [] : (JSON.parse(payload.toString()) as DamagedRange[]));
  }

  get all(): readonly DamagedRange[] {
    return this.ranges;
  }

  /** Where a known stretch that begins here ends. */
  endOf(offset: number): number | undefined {
    return this.ranges.find((range) => range.from === offset)?.to;
  }

  async accept(range: DamagedRange): Promise<void> {
    this.ranges.push(range);
    await this.file.write(Buffer.from(JSON.stringify(this.ranges)));
  }
}

/** Keeps a copy of the damaged bytes: the log's own file may be recycled one day. Returns where it lies. */
export async function quarantine(
  fileSystem: FileSystem,
  paths: StorePaths,
  file: FileHandle,
  base: number,
  range: DamagedRange,
): Promise<string> {
  await fileSystem.makeDirectory(paths.quarantine);
  const path = `${paths.quarantine}/${fileName(range.from)}`;
  await fileSystem.remove(path);
  const copy = await fileSystem.open(path, 'create');
  try {
    const bytes = Buffer.allocUnsafe(Math.min(COPY_BYTES, range.to - range.from));
    for (let at = range.from; at < range.to; at += bytes.length) {
      const read = await file.read(bytes.subarray(0, Math.min(bytes.length, range.to - at)), at - base);
      if (read === 0) break;
      await copy.write(bytes.subarray(0, read), at - range.from);
    }
    await copy.datasync();
  } finally {
    await copy.close();
  }
  await fileSystem.syncDirectory(paths.quarantine);
  return path;
}

export function damageError(range: DamagedRange, segmentPath: string, copy: string): MessagingError {
  return new MessagingError(
    'STORE_DAMAGED',
    `${segmentPath} is damaged at log offset ${range.from} (${range.why}), in front of valid records at ${range.to}. ` +
      `A copy of the damaged bytes is in ${copy}; nothing was changed. Restore the file from a backup, or open the store with acceptDamage to go on without the messages in between.`,
  );
}
