import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Summary {
  median: number;
  min: number;
  max: number;
  runs: number;
}

const script = pathToFileURL(join(process.cwd(), 'test/benchmark/statistics.js')).href;
const { median, percentile, summarize, compare, checkSyncs } = (await import(script)) as {
  median(values: unknown): number;
  percentile(values: number[], part: number): number;
  summarize(values: unknown): Summary;
  compare(ours: Summary, theirs: Summary, options?: { lessIsBetter: boolean }): { verdict: string; ratio: number };
  checkSyncs(window: { acknowledged: number; syncs: number; inFlight: number }): number;
};

describe('the statistics of the benchmark', () => {
  it('take the middle run, whatever their order and without changing it', () => {
    const runs = [5, 1, 100, 3, 2];
    expect(median(runs)).toBe(3);
    expect(runs).toEqual([5, 1, 100, 3, 2]);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(summarize([9, 10, 8])).toEqual({ median: 9, min: 8, max: 10, runs: 3 });
  });

  it('sort by number, not by text', () => {
    expect(summarize([9, 10, 100])).toEqual({ median: 10, min: 9, max: 100, runs: 3 });
  });

  it('give the value that a part of all does not exceed', () => {
    const values = Array.from({ length: 100 }, (_, n) => 100 - n);
    expect(percentile(values, 0.5)).toBe(50);
    expect(percentile(values, 0.99)).toBe(99);
    expect(percentile([7], 0.99)).toBe(7);
  });

  it.each([
    ['no runs', []],
    ['a run that failed', [1, Number.NaN]],
    ['a run without end', [1, Infinity]],
    ['a negative run', [1, -1]],
    ['a missing run', [1, undefined]],
    ['text', ['1']],
    ['no list', undefined],
  ])('refuse %s', (_, values) => {
    expect(() => summarize(values)).toThrow(TypeError);
    expect(() => median(values)).toThrow(TypeError);
  });

  it('call one ahead only where the ranges do not overlap or the medians differ by half', () => {
    const level = summarize([90, 100, 110]);
    expect(compare(summarize([111, 112, 113]), level).verdict).toBe('ahead');
    expect(compare(summarize([109, 120, 130]), level).verdict).toBe('level');
    expect(compare(summarize([100, 149, 200]), level).verdict).toBe('level');
    expect(compare(summarize([100, 150, 200]), level)).toEqual({ verdict: 'ahead', ratio: 1.5 });
    expect(compare(level, summarize([111, 112, 113])).verdict).toBe('behind');
    expect(compare(level, summarize([80, 151, 200])).verdict).toBe('behind');
    expect(compare(level, level)).toEqual({ verdict: 'level', ratio: 1 });
    // Ranges that touch overlap.
    expect(compare(summarize([110, 120, 130]), level).verdict).toBe('level');
  });

  it('turn it round for what is better when it is less', () => {
    const theirs = summarize([1, 1.1, 1.2]);
    expect(compare(summarize([0.5, 0.6, 0.7]), theirs, { lessIsBetter: true }).verdict).toBe('ahead');
    expect(compare(summarize([2, 2.1, 2.2]), theirs, { lessIsBetter: true }).verdict).toBe('behind');
  });

  it('see no range in one or two runs', () => {
    expect(compare(summarize([120]), summarize([100])).verdict).toBe('level');
    expect(compare(summarize([120, 121]), summarize([100, 101, 102])).verdict).toBe('level');
    expect(compare(summarize([150]), summarize([100])).verdict).toBe('ahead');
  });

  it.each([
    ['a median outside its range', { median: 5, min: 1, max: 4, runs: 5 }],
    ['no runs', { median: 5, min: 1, max: 9, runs: 0 }],
    ['no numbers', { median: Number.NaN, min: 1, max: 9, runs: 5 }],
    ['nothing measured', { median: 0, min: 0, max: 0, runs: 5 }],
  ])('compare nothing with %s', (_, broken) => {
    const good = summarize([1, 2, 3]);
    expect(() => compare(broken, good)).toThrow(TypeError);
    expect(() => compare(good, broken)).toThrow(TypeError);
  });
});

describe('the check of the syncs', () => {
  it('says how many messages each sync has covered', () => {
    expect(checkSyncs({ acknowledged: 40_000, syncs: 100, inFlight: 1000 })).toBe(400);
    // The sync in front of the window acknowledges within it.
    expect(checkSyncs({ acknowledged: 3, syncs: 1, inFlight: 1 })).toBe(3);
  });

  it.each([
    ['more than was in flight', 102_001, 100, /at most 102000 can be on the disk/],
    ['an engine that never syncs', 1000, 0, /no sync of the log was seen/],
    ['a counter that is missing', 1000, Number.NaN, /no sync of the log was seen/],
  ])('fails for %s', (_, acknowledged, syncs, message) => {
    expect(() => checkSyncs({ acknowledged, syncs, inFlight: 1000 })).toThrow(message);
  });
});
