import { crc32 } from 'node:zlib';
import { LIMITS } from '../names.js';

/*
 * CRC-32 of a record in one pass over its body. The body's CRC has to be known anyhow (the record names it), and the CRC
 * of header and body together follows from the two: moving the header's CRC past so many bytes is a multiplication by
 * x^(8 × bytes) in GF(2)[x] modulo the CRC's polynomial. As everywhere with this CRC, bit 31 stands for x^0.
 */

const POLYNOMIAL = 0xedb88320 | 0;
const ONE = 0x8000_0000 | 0;
const X_8 = 0x0080_0000;

/**
 * Below, a loop of ours beats the call into zlib, whose call alone takes as long as 200 bytes of the loop (measured: 88 bytes
 * 57 against 138 ns, 190 bytes 112 against 188, 350 bytes 214 against 212).
 */
const SHORT = 256;
export const SHORT_IN_VIEW = 400;
const STEP = 16;

/** Row k holds the CRC of each byte with k zero bytes behind it: 16 bytes are then 16 look-ups that do not wait for each other. */
const TABLE = tables();

function tables(): Int32Array {
  const table = new Int32Array(256 * STEP);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (POLYNOMIAL & -(crc & 1));
    table[byte] = crc;
  }
  for (let at = 256; at < table.length; at++) table[at] = (table[at - 256]! >>> 8) ^ table[table[at - 256]! & 255]!;
  return table;
}

/** CRC-32 of the bytes [from, to), going on from the CRC of what stands before them. As a signed integer. */
export function crcOf(bytes: Buffer, from: number, to: number, previous = 0): number {
  if (to - from > SHORT) {
    const part = from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);
    return crc32(part, previous >>> 0) | 0;
  }
  const table = TABLE;
  let crc = ~previous;
  let at = from;
  for (const end = to - STEP; at <= end; at += STEP) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      table[3840 | (crc & 255)]! ^
      table[3584 | ((crc >>> 8) & 255)]! ^
      table[3328 | ((crc >>> 16) & 255)]! ^
      table[3072 | (crc >>> 24)]! ^
      table[2816 | bytes[at + 4]!]! ^
      table[2560 | bytes[at + 5]!]! ^
      table[2304 | bytes[at + 6]!]! ^
      table[2048 | bytes[at + 7]!]! ^
      table[1792 | bytes[at + 8]!]! ^
      table[1536 | bytes[at + 9]!]! ^
      table[1280 | bytes[at + 10]!]! ^
      table[1024 | bytes[at + 11]!]! ^
      table[768 | bytes[at + 12]!]! ^
      table[512 | bytes[at + 13]!]! ^
      table[256 | bytes[at + 14]!]! ^
      table[bytes[at + 15]!]!;
  }
  for (; at < to; at++) crc = table[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
  return ~crc;
}

/**
 * The same of bytes under a view, which are read a word at a time: 100 bytes take 47 ns instead of 68. Up to `SHORT_IN_VIEW` of
 * them it beats the call into zlib.
 */
export function crcInView(view: DataView, from: number, to: number): number {
  let crc = -1;
  let at = from;
  for (const end = to - STEP; at <= end; at += STEP) {
    const a = view.getInt32(at, true) ^ crc;
    crc = ofFourWords(a, view.getInt32(at + 4, true), view.getInt32(at + 8, true), view.getInt32(at + 12, true));
  }
  for (const end = to - 4; at <= end; at += 4) crc = ofWord(view.getInt32(at, true) ^ crc);
  for (; at < to; at++) crc = TABLE[(crc ^ view.getUint8(at)) & 255]! ^ (crc >>> 8);
  return ~crc;
}

/** The same of bytes that are copied from under another view on the way, without a view of their own for that. */
export function crcOfCopy(source: DataView, from: number, target: DataView, to: number, bytes: number): number {
  let crc = -1;
  let at = from;
  const by = to - from;
  const behind = from + bytes;
  for (const end = behind - STEP; at <= end; at += STEP) {
    const a = source.getInt32(at, true);
    const b = source.getInt32(at + 4, true);
    const c = source.getInt32(at + 8, true);
    const d = source.getInt32(at + 12, true);
    target.setInt32(at + by, a, true);
    target.setInt32(at + by + 4, b, true);
    target.setInt32(at + by + 8, c, true);
    target.setInt32(at + by + 12, d, true);
    crc = ofFourWords(a ^ crc, b, c, d);
  }
  for (const end = behind - 4; at <= end; at += 4) {
    const a = source.getInt32(at, true);
    target.setInt32(at + by, a, true);
    crc = ofWord(a ^ crc);
  }
  for (; at < behind; at++) {
    const byte = source.getUint8(at);
    target.setUint8(at + by, byte);
    crc = TABLE[(crc ^ byte) & 255]! ^ (crc >>> 8);
  }
  return ~crc;
}

/** What four words make of a CRC, with which the first one is combined already. Inlined where it is called. */
function ofFourWords(a: number, b: number, c: number, d: number): number {
  const table = TABLE;
  return (
    table[3840 | (a & 255)]! ^
    table[3584 | ((a >>> 8) & 255)]! ^
    table[3328 | ((a >>> 16) & 255)]! ^
    table[3072 | (a >>> 24)]! ^
    table[2816 | (b & 255)]! ^
    table[2560 | ((b >>> 8) & 255)]! ^
    table[2304 | ((b >>> 16) & 255)]! ^
    table[2048 | (b >>> 24)]! ^
    table[1792 | (c & 255)]! ^
    table[1536 | ((c >>> 8) & 255)]! ^
    table[1280 | ((c >>> 16) & 255)]! ^
    table[1024 | (c >>> 24)]! ^
    table[768 | (d & 255)]! ^
    table[512 | ((d >>> 8) & 255)]! ^
    table[256 | ((d >>> 16) & 255)]! ^
    table[d >>> 24]!
  );
}

function ofWord(a: number): number {
  const table = TABLE;
  return (
    table[768 | (a & 255)]! ^ table[512 | ((a >>> 8) & 255)]! ^ table[256 | ((a >>> 16) & 255)]! ^ table[a >>> 24]!
  );
}

/**
 * One byte more behind others of which this is what they add to a CRC, 0 of none: a term of a sum, without what every CRC begins
 * and ends with.
 */
export function crcBehind(others: number, byte: number): number {
  return TABLE[(others ^ byte) & 255]! ^ (others >>> 8);
}

/** The CRC of two stretches of which the second one has so many bytes, from the CRCs of both. */
export function joinedCrc(first: number, second: number, secondBytes: number): number {
  const place = secondBytes & (KNOWN - 1);
  if (lengths[place] !== secondBytes) {
    lengths[place] = secondBytes;
    known[place] = 0;
  } else if (known[place] === 0) {
    // Only for a length that comes again: filling a table takes as long as two of the products that it saves.
    fillByBits(tables16, place * WORD_TABLE, powersFrom(powerOf(secondBytes)));
    known[place] = 1;
  }
  if (known[place] === 0) return product(first, powerOf(secondBytes)) ^ second;
  return byNibbles(tables16, place * WORD_TABLE, first) ^ second;
}

/** Lengths that came last: bodies are mostly of a few sizes, or of similar ones. */
const KNOWN = 256;
/**
 * A linear function of 32 bits as eight rows of sixteen: its value is the sum of one number of each row. Eight look-ups take
 * 5 ns, a sum over 32 bits 30.
 */
export const WORD_TABLE = 8 * 16;
const tables16 = new Int32Array(KNOWN * WORD_TABLE);
const lengths = new Int32Array(KNOWN).fill(-1);
/** Whether the table of a length is filled. */
const known = new Uint8Array(KNOWN);

/** The value of such a function, whose table begins at `start`. */
export function byNibbles(table: Int32Array, start: number, word: number): number {
  return (
    table[start + (word & 15)]! ^
    table[start + 16 + ((word >>> 4) & 15)]! ^
    table[start + 32 + ((word >>> 8) & 15)]! ^
    table[start + 48 + ((word >>> 12) & 15)]! ^
    table[start + 64 + ((word >>> 16) & 15)]! ^
    table[start + 80 + ((word >>> 20) & 15)]! ^
    table[start + 96 + ((word >>> 24) & 15)]! ^
    table[start + 112 + (word >>> 28)]!
  );
}

/** Fills a table from what the function makes of each single bit. */
export function fillByBits(table: Int32Array, start: number, ofBit: Int32Array): void {
  for (let row = 0; row < 8; row++) {
    for (let value = 1; value < 16; value++) {
      const top = 31 - Math.clz32(value);
      const rest = table[start + row * 16 + (value ^ (1 << top))]!;
      table[start + row * 16 + value] = rest ^ ofBit[row * 4 + top]!;
    }
  }
}

const bits = new Int32Array(32);

/** What each bit of a CRC becomes behind so many bytes, from what becomes of x^0; overwritten by the next call. */
function powersFrom(power: number): Int32Array {
  for (let bit = 31; bit >= 0; bit--) {
    bits[bit] = power;
    power = (power >>> 1) ^ (POLYNOMIAL & -(power & 1));
  }
  return bits;
}

/** A table that moves a CRC past so many bytes. */
export function shiftTable(bytes: number): Int32Array {
  const table = new Int32Array(WORD_TABLE);
  fillByBits(table, 0, powersFrom(powerOf(bytes)));
  return table;
}

/** What a byte with so many behind it adds to the CRC of a stretch in which it was zero. */
export function crcOfByte(byte: number, bytesBehind: number): number {
  return product(TABLE[byte]!, powerOf(bytesBehind));
}

/** The same of a big-endian word, as a table. */
export function wordTable(bytesBehind: number): Int32Array {
  const table = new Int32Array(WORD_TABLE);
  const ofBit = new Int32Array(32);
  for (let bit = 0; bit < 32; bit++) ofBit[bit] = crcOfByte(1 << (bit & 7), bytesBehind + (bit >>> 3));
  fillByBits(table, 0, ofBit);
  return table;
}

const LOW_BITS = 10;
/** x^(8 n) for n below 1024, and x^(8 × 1024 n): two look-ups make the power of any length up to the largest body's. */
const low = powers(1 << LOW_BITS, X_8);
const high = powers((LIMITS.bodyBytes >>> LOW_BITS) + 1, product(low.at(-1)!, X_8));
const LONGEST = (high.length << LOW_BITS) - 1;

function powers(count: number, base: number): Int32Array {
  const table = new Int32Array(count);
  table[0] = ONE;
  for (let at = 1; at < count; at++) table[at] = product(table[at - 1]!, base);
  return table;
}

function powerOf(bytes: number): number {
  if (bytes > LONGEST) return product(powerOf(LONGEST), powerOf(bytes - LONGEST));
  return product(low[bytes & ((1 << LOW_BITS) - 1)]!, high[bytes >>> LOW_BITS]!);
}

function product(first: number, second: number): number {
  let sum = 0;
  let moved = second;
  for (let bit = 31; bit >= 0; bit--) {
    sum ^= moved & -((first >>> bit) & 1);
    moved = (moved >>> 1) ^ (POLYNOMIAL & -(moved & 1));
  }
  return sum;
}
