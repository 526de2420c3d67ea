import { describe, expect, it } from '@jest/globals';
import { LoopWaits } from '../../lib/platform/loop-waits.js';

/** A disk of which each write takes as long as it is told, and the share of a minute that a loop waits for it. */
class Loop {
  now = 0;
  waited = 0;
  readonly waits = new LoopWaits(() => this.now);

  /** A write each `everyMillis`, on the loop where that is allowed. */
  run(millis: number, everyMillis: number, diskMillis: number, bytes = 1024): number {
    let asked = 0;
    let allowed = 0;
    for (const end = this.now + millis; this.now < end; this.now += everyMillis) {
      asked++;
      if (!this.waits.allow(bytes)) continue;
      allowed++;
      this.waits.during(() => (this.now += diskMillis));
      this.waited += diskMillis;
    }
    return allowed / asked;
  }
}

describe('what an event loop of the broker’s own waits for', () => {
  it('is every lone message at a thousand a second on a quick disk', () => {
    expect(new Loop().run(60_000, 1, 0.05)).toBe(1);
  });

  it('is never a large write', () => {
    expect(new Loop().run(1000, 1, 0.05, 20_000)).toBe(0);
  });

  it('takes no more than a quarter of its time on a quick disk, however many writes there are', () => {
    const loop = new Loop();
    loop.run(60_000, 0.01, 0.2);
    expect(loop.waited / loop.now).toBeLessThan(0.26);
    expect(loop.waited / loop.now).toBeGreaterThan(0.24);
  });

  it('takes no more than a hundredth of its time on a slow disk', () => {
    const loop = new Loop();
    loop.run(60_000, 1, 10);
    expect(loop.waited / loop.now).toBeLessThan(0.01);
    expect(loop.waited).toBeGreaterThan(0);
  });

  it('is again each of them soon after a disk was slow for a moment', () => {
    const loop = new Loop();
    loop.run(1, 1, 40);
    expect(loop.run(1000, 1, 0.05)).toBe(0);
    loop.run(8000, 1, 0.05);
    expect(loop.run(1000, 1, 0.05)).toBe(1);
  });

  it('is counted when it fails', () => {
    const loop = new Loop();
    const failing = (): void => {
      loop.now += 5;
      throw new Error('no room');
    };
    expect(loop.waits.allow(1)).toBe(true);
    expect(() => loop.waits.during(failing)).toThrow('no room');
    expect(loop.waits.allow(1)).toBe(false);
  });
});
