import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';

interface Rhythm {
  ratePerSecond: number;
  warmUpPerSecond?: number;
  warmUpSeconds?: number;
}
const { dueAfter } = (await import(pathToFileURL(join(process.cwd(), 'test/benchmark/rhythm.js')).href)) as {
  dueAfter(seconds: number, rhythm: Rhythm): number;
};

describe('what is due at a steady rate', () => {
  it('grows with the time', () => {
    const rhythm = { ratePerSecond: 1000, warmUpSeconds: 3 };
    expect([0, 0.5, 3, 4].map((seconds) => dueAfter(seconds, rhythm))).toEqual([0, 500, 3000, 4000]);
  });

  it('is more during the warm-up, but for its last two seconds', () => {
    const rhythm = { ratePerSecond: 1000, warmUpPerSecond: 10_000, warmUpSeconds: 5 };
    const due = [1, 3, 4, 5, 6].map((seconds) => dueAfter(seconds, rhythm));
    expect(due).toEqual([10_000, 30_000, 31_000, 32_000, 33_000]);
  });

  it('is no more in a warm-up that is short', () => {
    expect(dueAfter(1, { ratePerSecond: 1000, warmUpPerSecond: 10_000, warmUpSeconds: 2 })).toBe(1000);
  });
});
