import { describe, expect, it } from '@jest/globals';
import { Meter } from '../../../lib/broker/traffic/meter.js';
import { StoreCounts } from '../../../lib/broker/traffic/store-counts.js';

/** Counts, and the meters of all topics but `toomany`. */
function counted(): { counts: StoreCounts; meters: Map<string, Meter>; shown(topic: string): number[] | undefined } {
  const meters = new Map<string, Meter>();
  const counts = new StoreCounts((topic) => {
    if (topic === 'toomany') return undefined;
    const meter = meters.get(topic) ?? new Meter(0);
    meters.set(topic, meter);
    return meter;
  });
  const shown = (topic: string): number[] | undefined => {
    const meter = meters.get(topic);
    return meter && [meter.messages, meter.bytes, meter.times];
  };
  return { counts, meters, shown };
}

describe('what is stored of topics', () => {
  it('reaches the meter of its topic when that is looked at', () => {
    const { counts, shown } = counted();
    counts.add({ name: 'orders', number: 7 }, 3, 300);
    counts.add({ name: 'bills', number: 8 }, 1, 50);
    counts.add({ name: 'orders', number: 7 }, 1, 100);
    expect(shown('orders')).toEqual([0, 0, 0]);
    counts.settle('orders');
    expect([shown('orders'), shown('bills')]).toEqual([
      [4, 400, 2],
      [0, 0, 0],
    ]);
    counts.settleAll();
    counts.settleAll();
    expect([shown('orders'), shown('bills')]).toEqual([
      [4, 400, 2],
      [1, 50, 1],
    ]);
  });

  it('is counted for any number, also the very high', () => {
    const { counts, shown } = counted();
    for (const number of [0, 63, 64, 5_000, 65_535, 65_536, 3_000_000]) {
      counts.add({ name: `t-${number}`, number }, 2, 20);
      counts.add({ name: `t-${number}`, number }, 1, 10);
      counts.settle(`t-${number}`);
      expect([number, shown(`t-${number}`)]).toEqual([number, [3, 30, 2]]);
    }
  });

  it('counts for nobody when the topic has gone, and a successor has its own', () => {
    const { counts, meters, shown } = counted();
    counts.add({ name: 'orders', number: 7 }, 3, 300);
    counts.forget('orders');
    meters.delete('orders');
    // Stored when the topic had gone already: nothing of it gets lost, nor into the way of the next.
    counts.add({ name: 'orders', number: 7 }, 1, 100);
    counts.add({ name: 'orders', number: 9 }, 2, 200);
    counts.settleAll();
    expect(shown('orders')).toEqual([3, 300, 2]);
  });

  it('is not counted of one topic too many', () => {
    const { counts, shown } = counted();
    counts.add({ name: 'toomany', number: 1 }, 1, 1);
    counts.settleAll();
    counts.forget('toomany');
    expect(shown('toomany')).toBeUndefined();
  });
});
