import type { Platform } from '../../platform/index.js';
import { JournaledTable } from './journaled-table.js';

/** What has become of a dead letter after it was written. */
export const LetterState = { OPEN: 0, RESENT: 1, REMOVED: 2 } as const;
export type LetterState = (typeof LetterState)[keyof typeof LetterState];

/*
 * One value of the table, base64 of
 *
 *   +-----------+-----------+----
 *   | 4 letters | 4 letters | …     1,024 bytes: two bits a letter, the lowest bits for the lowest offset
 *   +-----------+-----------+----
 *
 * so a mark costs one record of 1.4 KB however letters were settled before it, and a million letters 350 KB of memory.
 */
const BLOCK = 4096;
const BLOCK_BYTES = BLOCK / 4;

/**
 * Which dead letters are settled: resent or removed. Truth, not derived: the letters outlive the log, and their marks
 * must. Keyed by the number of the topic, so a topic made anew has letters of its own.
 */
export class SettledLetters {
  private constructor(private readonly table: JournaledTable<string>) {}

  /** @param exists whether there is a topic of this number; marks of others are dropped. */
  static async open(
    platform: Platform,
    directory: string,
    exists: (topicNumber: number) => boolean,
  ): Promise<SettledLetters> {
    const table = await JournaledTable.open<string>(platform.fileSystem, directory, 'settled', platform.logger);
    const gone = [...table.all()].filter(([key]) => !exists(parse(key).topicNumber));
    for (const [key] of gone) {
      table.set(key, undefined).catch((error: unknown) => {
        platform.logger.warn(`Marks of a deleted topic's dead letters stay for now: ${(error as Error).message}`);
      });
    }
    return new SettledLetters(table);
  }

  stateOf(topicNumber: number, queueId: number, offset: number): LetterState {
    const block = this.table.get(keyOf(topicNumber, queueId, offset));
    return block === undefined ? LetterState.OPEN : read(Buffer.from(block, 'base64'), offset % BLOCK);
  }

  /** One byte a letter, from the first offset on. */
  states(topicNumber: number, queueId: number, from: number, count: number): Buffer {
    const states = Buffer.alloc(count);
    for (let at = 0; at < count;) {
      const offset = from + at;
      const length = Math.min(count - at, BLOCK - (offset % BLOCK));
      const text = this.table.get(keyOf(topicNumber, queueId, offset));
      if (text !== undefined) {
        const block = Buffer.from(text, 'base64');
        for (let index = 0; index < length; index++) states[at + index] = read(block, (offset % BLOCK) + index);
      }
      at += length;
    }
    return states;
  }

  /**
   * Resolves when the marks are durable. What lies before `minOffset` is gone, and so are its marks.
   * @throws MessagingError DISK_FULL, BROKER_ERROR.
   */
  async mark(
    topicNumber: number,
    queueId: number,
    offsets: readonly number[],
    state: LetterState,
    minOffset: number,
  ): Promise<void> {
    const blocks = new Map<string, Buffer>();
    for (const offset of offsets) {
      const key = keyOf(topicNumber, queueId, offset);
      let block = blocks.get(key);
      if (block === undefined) {
        const text = this.table.peek(key);
        block = text === undefined ? Buffer.alloc(BLOCK_BYTES) : Buffer.from(text, 'base64');
        blocks.set(key, block);
      }
      write(block, offset % BLOCK, state);
    }
    const writes = [...blocks].map(([key, block]) => this.table.set(key, block.toString('base64')));
    for (const [key] of this.table.all()) {
      const { topicNumber: number, queueId: queue, block } = parse(key);
      if (number === topicNumber && queue === queueId && (block + 1) * BLOCK <= minOffset && !blocks.has(key))
        writes.push(this.table.set(key, undefined));
    }
    await Promise.all(writes);
  }

  /**
   * After a recovery that lost the end of the log: other letters will get those offsets, and they are open. Resolves
   * when that is durable; nothing may be appended before.
   */
  async clampTo(end: (topicNumber: number, queueId: number) => number): Promise<void> {
    const writes: Promise<void>[] = [];
    for (const [key, text] of this.table.all()) {
      const { topicNumber, queueId, block } = parse(key);
      const kept = end(topicNumber, queueId) - block * BLOCK;
      if (kept >= BLOCK) continue;
      if (kept <= 0) {
        writes.push(this.table.set(key, undefined));
        continue;
      }
      const bytes = Buffer.from(text, 'base64');
      for (let index = kept; index < BLOCK; index++) write(bytes, index, LetterState.OPEN);
      writes.push(this.table.set(key, bytes.toString('base64')));
    }
    await Promise.all(writes);
  }

  close(): Promise<void> {
    return this.table.close();
  }
}

function keyOf(topicNumber: number, queueId: number, offset: number): string {
  return `${topicNumber} ${queueId} ${Math.floor(offset / BLOCK)}`;
}

function parse(key: string): { topicNumber: number; queueId: number; block: number } {
  const [topicNumber, queueId, block] = key.split(' ').map(Number) as [number, number, number];
  return { topicNumber, queueId, block };
}

function read(block: Buffer, index: number): LetterState {
  // Both bits set is no state that is ever written; such a letter is not offered.
  return Math.min((block[index >> 2]! >> ((index & 3) * 2)) & 3, LetterState.REMOVED) as LetterState;
}

function write(block: Buffer, index: number, state: LetterState): void {
  const shift = (index & 3) * 2;
  block[index >> 2] = (block[index >> 2]! & ~(3 << shift)) | (state << shift);
}
