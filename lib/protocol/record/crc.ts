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

/** The CRC of two stretches of which the second one has so many bytes, from the CRCs of both. */
export function joinedCrc(first: number, second: number, secondBytes: number): number {
  const shift = shiftOver(secondBytes);
  let crc = second;
  for (let bit = 0, at = shift; bit < 32; bit++, at++) crc ^= shifts[at]! & -((first >>> (31 - bit)) & 1);
  return crc;
}

/** x^(8 × bytes) times each power of x, for the lengths that came last: bodies are mostly of a few sizes, or of similar ones. */
const KNOWN = 256;
const shifts = new Int32Array(KNOWN * 32);
const shiftLengths = new Int32Array(KNOWN).fill(-1);

/** Where in `shifts` the 32 numbers for this length begin. */
function shiftOver(bytes: number): number {
  const place = bytes & (KNOWN - 1);
  const start = place * 32;
  if (shiftLengths[place] !== bytes) {
    shiftLengths[place] = bytes;
    let power = powerOf(bytes);
    for (let at = start; at < start + 32; at++) {
      shifts[at] = power;
      power = (power >>> 1) ^ (POLYNOMIAL & -(power & 1));
    }
  }
  return start;
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
