import { describe, expect, it } from '@jest/globals';
import { Meter } from '../../../lib/broker/traffic/meter.js';

const MINUTE = 60_000;

/** Samples every ten seconds, as the broker does. */
function pass(meter: Meter, from: number, millis: number): number {
  for (let at = from + 10_000; at <= from + millis; at += 10_000) meter.sample(at);
  return from + millis;
}

describe('a meter', () => {
  it('knows sums, rates and sizes within a minute, an hour and a day', () => {
    const meter = new Meter(0);
    meter.add(60, 600);
    let now = pass(meter, 0, MINUTE);
    expect(meter.minute(now)).toEqual({ sum: 60, tps: 1, avgpt: 60 });
    expect(meter.minute(now, 'bytes')).toEqual({ sum: 600, tps: 10, avgpt: 600 });
    now = pass(meter, now, 2 * MINUTE);
    expect(meter.minute(now).sum).toBe(0);
    expect(meter.hour(now).sum).toBe(60);
    now = pass(meter, now, 90 * MINUTE);
    expect(meter.hour(now).sum).toBe(0);
    expect(meter.day(now).sum).toBe(60);
    now = pass(meter, now, 26 * 60 * MINUTE);
    expect(meter.day(now).sum).toBe(0);
    expect(meter.messages).toBe(60);
  });

  it('counts a burst in full while it lies within the span, and not after', () => {
    const meter = new Meter(0);
    let now = pass(meter, 0, 10 * MINUTE);
    meter.add(10, 0);
    now = pass(meter, now, 30_000);
    expect(meter.minute(now).sum).toBe(10);
    now = pass(meter, now, 50_000);
    expect(meter.minute(now).sum).toBe(0);
  });

  it('is right at its very beginning', () => {
    const meter = new Meter(5_000);
    meter.add(4, 0);
    expect(meter.minute(5_000)).toEqual({ sum: 4, tps: 4, avgpt: 4 });
    expect(meter.rate(7_000, 10_000)).toBe(2);
  });
});
