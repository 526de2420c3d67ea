import type { HandlePool } from '../handle-pool.js';
import type { StorePaths } from '../paths.js';

export const BLOCK_BYTES = 256 * 1024;
/** Blocks kept: 16 MiB, for groups that read old messages one behind the other. */
const CACHED_BLOCKS = 64;
/** Reads of the disk at a time: half of Node's default thread pool stays free for the log itself. */
const AT_A_TIME = 2;

/** Blocks read ahead of a reader that takes several at a time. */
const AHEAD = 4;

interface Block {
  readonly bytes: Buffer;
  /** What `bytes` is the begin of. */
  readonly memory: Buffer;
  /** Log offset behind its last byte that was in the log when it was read. */
  readonly end: number;
  /** True once a view was given away: its memory then belongs to the garbage collector, never to a next block. */
  lent: boolean;
}

/** Memory of forgotten blocks that is kept for the next ones. */
const SPARE = 8;

/** Whoever reads: waits in a line of its own, and is remembered for reading ahead. */
export interface ColdCursor {
  lastColdBlock: number;
}

/**
 * Reads of the older log: large aligned blocks, the next one ahead of a reader that goes through in order. Every reader
 * has its own line and the lines take turns, so that one that replays days does not keep the others waiting.
 */
export class ColdReader {
  private readonly cache = new Map<number, Block>();
  private readonly loading = new Map<number, Promise<Block>>();
  private readonly lines = new Map<ColdCursor, (() => void)[]>();
  /**
   * A new block has 64 pages that are touched for the first time, and is memory outside of the heap that makes the collector
   * look at all of it (measured: a quarter of what a broker computes for each message of an old log).
   */
  private readonly spare: Buffer[] = [];
  private running = 0;
  /** Blocks read from the disk. */
  loads = 0;

  constructor(
    private readonly pool: HandlePool,
    private readonly paths: StorePaths,
    readonly segmentBytes: number,
    private readonly writtenOffset: () => number,
  ) {}

  /** The bytes [offset, offset + size) of the log, inside one segment; shorter when the log's file ends before. */
  async read(offset: number, size: number, cursor: ColdCursor): Promise<Buffer> {
    const first = this.blockOf(offset);
    const end = offset + size;
    const block = await this.block(first, Math.min(end, first + BLOCK_BYTES), cursor);
    if (end <= first + BLOCK_BYTES) {
      block.lent = true;
      return block.bytes.subarray(offset - first, end - first);
    }
    const whole = Buffer.allocUnsafe(size);
    let filled = block.bytes.copy(whole, 0, offset - first);
    for (let base = first + BLOCK_BYTES; base < end && filled === base - offset; base += BLOCK_BYTES) {
      const next = await this.block(base, Math.min(end, base + BLOCK_BYTES), cursor);
      filled += next.bytes.copy(whole, filled, 0, Math.min(next.bytes.length, end - base));
    }
    return whole.subarray(0, filled);
  }

  /** The bytes when the block that holds them is at hand: saves a chain of promises per message. */
  peek(offset: number, size: number, cursor: ColdCursor): Buffer | undefined {
    const base = this.blockOf(offset);
    if (cursor.lastColdBlock !== base) return undefined;
    const block = this.cache.get(base);
    if (block === undefined || offset + size > Math.min(block.end, base + BLOCK_BYTES)) return undefined;
    block.lent = true;
    return block.bytes.subarray(offset - base, offset - base + size);
  }

  /** Brings these blocks to hand, in their order; the last one holds everything below `end`. Then reads ahead as far again. */
  async bring(bases: readonly number[], end: number, cursor: ColdCursor): Promise<void> {
    const last = bases[bases.length - 1];
    if (last === undefined) return;
    const inOrder = cursor.lastColdBlock === bases[0]! - BLOCK_BYTES || cursor.lastColdBlock === bases[0];
    await Promise.all(
      bases.map((base) => this.block(base, base === last ? Math.min(end, base + BLOCK_BYTES) : base, cursor)),
    );
    cursor.lastColdBlock = last;
    if (!inOrder) return;
    for (let ahead = 2; ahead <= Math.min(bases.length, AHEAD); ahead++)
      this.readAhead(last + ahead * BLOCK_BYTES, cursor);
  }

  /** Whether the block is at hand, or this reader comes to it in order and will want the next one as well. */
  expects(base: number, cursor: ColdCursor): boolean {
    const { lastColdBlock } = cursor;
    return lastColdBlock === base - BLOCK_BYTES || lastColdBlock === base || this.cache.has(base);
  }

  /** Reads bytes of one segment past the blocks, into the whole of `target`; answers how many the file had. */
  into(target: Buffer, offset: number, cursor: ColdCursor): Promise<number> {
    cursor.lastColdBlock = this.blockOf(offset + target.length - 1);
    const segment = offset - (offset % this.segmentBytes);
    return this.inTurn(cursor, () =>
      this.pool.use(this.paths.segment(segment), 'read', (handle) => handle.read(target, offset - segment)),
    );
  }

  /** Copies the bytes [offset, offset + size) when the blocks that hold them are at hand; otherwise false. */
  copy(offset: number, size: number, target: Buffer, at: number): boolean {
    const end = offset + size;
    for (let base = this.blockOf(offset); base < end; base += BLOCK_BYTES) {
      const block = this.cache.get(base);
      const to = Math.min(end, base + BLOCK_BYTES);
      if (block === undefined || block.end < to || base + block.bytes.length < to) return false;
      const from = Math.max(offset, base);
      block.bytes.copy(target, at + from - offset, from - base, to - base);
    }
    return true;
  }

  /** Where the block begins that holds the byte. */
  blockOf(offset: number): number {
    const inSegment = offset % this.segmentBytes;
    return offset - (inSegment % BLOCK_BYTES);
  }

  /** Forgets what it holds of a segment that goes. */
  forget(base: number): void {
    for (const at of this.cache.keys()) if (at >= base && at < base + this.segmentBytes) this.cache.delete(at);
  }

  /** The block at `base`, holding everything below `needed`. */
  private async block(base: number, needed: number, cursor: ColdCursor): Promise<Block> {
    const inOrder = cursor.lastColdBlock === base - BLOCK_BYTES || cursor.lastColdBlock === base;
    cursor.lastColdBlock = base;
    let block = this.cache.get(base);
    if (block === undefined || block.end < needed) {
      // A block that was read while the log still grew into it is read again, also when that read is under way.
      block = await (this.loading.get(base) ?? this.load(base, cursor));
      if (block.end < needed) block = await this.load(base, cursor);
    } else {
      this.cache.delete(base);
      this.cache.set(base, block);
    }
    if (inOrder) this.readAhead(base + BLOCK_BYTES, cursor);
    return block;
  }

  private readAhead(base: number, cursor: ColdCursor): void {
    if (base % this.segmentBytes === 0 || base + BLOCK_BYTES > this.writtenOffset()) return;
    if (this.cache.has(base) || this.loading.has(base)) return;
    // Whoever needs the block reads it again and sees the error; here nobody waits for it.
    this.load(base, cursor).catch(() => undefined);
  }

  private load(base: number, cursor: ColdCursor): Promise<Block> {
    const loading = this.inTurn(cursor, async () => {
      this.loads++;
      const end = Math.min(base + BLOCK_BYTES, base - (base % this.segmentBytes) + this.segmentBytes);
      const written = Math.min(end, this.writtenOffset());
      const size = Math.max(0, written - base);
      const memory = (size === BLOCK_BYTES ? this.spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(size);
      const segment = base - (base % this.segmentBytes);
      const read = await this.pool.use(this.paths.segment(segment), 'read', (handle) =>
        handle.read(memory, base - segment),
      );
      const block = { bytes: memory.subarray(0, read), memory, end: written, lent: false };
      // Before it is no longer under way: in between somebody would read it once more.
      this.keep(base, block);
      return block;
    }).finally(() => {
      if (this.loading.get(base) === loading) this.loading.delete(base);
    });
    this.loading.set(base, loading);
    return loading;
  }

  private keep(base: number, block: Block): void {
    this.cache.delete(base);
    this.cache.set(base, block);
    if (this.cache.size > CACHED_BLOCKS) this.forgetOldest();
  }

  /**
   * Whoever awaits a block looks at it, or takes its view, in the turn in which it came. Until it is the oldest, as many others
   * have come as are kept, a few at a time: nobody waits for it any more, and its memory can be another's.
   */
  private forgetOldest(): void {
    const [base, { memory, lent }] = this.cache.entries().next().value!;
    this.cache.delete(base);
    if (!lent && memory.length === BLOCK_BYTES && this.spare.length < SPARE) this.spare.push(memory);
  }

  private async inTurn<T>(cursor: ColdCursor, work: () => Promise<T>): Promise<T> {
    if (this.running >= AT_A_TIME) {
      await new Promise<void>((resolve) => {
        const line = this.lines.get(cursor);
        if (line === undefined) this.lines.set(cursor, [resolve]);
        else line.push(resolve);
      });
    } else {
      this.running++;
    }
    try {
      return await work();
    } finally {
      this.next();
    }
  }

  /** Gives the place to the line that has waited longest for a turn; that line then goes to the end. */
  private next(): void {
    const first = this.lines.entries().next();
    if (first.done === true) {
      this.running--;
      return;
    }
    const [cursor, line] = first.value;
    this.lines.delete(cursor);
    const resolve = line.shift()!;
    if (line.length > 0) this.lines.set(cursor, line);
    resolve();
  }
}
