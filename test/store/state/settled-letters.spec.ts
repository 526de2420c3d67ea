import { describe, expect, it } from '@jest/globals';
import { LetterState, SettledLetters } from '../../../lib/store/state/settled-letters.js';
import { memoryWorld, STATE } from './world.js';

const { OPEN, RESENT, REMOVED } = LetterState;

describe('the marks of dead letters', () => {
  it('are kept per topic, queue and offset, over a restart', async () => {
    const platform = await memoryWorld();
    const settled = await SettledLetters.open(platform, STATE, () => true);
    await settled.mark(7, 0, [0, 1, 4095, 4096, 900_000], RESENT, 0);
    await settled.mark(7, 0, [1, 3], REMOVED, 0);
    await settled.mark(7, 1, [2], REMOVED, 0);
    await settled.close();
    const after = await SettledLetters.open(platform, STATE, () => true);
    expect([...after.states(7, 0, 0, 5)]).toEqual([RESENT, REMOVED, OPEN, REMOVED, OPEN]);
    expect([...after.states(7, 0, 4094, 4)]).toEqual([OPEN, RESENT, RESENT, OPEN]);
    expect(after.stateOf(7, 0, 900_000)).toBe(RESENT);
    expect(after.stateOf(7, 1, 2)).toBe(REMOVED);
    expect(after.stateOf(8, 0, 0)).toBe(OPEN);
    await after.close();
  });

  it('count when they were made together', async () => {
    const settled = await SettledLetters.open(await memoryWorld(), STATE, () => true);
    await Promise.all(Array.from({ length: 100 }, (_, at) => settled.mark(7, 0, [at], at % 2 ? RESENT : REMOVED, 0)));
    expect(settled.states(7, 0, 0, 100).filter((state) => state !== OPEN)).toHaveLength(100);
    await settled.mark(7, 0, [5], OPEN, 0);
    expect(settled.stateOf(7, 0, 5)).toBe(OPEN);
    await settled.close();
  });

  it('go with the letters: those that expired, those behind the end that a crash took, those of a deleted topic', async () => {
    const platform = await memoryWorld();
    const settled = await SettledLetters.open(platform, STATE, () => true);
    await settled.mark(7, 0, [10], RESENT, 0);
    await settled.mark(7, 0, [5000, 5001], RESENT, 4096);
    expect(settled.stateOf(7, 0, 10)).toBe(OPEN);
    expect(settled.stateOf(7, 0, 5000)).toBe(RESENT);
    await settled.mark(8, 0, [100, 9000], RESENT, 0);
    await settled.clampTo((number) => (number === 7 ? 5001 : 50));
    expect([...settled.states(7, 0, 4999, 3)]).toEqual([OPEN, RESENT, OPEN]);
    expect(settled.states(8, 0, 0, 10_000).every((state) => state === OPEN)).toBe(true);
    await settled.close();
    const after = await SettledLetters.open(platform, STATE, (number) => number !== 7);
    expect(after.stateOf(7, 0, 5000)).toBe(RESENT);
    await after.close();
    const last = await SettledLetters.open(platform, STATE, () => true);
    expect(last.stateOf(7, 0, 5000)).toBe(OPEN);
    await last.close();
  });
});
