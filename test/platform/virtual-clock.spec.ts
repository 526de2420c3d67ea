import { describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../../lib/platform/index.js';

describe('VirtualClock', () => {
  it('fires timers in the order of their time, those of one time in the order of asking', async () => {
    const clock = new VirtualClock(1000);
    const seen: string[] = [];
    clock.after(20, () => seen.push(`b@${clock.now()}`));
    clock.after(10, () => seen.push(`a@${clock.now()}`));
    clock.after(20, () => seen.push(`c@${clock.now()}`));
    clock.after(31, () => seen.push('late'));
    await clock.advance(30);
    expect(seen).toEqual(['a@1010', 'b@1020', 'c@1020']);
    expect(clock.now()).toBe(1030);
    expect(clock.monotonic()).toBe(30);
    expect(clock.pending).toEqual([1]);
  });

  it('lets promise chains and deferred callbacks settle between two firings', async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    clock.after(1, () => {
      let chain = Promise.resolve();
      for (let i = 0; i < 1000; i++) chain = chain.then(() => {});
      void chain.then(() => clock.defer(() => clock.defer(() => seen.push('settled'))));
    });
    clock.after(2, () => seen.push('next'));
    await clock.advance(2);
    expect(seen).toEqual(['settled', 'next']);
  });

  it('fires timers that were asked for while it advances, if they are due by then', async () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    const again = (): void => {
      seen.push(clock.monotonic());
      clock.after(10, again);
    };
    clock.after(10, again);
    await clock.advance(35);
    expect(seen).toEqual([10, 20, 30]);
    expect(clock.pending).toEqual([5]);
  });

  it('repeats until cancelled, also from within', async () => {
    const clock = new VirtualClock();
    let count = 0;
    const timer = clock.every(5, () => {
      if (++count === 3) timer.cancel();
    });
    await clock.advance(100);
    expect(count).toBe(3);
    expect(clock.pending).toEqual([]);
  });

  it('does not fire what was cancelled', async () => {
    const clock = new VirtualClock();
    let fired = false;
    clock
      .after(1, () => {
        fired = true;
      })
      .cancel();
    await clock.advance(10);
    expect(fired).toBe(false);
  });

  it('sleeps months at once and breaks a sleep off by a signal', async () => {
    const clock = new VirtualClock();
    let awake = false;
    void clock.sleep(90 * 86_400_000).then(() => {
      awake = true;
    });
    await clock.advance(90 * 86_400_000);
    expect(awake).toBe(true);

    const controller = new AbortController();
    const sleeping = clock.sleep(1000, controller.signal);
    controller.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    await expect(clock.sleep(1, controller.signal)).rejects.toThrow('enough');
    expect(clock.pending).toEqual([]);
  });

  it('goes on by itself where only deferring is waited for', async () => {
    const clock = new VirtualClock();
    await new Promise<void>((resolve) => {
      clock.defer(resolve);
    });
    expect(clock.monotonic()).toBe(0);
  });

  it('advances until a condition holds and says when it does not', async () => {
    const clock = new VirtualClock();
    let count = 0;
    clock.every(1000, () => count++);
    await clock.advanceUntil(() => count === 5);
    expect(clock.monotonic()).toBe(5000);
    await expect(clock.advanceUntil(() => false, 3000)).rejects.toThrow('3000');
  });

  it('goes step by step, periodic timers together, each at its time', () => {
    const clock = new VirtualClock(0);
    const fired: string[] = [];
    const note = (what: string) => (): void => void fired.push(`${what} ${clock.monotonic()}`);
    clock.every(1000, note('a'));
    clock.every(1500, note('b'));
    clock.after(3200, note('once'));
    clock.after(100, note('gone')).cancel();
    expect(clock.step(500)).toBe(false);
    expect(clock.step(10_000)).toBe(true);
    expect(fired.splice(0)).toEqual(['a 1000']);
    expect(clock.step(10_000, 5000)).toBe(true);
    expect(fired.splice(0)).toEqual(['b 1500', 'a 2000', 'b 3000', 'a 3000']);
    expect(clock.step(10_000, 5000)).toBe(true);
    expect(fired.splice(0)).toEqual(['once 3200']);
    expect(clock.step(1000, 5000)).toBe(true);
    expect(fired.splice(0)).toEqual(['a 4000']);
    clock.skip(300);
    expect(clock.monotonic()).toBe(4300);
  });

  it('does not let periodic timers overtake what one of them has deferred', () => {
    const clock = new VirtualClock(0);
    let count = 0;
    clock.every(1000, () => {
      count++;
      clock.defer(() => undefined);
    });
    clock.step(10_000, 10_000);
    expect(count).toBe(1);
  });

  it('lets the wall time jump without touching timers', async () => {
    const clock = new VirtualClock(0);
    let fired = false;
    clock.after(10, () => {
      fired = true;
    });
    clock.jumpWallTime(7_200_000);
    await clock.settle();
    expect(fired).toBe(false);
    expect(clock.now()).toBe(7_200_000);
    await clock.advance(10);
    expect(fired).toBe(true);
  });
});
