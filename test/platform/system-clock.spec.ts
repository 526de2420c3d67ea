import { describe, expect, it } from '@jest/globals';
import { SystemClock } from '../../lib/platform/index.js';

describe('SystemClock', () => {
  const clock = new SystemClock();

  it('never fires early', async () => {
    for (let i = 0; i < 20; i++) {
      const start = clock.monotonic();
      await clock.sleep(1.5);
      expect(clock.monotonic() - start).toBeGreaterThanOrEqual(1.5);
    }
  });

  it('does not take a delay over 2^31 ms for none', async () => {
    let fired = false;
    const timer = clock.after(2 ** 31 + 5, () => {
      fired = true;
    });
    await clock.sleep(5);
    expect(fired).toBe(false);
    timer.cancel();
  });

  it('repeats until cancelled', async () => {
    await new Promise<void>((resolve) => {
      let count = 0;
      const timer = clock.every(1, () => {
        if (++count < 3) return;
        timer.cancel();
        resolve();
      });
    });
  });

  it('defers behind what is ready now', async () => {
    const seen: string[] = [];
    const done = new Promise<void>((resolve) => {
      clock.defer(() => {
        seen.push('deferred');
        resolve();
      });
    });
    await Promise.resolve();
    seen.push('ready');
    await done;
    expect(seen).toEqual(['ready', 'deferred']);
  });
});
