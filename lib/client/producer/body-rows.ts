import { BodyRow } from '../../protocol/index.js';

/** Rows that are kept for the next batches. */
const SPARE = 16;
/** Larger ones are not kept: few batches are so large, and it would be memory that nobody counts. */
const LARGEST_SPARE = 256 * 1024;
const SMALLEST = 16 * 1024;
const FEWEST_BODIES = 128;

/** Memory for the bodies of batches. That of one that is stored takes the next one, so that it costs the collector nothing. */
export class BodyRows {
  private readonly spare: BodyRow[] = [];

  /** An empty one with room for so much. */
  take(bytes: number, bodies: number): BodyRow {
    const row = this.spare.pop();
    if (row?.holds(bytes, bodies) === true) {
      row.clear();
      return row;
    }
    return new BodyRow(powerOfTwo(Math.max(bytes, SMALLEST)), powerOfTwo(Math.max(bodies, FEWEST_BODIES)));
  }

  /** For one that nobody reads any more: neither a broker nor another attempt. */
  giveBack(row: BodyRow): void {
    if (this.spare.length < SPARE && row.bytes.length <= LARGEST_SPARE) this.spare.push(row);
  }
}

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}
