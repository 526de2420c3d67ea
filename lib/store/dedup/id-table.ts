import { LIMITS } from '../../protocol/index.js';

/** Where the first message with an id lies, as its producer was told. */
export interface DedupPlace {
  readonly physicalOffset: number;
  readonly queueId: number;
  readonly queueOffset: number;
  /** Milliseconds since 1970. */
  readonly storedAt: number;
  /** The unique key of that message; undefined for one of more than 254 bytes. */
  readonly uniqueKey: string | undefined;
}

/*
 * One entry; little-endian, in pages that no entry crosses. In a snapshot the entries stand one behind the other.
 *
 *   0          8              16          24         28     32          33           34      34+k       34+k+n
 *   +----------+--------------+-----------+----------+------+-----------+------------+-------+----------+
 *   | physical | queue offset | stored at | queue id | hash | id        | key        | key   | id       |
 *   | f64      | f64          | f64       | u32      | u32  | length n  | length k   |       |          |
 *   +----------+--------------+-----------+----------+------+-----------+------------+-------+----------+
 *   Key length 255: 16 bytes that stand for 32 hexadecimal digits, which is what nearly all unique keys are.
 */
const FIXED = 34;
const HEX_KEY = 255;
const HEX_KEY_BYTES = 16;
const HEX = /^[0-9A-F]{32}$/;
const PAGE = 16 * 1024;

const FEWEST_SLOTS = 64;
/** A slot has 8 bytes, and after a doubling four of them stand for one entry. */
const SLOT_BYTES_PER_ENTRY = 32;

/**
 * The ids of one topic in the order of the log, found by hash and compared in full. Pages and slots instead of objects:
 * half a million ids (64 MiB) would otherwise be a million objects for every collection to walk over, and what they take
 * could only be guessed.
 */
export class IdTable {
  private readonly pages: Buffer[] = [];
  /** Bytes in use of each page. */
  private readonly ends: number[] = [];
  /** Positions count on for ever: `page number * PAGE + place in the page`. From 1 on, because 0 is an empty slot. */
  private firstPage = 1;
  /** Where the oldest entry begins in the first page. */
  private head = 0;
  private slots = new Float64Array(FEWEST_SLOTS);
  private used = 0;
  private count = 0;
  private taken = 0;
  private readonly scratch = Buffer.allocUnsafe(LIMITS.dedupIdBytes);

  /** @param hash Of the first bytes of a buffer, 32 bits; seeded, so that nobody can choose ids that all meet in one slot. */
  constructor(private readonly hash: (bytes: Buffer, length: number) => number) {}

  get size(): number {
    return this.count;
  }

  /** Most bytes that the entries need, their slots included; what the pages have besides is one page at each end. */
  get bytes(): number {
    return this.taken + this.count * SLOT_BYTES_PER_ENTRY;
  }

  /** Log offset of the oldest entry; Infinity when there is none. */
  get oldestOffset(): number {
    return this.count === 0 ? Number.POSITIVE_INFINITY : this.pages[0]!.readDoubleLE(this.head);
  }

  /** When the oldest entry was stored; Infinity when there is none. */
  get oldestTime(): number {
    return this.count === 0 ? Number.POSITIVE_INFINITY : this.pages[0]!.readDoubleLE(this.head + 16);
  }

  find(id: string): DedupPlace | undefined {
    const slot = this.slotOf(id);
    if (slot < 0) return undefined;
    const position = this.slots[slot]!;
    return placeAt(this.page(position), position % PAGE);
  }

  /** Takes the place of an older entry with the same id, which then lies idle until its turn to go comes. */
  add(id: string, place: DedupPlace): void {
    const { uniqueKey } = place;
    const hex = uniqueKey !== undefined && HEX.test(uniqueKey);
    const keyBytes = hex ? HEX_KEY_BYTES : uniqueKey === undefined ? 0 : Buffer.byteLength(uniqueKey);
    const key = keyBytes < HEX_KEY ? keyBytes : 0;
    const slot = this.slotOf(id);
    const { scratch } = this;
    const length = scratch.write(id);
    const size = FIXED + key + length;
    const position = this.room(size);
    const page = this.page(position);
    const at = position % PAGE;
    const hash = this.hash(scratch, length) >>> 0;
    page.writeDoubleLE(place.physicalOffset, at);
    page.writeDoubleLE(place.queueOffset, at + 8);
    page.writeDoubleLE(place.storedAt, at + 16);
    page.writeUInt32LE(place.queueId, at + 24);
    page.writeUInt32LE(hash, at + 28);
    page[at + 32] = length;
    page[at + 33] = hex ? HEX_KEY : key;
    if (key > 0) page.write(uniqueKey!, at + FIXED, key, hex ? 'hex' : 'utf8');
    scratch.copy(page, at + FIXED + key, 0, length);
    this.count++;
    this.taken += size;
    if (slot >= 0) this.slots[slot] = position;
    else this.enter(position, hash);
  }

  /** Forgets the oldest entry; there must be one. */
  dropOldest(): void {
    const page = this.pages[0]!;
    const at = this.head;
    const position = this.firstPage * PAGE + at;
    // Not found when a younger entry has its id.
    const slot = this.slotAt(page.readUInt32LE(at + 28), (other) => other === position);
    if (slot >= 0) this.empty(slot);
    const size = sizeAt(page, at);
    this.count--;
    this.taken -= size;
    this.head += size;
    if (this.head === this.ends[0]) {
      this.pages.shift();
      this.ends.shift();
      this.firstPage++;
      this.head = 0;
    }
    if (this.slots.length > FEWEST_SLOTS && this.used * 8 < this.slots.length) this.resize(this.slots.length / 2);
  }

  /** The entries as they stand in a snapshot. */
  encode(): Buffer {
    const bytes = Buffer.allocUnsafe(this.taken);
    let written = 0;
    this.pages.forEach((page, index) => {
      written += page.copy(bytes, written, index === 0 ? this.head : 0, this.ends[index]);
    });
    return bytes;
  }

  /** Calls with every entry of a snapshot, oldest first. */
  static decode(bytes: Buffer, visit: (id: string, place: DedupPlace) => void): void {
    for (let at = 0; at < bytes.length; at += sizeAt(bytes, at)) visit(idAt(bytes, at), placeAt(bytes, at));
  }

  private room(size: number): number {
    let last = this.pages.length - 1;
    if (last < 0 || this.ends[last]! + size > PAGE) {
      this.pages.push(Buffer.allocUnsafeSlow(PAGE));
      this.ends.push(0);
      last++;
    }
    const at = this.ends[last]!;
    this.ends[last] = at + size;
    return (this.firstPage + last) * PAGE + at;
  }

  private page(position: number): Buffer {
    return this.pages[Math.floor(position / PAGE) - this.firstPage]!;
  }

  private slotOf(id: string): number {
    if (this.count === 0) return -1;
    const { scratch } = this;
    const length = scratch.write(id);
    return this.slotAt(this.hash(scratch, length) >>> 0, (position) => {
      const page = this.page(position);
      const at = position % PAGE;
      if (page[at + 32] !== length) return false;
      const from = at + FIXED + keyBytesAt(page, at);
      return page.compare(scratch, 0, length, from, from + length) === 0;
    });
  }

  private slotAt(hash: number, wanted: (position: number) => boolean): number {
    const { slots } = this;
    const mask = slots.length - 1;
    for (let slot = hash & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const position = slots[slot]!;
      if (this.hashAt(position) === hash && wanted(position)) return slot;
    }
    return -1;
  }

  private hashAt(position: number): number {
    return this.page(position).readUInt32LE((position % PAGE) + 28);
  }

  private enter(position: number, hash: number): void {
    if ((this.used + 1) * 2 > this.slots.length) this.resize(this.slots.length * 2);
    this.used++;
    this.fill(position, hash);
  }

  private fill(position: number, hash: number): void {
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
    this.slots[slot] = position;
  }

  /** Moves up what stands behind the gap because its own place was taken, or it would no longer be found. */
  private empty(slot: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let gap = slot;
    for (let next = (gap + 1) & mask; slots[next] !== 0; next = (next + 1) & mask) {
      const own = this.hashAt(slots[next]!) & mask;
      if (((next - own) & mask) < ((next - gap) & mask)) continue;
      slots[gap] = slots[next]!;
      gap = next;
    }
    slots[gap] = 0;
    this.used--;
  }

  private resize(length: number): void {
    const before = this.slots;
    this.slots = new Float64Array(length);
    for (const position of before) if (position !== 0) this.fill(position, this.hashAt(position));
  }
}

function keyBytesAt(page: Buffer, at: number): number {
  const key = page[at + 33]!;
  return key === HEX_KEY ? HEX_KEY_BYTES : key;
}

function sizeAt(page: Buffer, at: number): number {
  return FIXED + keyBytesAt(page, at) + page[at + 32]!;
}

function idAt(page: Buffer, at: number): string {
  const from = at + FIXED + keyBytesAt(page, at);
  return page.toString('utf8', from, from + page[at + 32]!);
}

function placeAt(page: Buffer, at: number): DedupPlace {
  const key = page[at + 33]!;
  const from = at + FIXED;
  return {
    physicalOffset: page.readDoubleLE(at),
    queueOffset: page.readDoubleLE(at + 8),
    storedAt: page.readDoubleLE(at + 16),
    queueId: page.readUInt32LE(at + 24),
    uniqueKey:
      key === HEX_KEY
        ? page.toString('hex', from, from + HEX_KEY_BYTES).toUpperCase()
        : key === 0
          ? undefined
          : page.toString('utf8', from, from + key),
  };
}
