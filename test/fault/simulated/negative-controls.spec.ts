import { describe, expect, it } from '@jest/globals';
import type { BrokenStore } from './broken-stores.js';
import { inWorker } from './in-worker.js';
import type { ShardReport } from './shard.js';

interface Control {
  /** What of the harness has to notice the mistake; a broken store that is refused for another reason proves nothing. */
  readonly evidence: RegExp;
  /** Half of the crashes, and the state in it, that told last time: a hint, which is where the search begins. */
  readonly told: readonly [shard: number, state: number];
  /** What it needs to make its mistake; default: a store that syncs before it acknowledges, on a disk that syncs in two calls. */
  readonly on?: { readonly flush?: 'async'; readonly syncsWrites: true };
}

const SHARDS = 2;
const CONTROLS: Record<BrokenStore, Control> = {
  'acknowledges before the sync': { evidence: /was acknowledged with offset .* there is nothing/, told: [0, 15] },
  'acknowledges before its one call has synced': {
    evidence: /was acknowledged with offset .* there is nothing/,
    told: [0, 32],
    on: { syncsWrites: true },
  },
  'takes a synced write for a sync of all before it': {
    evidence: /was acknowledged with offset .* there is nothing/,
    told: [0, 99],
    on: { flush: 'async', syncsWrites: true },
  },
  'dispatches what is not visible yet': { evidence: /the consumer saw .* there is nothing/, told: [0, 57] },
  'has no CRC over the properties': { evidence: /its properties are not what was sent/, told: [0, 1088] },
  'gives queue offsets again after retention': { evidence: /was given to .* and again to/, told: [0, 639] },
  'lets half messages expire': { evidence: /the half message .* is lost/, told: [0, 640] },
  'does not see that a transaction was ended': { evidence: /is open although it was ended/, told: [0, 36] },
  'takes a snapshot of the de-duplication for all there is': { evidence: /the id .* is forgotten/, told: [0, 146] },
  'mixes up the entries that a checkpoint has kept': { evidence: /leads to \d+, the log has it at/, told: [0, 45] },
  'zeroes nothing behind the cut': { evidence: /had been cut off and is back/, told: [0, 1252] },
};

describe('The crash harness', () => {
  it.each(Object.entries(CONTROLS) as [BrokenStore, Control][])(
    'finds a store that %s',
    async (broken, { evidence, told, on = { syncsWrites: false } }) => {
      const [half, state] = told;
      const tells = (fault: string): boolean => evidence.test(fault);
      let found: ShardReport | undefined;
      for (let n = 0; n < SHARDS && !found?.faults.some(tells); n++) {
        const shard = (half + n) % SHARDS;
        const from = n === 0 ? state : 0;
        const report: ShardReport = await inWorker({
          ...on,
          part: 'crashes',
          steps: 240,
          shard,
          shards: SHARDS,
          broken,
          evidence,
          from,
        });
        if (report.faults.some(tells) && (n > 0 || report.last !== state))
          process.stdout.write(`"${broken}" is told by state ${report.last} of shard ${shard} now\n`);
        found = report;
      }
      expect(found?.faults.filter(tells).length).toBeGreaterThan(0);
    },
    600_000,
  );
});
