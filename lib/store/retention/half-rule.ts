import { ExtensionProperty, type MessageRecord, setProperty } from '../../protocol/index.js';
import { type HalfIndex, stateOfCopy } from '../transactions/half-index.js';
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

  /** The copy says all that is known of the half message: neither its first record nor the marks of checks outlive it. */
  copy(record: MessageRecord): StoreMessage {
    const message = copyOf(record);
    const half = this.halves.find(record.physicalOffset);
    if (half !== undefined)
      message.properties = setProperty(message.properties, ExtensionProperty.TRANSACTION_HALF, stateOfCopy(half));
    return message;
  }
}
