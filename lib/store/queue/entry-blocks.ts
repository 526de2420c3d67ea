import { ENTRY_BYTES } from './queue-files.js';

const SMALLEST = 16;
const LARGEST = 4096;
const TWO_32 = 0x1_0000_0000;
const ENTRY_WORDS = ENTRY_BYTES / 4;
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** A word as it is stored, whose first byte is the highest. */
function stored(word: number): number {
  if (!LITTLE_ENDIAN) return word;
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/**
 * A run of consecutive entries as queue files have them: what is entered touches one stretch of memory, not one for each
 * column (with ten thousand queues none of them is in the processor's caches), and a checkpoint copies it as it is.
 */
class EntryBlock {
  count = 0;
  private readonly words: Int32Array;

  constructor(
    public first: number,
    readonly capacity: number,
  ) {
    this.words = new Int32Array(capacity * ENTRY_WORDS);
  }

  set(position: number, physicalOffset: number, size: number, tagsCode: number): void {
    const { words } = this;
    const at = position * ENTRY_WORDS;
    const high = Math.floor(physicalOffset / TWO_32);
    const tagsHigh = Math.floor(tagsCode / TWO_32);
    words[at] = stored(high);
    words[at + 1] = stored(physicalOffset - high * TWO_32);
    words[at + 2] = stored(size);
    words[at + 3] = stored(tagsHigh);
    words[at + 4] = stored(tagsCode - tagsHigh * TWO_32);
  }

  physicalOffset(position: number): number {
    return this.double(position * ENTRY_WORDS);
  }

  size(position: number): number {
    return stored(this.words[position * ENTRY_WORDS + 2]!);
  }

  tagsCode(position: number): number {
    return this.double(position * ENTRY_WORDS + 3);
  }

  copyTo(target: Buffer, start: number, position: number, count: number): void {
    const { buffer } = this.words;
    target.set(new Uint8Array(buffer, position * ENTRY_BYTES, count * ENTRY_BYTES), start);
  }

  private double(at: number): number {
    const { words } = this;
    return stored(words[at]!) * TWO_32 + (stored(words[at + 1]!) >>> 0);
  }
}

/**
 * The largest blocks that no queue needs any more, for the next ones that do: as memory of its own each is 80 KiB outside of the
 * heap, of which a few MiB are reason for a collection of all of it. A checkpoint sets some dozens free at once.
 */
const spare: EntryBlock[] = [];
const MOST_SPARE = 128;

function blockFrom(first: number, capacity: number): EntryBlock {
  const block = capacity === LARGEST ? spare.pop() : undefined;
  if (block === undefined) return new EntryBlock(first, capacity);
  block.first = first;
  block.count = 0;
  return block;
}

function giveBack(block: EntryBlock): void {
  if (block.capacity === LARGEST && spare.length < MOST_SPARE) spare.push(block);
}

/**
 * The newest entries of one consume queue in memory. Blocks start small and double, because a store may have ten
 * thousand queues of which most hold a handful of messages.
 */
export class EntryBlocks {
  private blocks: EntryBlock[] = [];
  private last: EntryBlock | undefined;
  /** The block found last: reads walk forward, so the next entry is mostly in it. */
  private found: EntryBlock | undefined;

  /** Index of the oldest entry in memory; `otherwise` when there is none. */
  start(otherwise: number): number {
    return this.blocks.length > 0 ? this.blocks[0]!.first : otherwise;
  }

  push(index: number, physicalOffset: number, size: number, tagsCode: number): void {
    let block = this.last;
    if (block === undefined || block.count === block.capacity) {
      block = blockFrom(index, block === undefined ? SMALLEST : Math.min(LARGEST, block.capacity * 2));
      this.blocks.push(block);
      this.last = block;
    }
    block.set(block.count++, physicalOffset, size, tagsCode);
  }

  physicalOffset(index: number): number {
    const block = this.blockOf(index);
    return block.physicalOffset(index - block.first);
  }

  size(index: number): number {
    const block = this.blockOf(index);
    return block.size(index - block.first);
  }

  tagsCode(index: number): number {
    const block = this.blockOf(index);
    return block.tagsCode(index - block.first);
  }

  /** Forgets blocks that lie on disk (below `flushed`) and whose records are no longer in memory either. */
  evict(flushed: number, tailStart: number): void {
    let drop = 0;
    while (drop < this.blocks.length) {
      const block = this.blocks[drop]!;
      if (block.first + block.count > flushed || block.physicalOffset(block.count - 1) >= tailStart) break;
      drop++;
    }
    if (drop === 0) return;
    this.blocks.splice(0, drop).forEach(giveBack);
    this.found = undefined;
    if (this.blocks.length === 0) this.last = undefined;
  }

  /** Forgets everything from the index on. */
  cut(index: number): void {
    this.blocks = this.blocks.filter((block) => block.first < index);
    this.last = this.blocks[this.blocks.length - 1];
    if (this.last !== undefined) this.last.count = Math.min(this.last.count, index - this.last.first);
    this.found = undefined;
  }

  /** The entries [from, to) as they lie on disk. */
  encode(from: number, to: number): Buffer {
    const bytes = Buffer.allocUnsafe((to - from) * ENTRY_BYTES);
    this.encodeInto(bytes, 0, from, to);
    return bytes;
  }

  /** The same, to where `target` has room for them. */
  encodeInto(target: Buffer, start: number, from: number, to: number): void {
    for (let index = from; index < to;) {
      const block = this.blockOf(index);
      const first = index - block.first;
      const count = Math.min(block.count - first, to - index);
      block.copyTo(target, start + (index - from) * ENTRY_BYTES, first, count);
      index += count;
    }
  }

  private blockOf(index: number): EntryBlock {
    const found = this.found;
    if (found !== undefined && index >= found.first && index < found.first + found.count) return found;
    let low = 0;
    let high = this.blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.blocks[middle]!.first <= index) low = middle;
      else high = middle - 1;
    }
    const block = this.blocks[low]!;
    this.found = block;
    return block;
  }
}

// One entry, big-endian, RocketMQ's consume queue:
//
//   0                 8          12                20
//   +-----------------+----------+-----------------+
//   | physical offset | size     | tags code       |
//   +-----------------+----------+-----------------+
export function entryPhysicalOffset(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4);
}

export function entrySize(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at + 8);
}

export function entryTagsCode(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at + 12) * TWO_32 + bytes.readUInt32BE(at + 16);
}
