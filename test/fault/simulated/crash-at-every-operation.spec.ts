import { describe, expect, it } from '@jest/globals';
import { CRASH_POLICIES } from '../../../lib/platform/index.js';
import { inWorker } from './in-worker.js';
import type { ShardReport } from './shard.js';

/** The same on every machine: shards differ in which crashes they look at. */
const SHARDS = 2;

describe('A store that crashes at every operation of its disk', () => {
  it.each([
    ['loses nothing that was acknowledged', 'sync', 340, 2_000],
    ['loses nothing that was synced and tells no lies about the rest', 'async', 160, 1_000],
  ] as const)(
    '%s (%s), whatever of the unsynced survives, and when it crashes again while it recovers or afterwards',
    async (_what, flush, steps, leastOperations) => {
      const shards = Array.from({ length: SHARDS }, (_, shard) =>
        inWorker<ShardReport>({ part: 'crashes', steps, shard, shards: SHARDS, flush }),
      );
      const reports = await Promise.all(shards);
      const sum = (count: (report: ShardReport) => number): number =>
        reports.reduce((total, report) => total + count(report), 0);
      const operations = reports[0]!.operations;
      const crashes = sum((report) => report.crashes);
      process.stdout.write(
        `crashes, ${flush}: ${operations} operations x ${CRASH_POLICIES.length} policies = ${crashes} crashes, ` +
          `${sum(({ states }) => states)} different disks, ${sum(({ recoveries }) => recoveries)} recoveries\n`,
      );
      expect(reports.flatMap(({ faults }) => faults)).toEqual([]);
      expect(operations).toBeGreaterThan(leastOperations);
      // Each shard runs the same life again; were it another one, some operations would be nobody's.
      expect(reports.map((report) => report.operations)).toEqual(reports.map(() => operations));
      expect(crashes).toBeGreaterThanOrEqual(operations * CRASH_POLICIES.length - SHARDS);
    },
    600_000,
  );
});
