import { describe, expect, it } from '@jest/globals';
import { IdempotencyOutcomes } from '../../lib/idempotency/outcomes.js';
import { StoreHealth } from '../../lib/idempotency/store-health.js';
import { VirtualClock, silentLogger } from '../../lib/platform/index.js';

function open() {
  const clock = new VirtualClock();
  const name = { listener: 'A.b', group: 'g', connection: 'default', store: 'redis' };
  const outcomes = new IdempotencyOutcomes(() => {}).of(name);
  return { clock, outcomes, health: new StoreHealth(outcomes, clock, silentLogger, 'it waits') };
}

describe('StoreHealth', () => {
  it('asks again after 1 s, then after twice as long each time, and at once when it was answered', () => {
    const { clock, outcomes, health } = open();
    const delays = [1, 2, 3, 4, 5, 6].map(() => {
      const delay = health.failed(new Error('away'));
      clock.skip(delay);
      return delay;
    });
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
    expect(outcomes.storeDownSince).toBeDefined();
    health.answered();
    expect([health.closedMillis, outcomes.storeDownSince]).toEqual([0, undefined]);
  });

  it('is well again after the next answer also when a call that was under way has failed after the last one', () => {
    const { clock, outcomes, health } = open();
    health.failed(new Error('away'));
    clock.skip(10);
    health.answered();
    expect(health.failed(new Error('late'))).toBe(1_000);
    expect([health.closedMillis, outcomes.storeDownSince]).toEqual([1_000, clock.now()]);
    health.answered();
    expect([health.closedMillis, outcomes.storeDownSince]).toEqual([0, undefined]);
  });
});
