import { describe, expect, it } from '@jest/globals';
import { type Random, SeededRandom, SystemRandom } from '../../lib/platform/index.js';

function draw(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.below(1000));
}

describe('Random', () => {
  it('is the same for one seed and differs between neighbouring ones', () => {
    expect(draw(new SeededRandom(7), 50)).toEqual(draw(new SeededRandom(7), 50));
    expect(draw(new SeededRandom(7), 50)).not.toEqual(draw(new SeededRandom(8), 50));
    expect(draw(new SeededRandom(2 ** 40), 50)).not.toEqual(draw(new SeededRandom(0), 50));
  });

  it.each([
    ['seeded', new SeededRandom(1)],
    ['system', new SystemRandom()],
  ])('spreads evenly and stays in its range (%s)', (_name, random) => {
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      counts[random.below(10)]!++;
      const next = random.next();
      expect(next >= 0 && next < 1).toBe(true);
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(250);
  });
});
