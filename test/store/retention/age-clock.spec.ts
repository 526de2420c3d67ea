import { describe, expect, it } from '@jest/globals';
import { AgeClock } from '../../../lib/store/retention/age-clock.js';
import { memoryWorld, STATE } from '../state/world.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('AgeClock', () => {
  it('counts what passes', async () => {
    const platform = await memoryWorld();
    const ages = await AgeClock.open(platform, STATE);
    const stamp = platform.clock.now();
    await platform.clock.advance(5 * HOUR);
    ages.observe();
    expect(ages.ageOf(stamp)).toBe(5 * HOUR);
    expect(ages.ageOf(stamp + 2 * HOUR)).toBe(3 * HOUR);
    expect(ages.ageOf(platform.clock.now() + DAY)).toBe(0);
  });

  it('makes nothing older when the wall clock jumps ahead, before and after the jump', async () => {
    const platform = await memoryWorld();
    const ages = await AgeClock.open(platform, STATE);
    await platform.clock.advance(HOUR);
    const before = platform.clock.now();
    ages.observe();
    platform.clock.jumpWallTime(30 * DAY);
    const unseen = platform.clock.now();
    await platform.clock.advance(MINUTE);
    ages.observe();
    const after = platform.clock.now();
    await platform.clock.advance(HOUR);
    ages.observe();
    expect(ages.ageOf(before)).toBe(HOUR + MINUTE);
    expect(ages.ageOf(after)).toBe(HOUR);
    expect(ages.ageOf(unseen)).toBeLessThanOrEqual(HOUR + MINUTE);
  });

  it('keeps counting when the wall clock is set back', async () => {
    const platform = await memoryWorld();
    const ages = await AgeClock.open(platform, STATE);
    await platform.clock.advance(10 * HOUR);
    const before = platform.clock.now();
    platform.clock.jumpWallTime(-365 * DAY);
    ages.observe();
    const after = platform.clock.now();
    await platform.clock.advance(80 * HOUR);
    ages.observe();
    expect(ages.ageOf(before)).toBe(80 * HOUR);
    expect(ages.ageOf(after)).toBe(80 * HOUR);
  });

  it('takes the youngest moment that a stamp can mean after a small step back', async () => {
    const platform = await memoryWorld();
    const ages = await AgeClock.open(platform, STATE);
    await platform.clock.advance(10 * HOUR);
    platform.clock.jumpWallTime(-2 * HOUR);
    ages.observe();
    const stamp = platform.clock.now() + HOUR;
    await platform.clock.advance(5 * HOUR);
    ages.observe();
    expect(ages.ageOf(stamp)).toBe(4 * HOUR);
  });

  it('goes on after a restart, down times included up to a day', async () => {
    const platform = await memoryWorld();
    const ages = await AgeClock.open(platform, STATE);
    const stamp = platform.clock.now();
    await platform.clock.advance(HOUR);
    await ages.store(0);
    await platform.clock.advance(20 * HOUR);
    const second = await AgeClock.open(platform, STATE);
    expect(second.ageOf(stamp)).toBe(21 * HOUR);
    await second.store(0);
    await platform.clock.advance(100 * DAY);
    const third = await AgeClock.open(platform, STATE);
    expect(third.ageOf(stamp)).toBe(45 * HOUR);
  });

  it('does not believe a clock that came up in the wrong year', async () => {
    const platform = await memoryWorld();
    const ages = await AgeClock.open(platform, STATE);
    await platform.clock.advance(HOUR);
    const stamp = platform.clock.now();
    await ages.store(0);
    platform.clock.jumpWallTime(3_650 * DAY);
    let restarted = await AgeClock.open(platform, STATE);
    await restarted.store(0);
    platform.clock.jumpWallTime(-3_650 * DAY);
    restarted = await AgeClock.open(platform, STATE);
    expect(restarted.ageOf(stamp)).toBeLessThanOrEqual(DAY);
  });

  it('writes now and then only', async () => {
    const platform = await memoryWorld();
    const ages = await AgeClock.open(platform, STATE);
    await ages.store(HOUR);
    const first = await AgeClock.open(platform, STATE);
    await platform.clock.advance(10 * MINUTE);
    await ages.store(HOUR);
    expect((await AgeClock.open(platform, STATE)).ageOf(0)).toBe(first.ageOf(0) + 10 * MINUTE);
  });
});
