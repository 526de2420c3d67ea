import { crc32 } from 'node:zlib';
import type { FileHandle, FileSystem, Logger } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { readWhole } from './read-whole.js';

/*
 *   0         4         8              16        20              20+n
 *   +---------+---------+--------------+---------+---------------+
 *   | 'NMQS'  | version | payload      | CRC-32  | payload       |
 *   | 4 bytes | u32     | length n f64 | u32     | n bytes       |
 *   +---------+---------+--------------+---------+---------------+
 *   The CRC covers the first 16 bytes and the payload, so that a length that was torn is found as well.
 */
const MAGIC = 0x4e4d5153;
const FORMAT = 1;
const HEADER = 20;
const CRC_AT = 16;
/** Large snapshots (millions of timers) are hashed and written in pieces, so that the host's loop breathes in between. */
const SLICE = 1 << 20;

/**
 * A small file that is replaced as a whole: temporary name, sync, rename, sync of the directory. The one before is
 * kept under `<name>.previous` and serves when the newest is missing or damaged.
 *
 * One writer at a time: callers serialise `write`.
 */
export class SnapshotFile {
  private readonly newest: string;
  private readonly previous: string;
  private readonly temporary: string;
  private newestDamaged = false;

  constructor(
    private readonly fileSystem: FileSystem,
    private readonly directory: string,
    name: string,
    private readonly logger: Logger,
  ) {
    this.newest = `${directory}/${name}`;
    this.previous = `${this.newest}.previous`;
    this.temporary = `${this.newest}.tmp`;
  }

  /**
   * The payload of the newest valid version; undefined when there has never been one.
   * @throws MessagingError STORE_DAMAGED when versions exist and none of them is valid.
   */
  async load(): Promise<Buffer | undefined> {
    const newest = await readWhole(this.fileSystem, this.newest);
    const checked = newest === undefined ? 'it is missing' : check(newest);
    if (typeof checked !== 'string') return checked;
    const previous = await readWhole(this.fileSystem, this.previous);
    if (newest === undefined && previous === undefined) return undefined;
    const older = previous === undefined ? 'it is missing' : check(previous);
    if (typeof older === 'string') {
      // A crash during the very first write leaves no newest under its final name, so this is damage, not a torn write.
      throw new MessagingError(
        'STORE_DAMAGED',
        `The state file ${this.newest} cannot be read (${checked}), nor can its predecessor ${this.previous} (${older}). ` +
          'Restore one of them from a backup of the store, or start on an empty directory.',
      );
    }
    // A missing newest is what a crash between the two renames leaves; a damaged one is the disk's doing.
    if (newest === undefined)
      this.logger.log(`${this.newest}: a replacement had not been finished; the version before it is used`);
    else {
      this.newestDamaged = true;
      this.logger.warn(`${this.newest} is damaged (${checked}); the version before it is used. Check the disk.`);
    }
    return older;
  }

  /** Resolves when the payload is what a crash from now on would leave. The payload must not change until then. */
  write(payload: Uint8Array): Promise<void> {
    if (payload.length > SLICE) return this.writePieces(payload.length, slices(payload));
    return this.replace(async (file) => {
      const header = headerOf(payload.length);
      header.writeUInt32BE(crc32(payload, crc32(header.subarray(0, CRC_AT))) >>> 0, CRC_AT);
      const whole = Buffer.allocUnsafe(HEADER + payload.length);
      header.copy(whole);
      whole.set(payload, HEADER);
      await file.write(whole, 0);
    });
  }

  /** The same of `length` bytes that come in pieces: each is asked for once the one before has been written. */
  writePieces(length: number, pieces: Iterable<Uint8Array>): Promise<void> {
    return this.replace(async (file) => {
      const header = headerOf(length);
      let crc = crc32(header.subarray(0, CRC_AT));
      let at = HEADER;
      for (const piece of pieces) {
        crc = crc32(piece, crc);
        await file.write(piece, at);
        at += piece.length;
      }
      header.writeUInt32BE(crc >>> 0, CRC_AT);
      await file.write(header, 0);
    });
  }

  private async replace(fill: (file: FileHandle) => Promise<void>): Promise<void> {
    await this.fileSystem.remove(this.temporary);
    const file = await this.fileSystem.open(this.temporary, 'create');
    try {
      await fill(file);
      await file.datasync();
    } finally {
      await file.close();
    }
    // A damaged newest is overwritten: it must not take the place of the valid version that this process started from.
    if (!this.newestDamaged && (await this.fileSystem.exists(this.newest))) {
      await this.fileSystem.rename(this.newest, this.previous);
    }
    await this.fileSystem.rename(this.temporary, this.newest);
    await this.fileSystem.syncDirectory(this.directory);
    this.newestDamaged = false;
  }
}

function headerOf(length: number): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(FORMAT, 4);
  header.writeDoubleBE(length, 8);
  return header;
}

function* slices(payload: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < payload.length; at += SLICE) yield payload.subarray(at, at + SLICE);
}

function check(bytes: Buffer): Buffer | string {
  if (bytes.length < HEADER) return `only ${bytes.length} bytes`;
  if (bytes.readUInt32BE(0) !== MAGIC) return 'not a state file';
  if (bytes.readUInt32BE(4) !== FORMAT) return `format ${bytes.readUInt32BE(4)}, known is ${FORMAT}`;
  const length = bytes.readDoubleBE(8);
  if (length !== bytes.length - HEADER) return `${bytes.length - HEADER} bytes where ${length} were written`;
  const payload = bytes.subarray(HEADER);
  const crc = crc32(payload, crc32(bytes.subarray(0, 16)));
  return crc >>> 0 === bytes.readUInt32BE(16) ? payload : 'its checksum does not match';
}
