import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Judged {
  figure: string;
  holds: boolean;
  pairs?: { from: number; to: number; doubling: number; allowed: number; holds: boolean }[];
}
interface Point {
  size: number;
  values: Record<string, unknown>;
}
type Rule = { kind: string; noise?: number; limit?: number; floor?: number };
const folder = pathToFileURL(join(process.cwd(), 'test/benchmark/curves/')).href;
const { judge } = (await import(`${folder}rule.js`)) as {
  judge(name: string, rule: Rule, points: Point[]): Judged;
};
const { runCurves } = (await import(`${folder}runner.js`)) as {
  runCurves(settings: Record<string, unknown>): Promise<{ broken: string[]; left: string[] }>;
};
const { room } = (await import(`${folder}room.js`)) as {
  room(curve: unknown, sizes: number[], directory: string, statfs: unknown): { fits: boolean; text: string };
};

const SIZES = [1000, 10_000, 100_000];
const points = (costOf: (size: number) => number, sizes = SIZES): Point[] =>
  sizes.map((size) => ({ size, values: { cost: costOf(size) } }));
const holds = (rule: Rule, costOf: (size: number) => number, sizes = SIZES): boolean =>
  judge('cost', rule, points(costOf, sizes)).holds;

describe('the rule that doubling the work must not more than double the time', () => {
  const each: Rule = { kind: 'each', noise: 1.5 };
  const whole: Rule = { kind: 'whole', noise: 1.5 };

  it.each([
    ['the same for each', each, () => 7, true],
    ['a little more for each', each, (size: number) => 7 + Math.log10(size) / 10, true],
    ['the root of the size for each', each, (size: number) => Math.sqrt(size), false],
    ['the size for each', each, (size: number) => size, false],
    ['as much more as there is more', whole, (size: number) => size * 3, true],
    ['sorting it', whole, (size: number) => size * Math.log2(size), false],
    ['the square of it', whole, (size: number) => size * size, false],
    ['less than nothing can be told apart', { ...each, floor: 5 }, (size: number) => size / 100_000, true],
  ])('%s', (_what, rule, costOf, expected) => {
    expect(holds(rule, costOf)).toBe(expected);
  });

  it('says what a doubling multiplies the time by', () => {
    const square = judge(
      'cost',
      whole,
      points((size) => size * size),
    );
    for (const { doubling, allowed } of square.pairs!) {
      expect(doubling).toBeCloseTo(4);
      expect(allowed).toBeLessThan(2.3);
    }
  });

  it('sees what creeps: each step within the noise, all of them not', () => {
    const creeping = judge(
      'cost',
      each,
      points((size) => 1.4 ** Math.log10(size)),
    );
    expect(creeping.pairs!.map(({ from, to, holds }) => [from, to, holds])).toEqual([
      [1000, 10_000, true],
      [1000, 100_000, false],
      [10_000, 100_000, true],
    ]);
    expect(creeping.holds).toBe(false);
  });

  it('judges limits at every size', () => {
    expect(holds({ kind: 'most', limit: 100_000 }, (size) => size)).toBe(true);
    expect(holds({ kind: 'most', limit: 99_999 }, (size) => size)).toBe(false);
    expect(holds({ kind: 'least', limit: 0.9 }, () => 0.9)).toBe(true);
    expect(holds({ kind: 'least', limit: 0.9 }, (size) => (size > 1000 ? 0.89 : 1))).toBe(false);
  });

  it('takes the median of several readings', () => {
    const value = { median: 7, min: 1, max: 1000 };
    expect(
      judge(
        'cost',
        each,
        [1, 10].map((size) => ({ size, values: { cost: value } })),
      ).holds,
    ).toBe(true);
  });

  it.each([
    ['what was not measured', points(() => Number.NaN)],
    ['what is missing', SIZES.map((size) => ({ size, values: {} }))],
    ['sizes in the wrong order', points(() => 1, [10, 1])],
  ])('refuses %s', (_what, wrong) => {
    expect(() => judge('cost', each, wrong)).toThrow();
  });
});

describe('the runner of the curves', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'curves-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  /** A curve over a store of its own kind: `look` says how many entries one more message has to look at. */
  const curveOf = (name: string, look: (stored: number) => number, bytes = 0): unknown => ({
    name,
    title: name,
    axis: 'messages',
    sizes: { quick: [1000, 8000] },
    bytesNeeded: () => bytes,
    duration: () => 1,
    figures: { looks: { title: 'looks', unit: 'each', rule: { kind: 'each', noise: 1.5 } } },
    async *points(sizes: number[]) {
      for (const size of sizes) {
        let looks = 0;
        for (let stored = 0; stored < size; stored++) looks += look(stored);
        yield { size, values: { looks: looks / size } };
      }
    },
  });
  const lines: string[] = [];
  const run = (...curves: unknown[]): Promise<{ broken: string[]; left: string[] }> => {
    lines.length = 0;
    const say = (line: string): number => lines.push(line);
    return runCurves({ curves, scale: 'quick', directory, results: join(directory, 'r'), facts: {}, pace: {}, say });
  };

  it('finds an engine that looks through everything it has, and writes that down', async () => {
    const outcome = await run(
      curveOf('found-at-once', () => 1),
      curveOf('looked-through', (stored) => stored),
    );
    expect(outcome).toEqual({ broken: ['looked-through'], left: [] });
    expect(lines.some((line) => line.includes('BROKEN looks'))).toBe(true);
    const record = JSON.parse(readFileSync(join(directory, 'r/looked-through.json'), 'utf8')) as {
      verdict: { holds: boolean; figures: Judged[] };
    };
    expect(record.verdict.holds).toBe(false);
    expect(record.verdict.figures[0]!.pairs![0]!.doubling).toBeCloseTo(4, 1);
    expect(readFileSync(join(directory, 'r/looked-through.svg'), 'utf8')).toContain('(broken)');
  });

  it('leaves out what has no room and what fails, and goes on with the others', async () => {
    const failing = {
      ...(curveOf('failing', () => 1) as object),
      async *points() {
        yield* [];
        throw new Error('no broker');
      },
    };
    const outcome = await run(
      curveOf('huge', () => 1, 2 ** 60),
      failing,
      curveOf('last', () => 1),
    );
    expect(outcome).toEqual({ broken: [], left: ['huge', 'failing'] });
    expect(existsSync(join(directory, 'r/last.json'))).toBe(true);
    expect(existsSync(join(directory, 'r/huge.json'))).toBe(false);
  });

  it('asks for room to spare', () => {
    const gibibyte = 1024 ** 3;
    const free = (gibibytes: number) => () => ({ bavail: gibibytes * 1024, bsize: 1024 ** 2 });
    const curve = { bytesNeeded: (sizes: number[]) => sizes[0]! * gibibyte };
    expect(room(curve, [30], '/', free(41))).toMatchObject({ fits: true });
    expect(room(curve, [30], '/', free(39))).toMatchObject({ fits: false });
    expect(room(curve, [30], '/data', free(39)).text).toBe(
      'needs 30.0 GiB in /data, 39.0 GiB are free (10.0 GiB must stay free)',
    );
  });
});
