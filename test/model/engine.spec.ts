import { describe, expect, it } from '@jest/globals';
import { BROKEN_ENGINES, type BrokenName } from './broken-engines.js';
import { inWorker } from './in-worker.js';
import { keep, keptPlans, told } from './kept.js';

/** `npm run test:model` lives more of them. */
const RUNS = 200;
const WORKERS = 2;

describe('the engine and its model', () => {
  it('agree on every plan that ever told them apart', async () => {
    const report = await inWorker({ runs: 0, seed: 0, kept: keptPlans().map(({ plan }) => plan) });
    if (report.failure !== undefined) throw new Error(told(report.failure));
    expect(report.runs).toBe(keptPlans().length);
  }, 300_000);

  it(`agree on ${RUNS} random plans`, async () => {
    const seed = Date.now() % 2 ** 31;
    const reports = await Promise.all(
      Array.from({ length: WORKERS }, (_, index) => inWorker({ runs: RUNS / WORKERS, seed: seed + index })),
    );
    for (const { failure } of reports) {
      if (failure === undefined) continue;
      keep(failure);
      throw new Error(told(failure));
    }
    expect(reports.map(({ runs }) => runs)).toEqual(reports.map(() => RUNS / WORKERS));
    // Were nothing delivered, all would be well.
    expect(reports.reduce((sum, { deliveries }) => sum + deliveries, 0)).toBeGreaterThan(RUNS * 5);
  }, 600_000);
});

describe('the model', () => {
  // By a kept plan, and by random ones, which are always the same: whether they find it must not be luck.
  it.each(Object.keys(BROKEN_ENGINES) as BrokenName[])(
    'finds an engine that %s',
    async (broken) => {
      const kept = keptPlans(broken).map(({ plan }) => plan);
      expect(kept).toHaveLength(1);
      for (const order of [{ runs: 0, kept }, { runs: 300 }]) {
        const { failure } = await inWorker({ seed: 1, broken, ...order });
        expect(failure?.faults.length).toBeGreaterThan(0);
      }
    },
    300_000,
  );
});
