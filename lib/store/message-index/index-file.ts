import { crc32 } from 'node:zlib';
import type { FileHandle } from '../../platform/index.js';
import {
  BLOCK_BYTES,
  BLOCK_ENTRIES,
  HEADER_FIELDS,
  headerBytes,
  headerCrc,
  INDEX_MAGIC,
  INDEX_VERSION,
  IndexTable,
  OFFSETS_AT,
  SECONDS_AT,
} from './index-table.js';

/** More entries than any file has: a torn count must not become an allocation. */
const MOST_ENTRIES = 1 << 24;

/** What an index file says is not what was written. It can be made anew from the log. */
export class IndexDamage extends Error {
  override readonly name = 'IndexDamage';

  constructor(
    readonly file: IndexFile,
    why: string,
  ) {
    super(`The index file for log offset ${file.from} is damaged (${why})`);
  }
}

/** A file that is no longer written to. Nothing of it stays in memory but where it lies and what it covers. */
export interface IndexFile {
  readonly count: number;
  /** Log offsets: it knows every record of [from, to). */
  readonly from: number;
  readonly to: number;
  /** Store times in milliseconds; firstTime is above lastTime when it has no entry. */
  readonly firstTime: number;
  readonly lastTime: number;
}

/** Header and directory of the file that should begin at `from`; what is wrong with it otherwise. */
export async function readIndexHeader(
  handle: FileHandle,
  from: number,
): Promise<{ file: IndexFile; header: Buffer } | string> {
  const fixed = Buffer.from(new ArrayBuffer(HEADER_FIELDS));
  if ((await handle.read(fixed, 0)) < HEADER_FIELDS) return 'it is too short';
  const fields = new Float64Array(fixed.buffer);
  const [magic, version, count, start, to, firstTime, lastTime, crc] = fields as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (magic !== INDEX_MAGIC || version !== INDEX_VERSION) return 'no index file of this version and machine';
  if (!Number.isInteger(count) || count < 0 || count > MOST_ENTRIES) return `${count} entries`;
  const header = Buffer.from(new ArrayBuffer(headerBytes(count)));
  if ((await handle.read(header, 0)) < header.length) return 'it is too short';
  if (headerCrc(header) !== crc) return 'the checksum of its header does not match';
  if (start !== from) return `it begins at log offset ${start}`;
  return { file: { count, from, to, firstTime, lastTime }, header };
}

/**
 * Log offsets of what has this hash and was stored in these seconds, the youngest first. Two reads for nearly every key:
 * the header, and the one block that can have it.
 * @throws IndexDamage
 */
export async function* findInFile(
  handle: FileHandle,
  file: IndexFile,
  hash: number,
  fromSecond: number,
  toSecond: number,
): AsyncGenerator<number> {
  const read = await readIndexHeader(handle, file.from);
  if (typeof read === 'string') throw new IndexDamage(file, read);
  const { header } = read;
  const blocks = Math.ceil(file.count / BLOCK_ENTRIES);
  const directory = new Uint32Array(header.buffer, HEADER_FIELDS, blocks * 2);
  // The block in front of the first that begins at the hash, or above it, may end with it.
  let low = 0;
  let high = blocks;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (directory[middle * 2]! < hash) low = middle + 1;
    else high = middle;
  }
  for (let block = Math.max(0, low - 1); block < blocks && directory[block * 2]! <= hash; block++) {
    const { hashes, seconds, offsets, count } = await readBlock(handle, file, header.length, directory, block);
    for (let at = 0; at < count; at++) {
      if (hashes[at] !== hash) continue;
      const second = seconds[at]!;
      if (second >= fromSecond && second <= toSecond) yield offsets[at]!;
    }
  }
}

/** The file as a table that can be added to. @throws IndexDamage */
export async function readTable(handle: FileHandle, file: IndexFile): Promise<IndexTable> {
  const read = await readIndexHeader(handle, file.from);
  if (typeof read === 'string') throw new IndexDamage(file, read);
  const blocks = Math.ceil(file.count / BLOCK_ENTRIES);
  const directory = new Uint32Array(read.header.buffer, HEADER_FIELDS, blocks * 2);
  const entries: { hash: number; second: number; offset: number }[] = [];
  for (let block = 0; block < blocks; block++) {
    const { hashes, seconds, offsets, count } = await readBlock(handle, file, read.header.length, directory, block);
    for (let at = 0; at < count; at++) entries.push({ hash: hashes[at]!, second: seconds[at]!, offset: offsets[at]! });
  }
  const table = new IndexTable(file.from);
  // A table is in the order of the log.
  for (const { hash, second, offset } of entries.toSorted((a, b) => a.offset - b.offset))
    table.add(hash, second * 1000, offset);
  table.to = file.to;
  table.firstTime = file.firstTime;
  table.lastTime = file.lastTime;
  return table;
}

async function readBlock(
  handle: FileHandle,
  file: IndexFile,
  header: number,
  directory: Uint32Array,
  block: number,
): Promise<{ hashes: Uint32Array; seconds: Uint32Array; offsets: Float64Array; count: number }> {
  const bytes = new ArrayBuffer(BLOCK_BYTES);
  const read = await handle.read(new Uint8Array(bytes), header + block * BLOCK_BYTES);
  if (read < BLOCK_BYTES) throw new IndexDamage(file, 'it is too short');
  if (crc32(new Uint8Array(bytes)) >>> 0 !== directory[block * 2 + 1])
    throw new IndexDamage(file, `the checksum of block ${block} does not match`);
  return {
    hashes: new Uint32Array(bytes, 0, BLOCK_ENTRIES),
    seconds: new Uint32Array(bytes, SECONDS_AT, BLOCK_ENTRIES),
    offsets: new Float64Array(bytes, OFFSETS_AT, BLOCK_ENTRIES),
    count: Math.min(BLOCK_ENTRIES, file.count - block * BLOCK_ENTRIES),
  };
}
