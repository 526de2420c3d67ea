import { describe, expect, it } from '@jest/globals';
import { inWorker } from './in-worker.js';
import type { FaultsReport } from './single-fault.js';

const SHARDS = 2;

describe('A store whose disk fails', () => {
  it('loses nothing that was acknowledged, throws nothing at the host, and goes on or fences itself, at every operation', async () => {
    const shards = Array.from({ length: SHARDS }, (_, shard) =>
      inWorker<FaultsReport>({ part: 'faults', steps: 60, shard, shards: SHARDS }),
    );
    const reports = await Promise.all(shards);
    const sum = (count: (report: FaultsReport) => number): number =>
      reports.reduce((total, report) => total + count(report), 0);
    process.stdout.write(
      `faults: ${reports[0]!.operations} operations, ${sum(({ lives }) => lives)} lives with one fault, ${sum(({ fenced }) => fenced)} fenced\n`,
    );
    expect(reports.flatMap(({ faults }) => faults)).toEqual([]);
    expect(sum(({ lives }) => lives)).toBeGreaterThan(1_000);
  }, 600_000);
});
