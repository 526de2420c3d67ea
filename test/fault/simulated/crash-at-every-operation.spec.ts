import { describe, expect, it } from '@jest/globals';
import { CRASH_POLICIES } from '../../../lib/platform/index.js';
import { inWorker } from './in-worker.js';
import type { ShardReport } from './shard.js';

const LIVES = {
  sync: { steps: 340, leastOperations: 2_000 },
  async: { steps: 160, leastOperations: 1_000 },
};
/** The same on every machine: shards differ in which crashes they look at. */
const SHARDS = {
  'all crashes': { shards: 2, looked: [0, 1] },
  // An odd number, as every other operation is a sync.
  'two of seven crashes': { shards: 7, looked: [0, 3] },
};

describe('A store that crashes at every operation of its disk', () => {
  it.each([
    ['loses nothing that was acknowledged', 'sync', 'one call', 'all crashes'],
    ['loses nothing that was acknowledged', 'sync', 'two calls', 'two of seven crashes'],
    ['loses nothing that was synced and tells no lies about the rest', 'async', 'one call', 'all crashes'],
    ['loses nothing that was synced and tells no lies about the rest', 'async', 'two calls', 'two of seven crashes'],
  ] as const)(
    '%s (%s, on a disk that writes and syncs in %s, %s), whatever of the unsynced survives, and when it crashes again while it recovers or afterwards',
    async (_what, flush, calls, share) => {
      const { steps, leastOperations } = LIVES[flush];
      const { shards, looked } = SHARDS[share];
      const syncsWrites = calls === 'one call';
      const reports = await Promise.all(
        looked.map((shard) => inWorker<ShardReport>({ part: 'crashes', steps, shard, shards, flush, syncsWrites })),
      );
      const sum = (count: (report: ShardReport) => number): number =>
        reports.reduce((total, report) => total + count(report), 0);
      const operations = reports[0]!.operations;
      const crashes = sum((report) => report.crashes);
      process.stdout.write(
        `crashes, ${flush}, ${calls}: ${operations} operations x ${CRASH_POLICIES.length} policies, ${share} = ${crashes}, ` +
          `${sum(({ states }) => states)} different disks, ` +
          `${sum(({ recoveries }) => recoveries)} recoveries\n`,
      );
      expect(reports.flatMap(({ faults }) => faults)).toEqual([]);
      expect(operations).toBeGreaterThan(leastOperations);
      // Each shard runs the same life again; were it another one, some operations would be nobody's.
      expect(reports.map((report) => report.operations)).toEqual(reports.map(() => operations));
      const least = (operations * CRASH_POLICIES.length * looked.length) / shards;
      expect(crashes).toBeGreaterThanOrEqual(least - CRASH_POLICIES.length * looked.length);
    },
    600_000,
  );
});
