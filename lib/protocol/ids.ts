import { MessagingError } from './errors.js';
import { addressBytes, hostBytes, hostText } from './host.js';
import { readInt64 } from './int64.js';
import { hex16 } from './property-parts.js';

function hex32(value: number): string {
  return hex16(value >>> 16) + hex16(value);
}

// Offset message id, upper-case hexadecimal, 32 characters (56 with an IPv6 address):
//
//   | address 4 or 16 | port, int32 | physical offset, int64 |

const hostHex = new Map<string, string>();
const HOST_CACHE_LIMIT = 256;
let lastPrefix = '';
let lastHigh = -1;
/** All of the id of the last call but its last two bytes, in one flat piece. */
let idBegin = '';

/** Where a message is stored: the broker's `ip:port` and the place in its log. */
export function encodeOffsetMessageId(host: string, physicalOffset: number): string {
  let prefix = hostHex.get(host);
  if (prefix === undefined) {
    prefix = hostBytes(host).toString('hex').toUpperCase();
    if (hostHex.size >= HOST_CACHE_LIMIT) {
      hostHex.clear();
    }
    hostHex.set(host, prefix);
  }
  // Messages that are stored together differ in the last bytes only.
  const high = Math.floor(physicalOffset / 0x1_0000);
  if (high !== lastHigh || prefix !== lastPrefix) {
    lastHigh = high;
    lastPrefix = prefix;
    idBegin = Buffer.from(prefix + hex32(Math.floor(high / 0x1_0000)) + hex16(high), 'latin1').toString('latin1');
  }
  return idBegin + hex16(physicalOffset);
}

let joined = Buffer.alloc(0);
let joinedWords = new DataView(joined.buffer);

/** The ids of several messages at one broker, with commas between them. Put together as bytes: as texts each would be four objects. */
export function joinOffsetMessageIds(host: string, count: number, physicalOffset: (place: number) => number): string {
  let begin = '';
  let beginHigh = -1;
  let at = 0;
  for (let place = 0; place < count; place++) {
    const offset = physicalOffset(place);
    const high = Math.floor(offset / 0x1_0000);
    const last = at - begin.length - 5;
    const same = high === beginHigh;
    if (!same) begin = encodeOffsetMessageId(host, offset).slice(0, -4);
    beginHigh = high;
    const { length } = begin;
    if (at + length + 5 > joined.length) widenJoined(at + length + 5);
    if (same) for (let by = 0; by < length; by += 4) joinedWords.setInt32(at + by, joinedWords.getInt32(last + by));
    else joined.write(begin, at, 'latin1');
    at += length;
    joinedWords.setInt32(at, HEX_WORDS[(offset >>> 8) & 0xff]! | (HEX_WORDS[offset & 0xff]! >>> 16));
    joined[at + 4] = COMMA;
    at += 5;
  }
  return joined.toString('latin1', 0, Math.max(0, at - 1));
}

const COMMA = 0x2c;
/** The digits of each byte, in the upper half of a word. */
const HEX_WORDS = Int32Array.from(
  { length: 256 },
  (_, byte) => Buffer.from(hex16(byte << 8), 'latin1').readInt32BE(0) & ~0xffff,
);

function widenJoined(bytes: number): void {
  const wide = Buffer.allocUnsafeSlow(bytes * 2);
  wide.set(joined);
  joined = wide;
  joinedWords = new DataView(wide.buffer, wide.byteOffset, wide.length);
}

/** Throws BAD_ARGUMENT for what is no offset message id. */
export function decodeOffsetMessageId(id: string): { host: string; physicalOffset: number } {
  const v6 = id.length === 56;
  const bytes = /^[0-9a-fA-F]+$/.test(id) && (v6 || id.length === 32) ? Buffer.from(id, 'hex') : undefined;
  const physicalOffset = bytes === undefined ? -1 : readInt64(bytes, bytes.length - 8);
  if (bytes === undefined || !Number.isSafeInteger(physicalOffset) || physicalOffset < 0) {
    throw new MessagingError('BAD_ARGUMENT', `${JSON.stringify(id.slice(0, 60))} is no offset message id.`);
  }
  return { host: hostText(bytes, 0, v6), physicalOffset };
}

// Unique id (property UNIQ_KEY), upper-case hexadecimal, 32 characters (56 with an IPv6 address):
//
//   | address 4 or 16 | pid, int16 | hash, int32 | ms since the month began, int32 | counter, int16 |

export interface UniqueIdOptions {
  /** The machine's address; a text that is none counts as 127.0.0.1. */
  ip: string;
  pid: number;
  /** Wall time in milliseconds since 1970. */
  now: () => number;
  /** 32 random bits: tells processes apart that share address and pid, as containers do. */
  hash: number;
}

/**
 * Gives an id per call. Two are equal only after 65,536 of them within one millisecond, or a month later to the millisecond.
 * Whoever knows a number that changes each millisecond gives it along: while it is the same the clock is not read again,
 * which would be a tenth of a microsecond.
 */
export type UniqueIds = (tick?: number) => string;

/** The same, for who wants to know of which two parts the last id was made; see PropertyParts. */
export class UniqueIdSource {
  /** Of the last id: all but its last four digits. */
  idBegin: string;
  /** Of the last id: those digits. */
  idEnd = 0;
  private readonly prefix: string;
  private readonly now: () => number;
  private monthStart = 0;
  private monthEnd = -1;
  private lastTime = NaN;
  private counter = 0;
  private lastTick: number | undefined;

  constructor(options: UniqueIdOptions) {
    const address = addressBytes(options.ip) ?? Uint8Array.of(127, 0, 0, 1);
    this.prefix = Buffer.from(address).toString('hex').toUpperCase() + hex16(options.pid) + hex32(options.hash);
    this.idBegin = this.prefix;
    this.now = options.now;
  }

  next(tick?: number): string {
    if (tick === undefined || tick !== this.lastTick) {
      this.lastTick = tick;
      this.look();
    }
    this.idEnd = this.counter;
    this.counter = (this.counter + 1) & 0xffff;
    return this.idBegin + hex16(this.idEnd);
  }

  /** So many ids at once, one behind the other; `idBegin` and `idEnd` are then those of the first one. */
  take(count: number, tick: number): void {
    this.next(tick);
    this.counter = (this.counter + count - 1) & 0xffff;
  }

  private look(): void {
    const time = this.now();
    if (time === this.lastTime) return;
    if (time < this.monthStart || time >= this.monthEnd) {
      const date = new Date(time);
      this.monthStart = new Date(date.getFullYear(), date.getMonth(), 1).getTime();
      this.monthEnd = new Date(date.getFullYear(), date.getMonth() + 1, 1).getTime();
    }
    this.lastTime = time;
    this.idBegin = this.prefix + hex32(time - this.monthStart);
  }
}

export function createUniqueIdFactory(options: UniqueIdOptions): UniqueIds {
  const source = new UniqueIdSource(options);
  return (tick) => source.next(tick);
}
