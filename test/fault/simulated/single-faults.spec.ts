import { describe, expect, it } from '@jest/globals';
import { inWorker } from './in-worker.js';
import type { FaultsReport } from './single-fault.js';

describe('A store whose disk fails', () => {
  it.each([
    ['one call', 'at every operation', 2, [0, 1]],
    ['two calls', 'at two of seven operations', 7, [0, 3]],
  ] as const)(
    'loses nothing that was acknowledged, throws nothing at the host, and goes on or fences itself (a disk that writes and syncs in %s, %s)',
    async (calls, _where, shards, looked) => {
      const syncsWrites = calls === 'one call';
      const reports = await Promise.all(
        looked.map((shard) => inWorker<FaultsReport>({ part: 'faults', steps: 60, shard, shards, syncsWrites })),
      );
      const sum = (count: (report: FaultsReport) => number): number =>
        reports.reduce((total, report) => total + count(report), 0);
      process.stdout.write(
        `faults, ${calls}: ${reports[0]!.operations} operations, ${sum(({ lives }) => lives)} lives with one fault, ${sum(({ fenced }) => fenced)} fenced\n`,
      );
      expect(reports.flatMap(({ faults }) => faults)).toEqual([]);
      expect(sum(({ lives }) => lives)).toBeGreaterThan((2_000 * looked.length) / shards);
    },
    600_000,
  );
});
