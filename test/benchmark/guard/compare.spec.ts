import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

type Figures = Record<string, Record<string, number>>;
interface Finding {
  path: string;
  figure: string;
}
type Compare = (figures: Figures, baseline: Figures) => { worse: Finding[]; better: Finding[] };

const script = pathToFileURL(join(process.cwd(), 'test/benchmark/guard/compare.js')).href;
const BASELINE: Figures = { send: { processor: 7, heapBytes: 3000, promises: 2, syncs: 0.002 } };

async function compared(change: Record<string, number>): Promise<{ worse: string[]; better: string[] }> {
  const { compare } = (await import(script)) as { compare: Compare };
  const { worse, better } = compare({ send: { ...BASELINE['send'], ...change } }, BASELINE);
  const names = (findings: Finding[]): string[] => findings.map(({ path, figure }) => `${path}, ${figure}`);
  return { worse: names(worse), better: names(better) };
}

describe('what the guard finds', () => {
  it('is nothing when every figure is what it was, or moved by what a busy machine moves it', async () => {
    expect(await compared({})).toEqual({ worse: [], better: [] });
    expect(await compared({ processor: 9, heapBytes: 3200, syncs: 0.004 })).toEqual({ worse: [], better: [] });
  });

  it.each([
    ['processor', 15],
    ['heapBytes', 4000],
    ['promises', 3],
    ['syncs', 1],
  ])('is a %s of %d', async (figure, value) => {
    expect((await compared({ [figure]: value })).worse).toEqual([`send, ${figure}`]);
  });

  it('names a figure that became so much better that its baseline guards nothing', async () => {
    expect(await compared({ heapBytes: 1500 })).toEqual({ worse: [], better: ['send, heapBytes'] });
  });

  it('refuses a figure that the baseline does not know', async () => {
    expect((await compared({ socketWrites: 1 })).worse).toEqual(['send, socketWrites']);
  });
});
