import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const load = (path: string): Promise<unknown> =>
  import(pathToFileURL(join(process.cwd(), 'test/benchmark', path)).href);
interface Bar {
  label: string;
  ours: boolean;
  median: number;
  min: number;
  max: number;
}
const { ROWS } = (await load('rows/index.js')) as { ROWS: { title: string }[] };
const { barChart, LABELS } = (await load('report/chart.js')) as {
  LABELS: number;
  barChart(chart: { title: string; note: string; bars: Bar[]; format: (value: number) => string }): string;
};
const { chartsOf } = (await load('report/charts.js')) as { chartsOf(run?: object): [string, string][] };
const { reportLines } = (await load('report/table.js')) as { reportLines(run: object): string[] };
const { writeResults } = (await load('report/results.js')) as {
  writeResults(folder: string, run: object, lines: string[]): string[];
};

const bar = (median: number, min = median, max = median): Bar => ({ label: 'a <b> & c', ours: true, median, min, max });
const chart = (...bars: Bar[]) => barChart({ title: 'T', note: 'N', bars, format: (value) => `${value} k` });
const widths = (svg: string) => [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map((match) => Number(match[1]));

const summary = (median: number) => ({ median, min: median * 0.9, max: median * 1.1, runs: 5 });
const entry = (row: string, subject: string, ours: boolean, figures: object) => ({
  row,
  title: `${row} title`,
  subject,
  ours,
  durability: ours ? 'sync' : 'async',
  processes: '2: client, server',
  spec: row === 'latency' ? { ratePerSecond: 1000, inFlight: 256 } : { inFlight: 256 },
  facts: { server: `${subject} 1.0` },
  summary: figures,
  windows: [{ seconds: 5, count: 10, logSyncs: 4 }],
});
const run = {
  began: '2026-11-21T20:00:00.000Z',
  machine: { processor: '2 x Test', node: 'v20', fdatasync: '8000/s' },
  quick: false,
  missing: ['NATS: nats-server is not installed; apt install nats-server'],
  own: [
    {
      ...entry('send-embedded', 'nestmq', true, { perSecond: summary(150_000), perSync: summary(420) }),
      notes: 'a note',
    },
  ],
  compared: [
    entry('send-peers', 'nestmq, over TCP', true, { perSecond: summary(60_000) }),
    entry('send-peers', 'Other', false, { perSecond: summary(40_000) }),
    entry('latency', 'Other', false, { p50: summary(0.5), p99: summary(2), max: summary(9) }),
  ],
  verdicts: [
    {
      row: 'send-peers',
      figure: 'perSecond',
      ours: 'nestmq, over TCP',
      theirs: 'Other',
      durability: ['sync', 'async'],
      verdict: 'ahead',
      ratio: 1.5,
    },
  ],
};

describe('a chart of the benchmark', () => {
  it('draws bars in proportion to their medians, with all of their ranges inside', () => {
    const svg = chart(bar(50, 40, 60), bar(100, 90, 120));
    const [half, full] = widths(svg);
    expect(full! / half!).toBeCloseTo(2, 1);
    const ends = [...svg.matchAll(/H([\d.]+)M/g)].map((match) => Number(match[1]));
    const [, width] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.map(Number) as [number, number];
    expect(Math.max(...ends)).toBeLessThan(width);
    expect(svg).toContain('50 k');
    expect(svg).toContain('40 k-60 k');
  });

  it('is readable on a dark page and takes names as text', () => {
    const svg = chart(bar(1));
    expect(svg).toContain('prefers-color-scheme:dark');
    expect(svg).toContain('a &lt;b&gt; &amp; c'.replace('&gt;', '>'));
    expect(svg).not.toContain('<b>');
  });

  it('has room for the title of each row that becomes a bar', () => {
    const widest = 7;
    const titles = ROWS.map(({ title }) => title).filter((title) => !title.includes('event loop'));
    for (const title of titles) expect([title, title.length * widest < LABELS]).toEqual([title, true]);
  });

  it.each([
    ['no median', bar(Number.NaN, 1, 2)],
    ['a median outside its range', bar(5, 1, 4)],
    ['a range without end', bar(5, 1, Infinity)],
    ['a range below nothing', bar(1, -1, 2)],
  ])('is not drawn of %s', (_, broken) => {
    expect(() => chart(bar(1), broken)).toThrow('cannot be drawn');
  });

  it('is drawn of whatever was measured, and says so where nothing was', () => {
    expect(chartsOf(run).map(([file]) => file)).toEqual([
      'nestmq.svg',
      'send-peers.svg',
      'latency-p50.svg',
      'latency-p99.svg',
    ]);
    const [[, first]] = chartsOf(run) as [[string, string]];
    expect(first).toContain('2 x Test, Node v20, 2026-11-21');
    for (const [, svg] of chartsOf()) expect(svg).toContain('not measured yet');
  });

  it('is there for each picture of the README', () => {
    const shown = [...readFileSync('README.md', 'utf8').matchAll(/\]\(test\/benchmark\/results\/([\w-]+\.svg)\)/g)];
    const files = readdirSync('test/benchmark/results');
    expect(shown.length).toBeGreaterThan(0);
    for (const [, name] of shown) expect(files).toContain(name);
  });
});

describe('the report of the benchmark', () => {
  const text = reportLines(run).join('\n');

  it('prints ranges beside medians, syncs, durability and everybody’s configuration', () => {
    expect(text).toMatch(/send-embedded title, 256 in flight +150 \[135-165\].* 4 +420 /);
    expect(text).toMatch(/Other +40\.0 \[36\.0-44\.0\].* not synced /);
    expect(text).toContain('Other 1.0');
    expect(text).toContain('send-embedded title: a note');
    expect(text).toContain('fdatasync: 8000/s');
    expect(text).toMatch(/Other +0\.500 \[0\.450-0\.550\]/);
  });

  it('says who is ahead, that the other did not sync, and what is missing', () => {
    expect(text).toContain('nestmq, over TCP is ahead of Other by 1.5; it acknowledges unsynced, ours synced');
    expect(text).toContain('missing: NATS: nats-server is not installed; apt install nats-server');
  });

  it('is written with the figures and the charts', () => {
    const folder = mkdtempSync(join(tmpdir(), 'report-'));
    writeResults(folder, run, ['a line']);
    expect(readdirSync(folder).toSorted()).toEqual([
      'bench.json',
      'bench.txt',
      'latency-p50.svg',
      'latency-p99.svg',
      'nestmq.svg',
      'send-peers.svg',
    ]);
    expect(JSON.parse(readFileSync(join(folder, 'bench.json'), 'utf8'))).toEqual(run);
    rmSync(folder, { recursive: true });
  });
});
