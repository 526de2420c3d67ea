/*
 * LZ4's frame format, little-endian. Our own, since no library there is bounds what a frame unfolds to:
 *
 *   magic u32 | FLG u8 | BD u8 | [content size u64] | [dictionary id u32] | header checksum u8 | block ... | 0 u32 | [content checksum u32]
 *
 *   FLG    version 01 in bits 7-6, then: blocks independent, block checksums, content size, content checksum, -, dictionary id
 *   block  size u32 (bit 31: stored as it is) | bytes | [block checksum u32]
 *   bytes  sequences of: token u8 (literals in the high half, match - 4 in the low one; 15 goes on in bytes of 255) | literals | distance u16
 *
 * Checksums are passed over: the record around the body has its own.
 */
const MAGIC = 0x184d2204;
/** Frames that carry something else; readers pass over them. */
const SKIPPABLE = 0x184d2a50;
const STORED = 0x8000_0000;
const SHORTEST_MATCH = 4;
const FIRST_BYTES = 64 * 1024;

/** Unfolds all frames of `bytes`. Throws an Error saying what is wrong, also when that would be more than `limit` bytes. */
export function decompressLz4Frames(bytes: Buffer, limit: number): Buffer {
  const output = new Unfolded(limit);
  let at = 0;
  while (at < bytes.length) {
    const magic = readWord(bytes, at);
    if (magic === MAGIC) at = decodeFrame(bytes, at + 4, output);
    else if ((magic & 0xffff_fff0) >>> 0 === SKIPPABLE) at += 8 + readWord(bytes, at + 4);
    else throw new Error(`no LZ4 frame begins with 0x${magic.toString(16)}`);
  }
  if (at > bytes.length) throw new Error('the LZ4 frame is cut off');
  return output.taken();
}

function decodeFrame(bytes: Buffer, start: number, output: Unfolded): number {
  // The header is followed by the size of a block or by the end mark: there are four bytes in any case.
  const flags = readWord(bytes, start) & 0xff;
  if (flags >> 6 !== 1) throw new Error(`LZ4 frames of version ${flags >> 6} are not known`);
  if ((flags & 0x01) !== 0) throw new Error('the LZ4 frame needs a dictionary');
  const blockChecksum = (flags & 0x10) === 0 ? 0 : 4;
  const contentChecksum = (flags & 0x04) === 0 ? 0 : 4;
  let at = start + 3 + ((flags & 0x08) === 0 ? 0 : 8);
  // What independent blocks lie behind is nothing that they refer to.
  const independent = (flags & 0x20) !== 0;
  const frameStart = output.length;
  for (;;) {
    const head = readWord(bytes, at);
    at += 4;
    if (head === 0) return at + contentChecksum;
    const size = head & ~STORED;
    if (at + size > bytes.length) throw new Error('the LZ4 frame is cut off');
    if (head >= STORED) output.copy(bytes, at, size);
    else decodeBlock(bytes, at, at + size, output, independent ? output.length : frameStart);
    at += size + blockChecksum;
  }
}

/** @param from Where what a match may refer to begins. */
function decodeBlock(bytes: Buffer, start: number, end: number, output: Unfolded, from: number): void {
  let at = start;
  const length = (first: number): number => {
    let total = first;
    if (first < 15) return total;
    for (let more = 255; more === 255; total += more) {
      if (at >= end) throw new Error('the LZ4 block is cut off');
      more = bytes[at++]!;
    }
    return total;
  };
  while (at < end) {
    const token = bytes[at++]!;
    const literals = length(token >> 4);
    if (at + literals > end) throw new Error('the LZ4 block is cut off');
    output.copy(bytes, at, literals);
    at += literals;
    // The last sequence is literals alone.
    if (at === end) return;
    if (at + 2 > end) throw new Error('the LZ4 block is cut off');
    const distance = bytes.readUInt16LE(at);
    at += 2;
    if (distance === 0 || distance > output.length - from) throw new Error('the LZ4 block refers to what is not there');
    output.repeat(distance, SHORTEST_MATCH + length(token & 15));
  }
}

function readWord(bytes: Buffer, at: number): number {
  if (at + 4 > bytes.length) throw new Error('the LZ4 frame is cut off');
  return bytes.readUInt32LE(at);
}

/** What has been unfolded so far, up to a limit. */
class Unfolded {
  length = 0;
  private bytes: Buffer;

  constructor(private readonly limit: number) {
    this.bytes = Buffer.allocUnsafe(Math.min(limit, FIRST_BYTES));
  }

  copy(source: Buffer, at: number, count: number): void {
    this.makeRoom(count);
    source.copy(this.bytes, this.length, at, at + count);
    this.length += count;
  }

  repeat(distance: number, count: number): void {
    this.makeRoom(count);
    const { bytes, length } = this;
    // A match may reach into itself: then it repeats what it has just written.
    if (distance >= count) bytes.copyWithin(length, length - distance, length - distance + count);
    else for (let index = length; index < length + count; index++) bytes[index] = bytes[index - distance]!;
    this.length += count;
  }

  taken(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  private makeRoom(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    if (needed > this.limit) throw new Error(`it unfolds to more than ${this.limit} bytes`);
    const larger = Buffer.allocUnsafe(Math.min(this.limit, Math.max(needed, this.bytes.length * 2)));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}
