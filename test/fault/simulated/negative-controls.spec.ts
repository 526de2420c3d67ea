import { describe, expect, it } from '@jest/globals';
import type { BrokenStore } from './broken-stores.js';
import { inWorker } from './in-worker.js';
import type { ShardReport } from './shard.js';

/** What of the harness has to notice each mistake; a broken store that is refused for another reason proves nothing. */
const CONTROLS: [BrokenStore, RegExp][] = [
  ['acknowledges before the sync', /was acknowledged with offset .* there is nothing/],
  ['dispatches what is not visible yet', /the consumer saw .* there is nothing/],
  ['has no CRC over the properties', /its properties are not what was sent/],
  ['gives queue offsets again after retention', /was given to .* and again to/],
  ['lets half messages expire', /the half message .* is lost/],
  ['does not see that a transaction was ended', /is open although it was ended/],
  ['takes a snapshot of the de-duplication for all there is', /the id .* is forgotten/],
  ['zeroes nothing behind the cut', /had been cut off and is back/],
];

describe('The crash harness', () => {
  it.each(CONTROLS)(
    'finds a store that %s',
    async (broken, evidence) => {
      let found: ShardReport | undefined;
      // One half of the crashes is enough for most; luck may have put the telling one into the other half.
      for (let shard = 0; shard < 2 && !found?.faults.some((fault) => evidence.test(fault)); shard++) {
        found = await inWorker<ShardReport>({ part: 'crashes', steps: 240, shard, shards: 2, broken, evidence });
      }
      expect(found?.faults.filter((fault) => evidence.test(fault)).length).toBeGreaterThan(0);
    },
    600_000,
  );
});
