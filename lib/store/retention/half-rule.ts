import type { MessageRecord } from '../../protocol/index.js';
import type { HalfIndex } from '../transactions/half-index.js';
import type { SegmentInfo, StoreMessage } from '../types.js';
import { copyOf, type CopyForwardRule } from './copy-forward-rule.js';

/** A half message lives until its transaction ends, however many segments expire meanwhile. */
export class HalfRule implements CopyForwardRule {
  readonly name = 'half messages';
  readonly knowsCopies = true;

  constructor(private readonly halves: HalfIndex) {}

  candidates(segment: SegmentInfo): Promise<readonly number[]> {
    return Promise.resolve(this.halves.offsetsIn(segment.baseOffset, segment.endOffset));
  }

  hold(physicalOffset: number): boolean {
    return this.halves.hold(physicalOffset);
  }

  release(physicalOffset: number): void {
    this.halves.release(physicalOffset);
  }

  copy(record: MessageRecord): StoreMessage {
    return copyOf(record);
  }
}
