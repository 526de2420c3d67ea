import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Idempotent, MessageListener } from '../../../lib/index.js';
import { closeBenches, newBench } from './support.js';

afterEach(closeBenches);

describe('what was handled while the store could not be told', () => {
  /** Handles eight messages that cannot be marked; then half of their queues go to a second process. */
  async function start() {
    const handled: number[] = [];
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking', from: 'earliest' })
      @Idempotent({ lease: '30s' })
      book(n: number): void {
        handled.push(n);
      }
    }
    const bench = newBench();
    const { kit, store } = bench;
    await bench.start([Payments], {}, 'first');
    store.break(['complete']);
    const all = [0, 1, 2, 3, 4, 5, 6, 7];
    for (const n of all) await kit.template().syncSend('payments', n);
    await kit.advance('1s');
    await bench.start([Payments], {}, 'second');
    return { ...bench, handled, all };
  }

  it('is marked after all when the store was away for longer than the lease', async () => {
    const handled: number[] = [];
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking' })
      @Idempotent({ lease: '30s' })
      book(n: number): void {
        handled.push(n);
      }
    }
    const { kit, store, start: begin } = newBench();
    await begin([Payments]);
    await kit.template().syncSend('payments', 0);
    store.break(['complete']);
    for (const n of [1, 2, 3]) await kit.template().syncSend('payments', n);
    await kit.advance('1s');
    store.break(['acquire', 'extend', 'release']);
    await kit.advance('10m');
    store.mend();
    await kit.advance('2m');
    expect(handled.toSorted()).toEqual([0, 1, 2, 3]);
    expect(kit.consumed('payments', { outcome: 'acknowledged' })).toHaveLength(4);
    await kit.settled();
  });

  it('is marked when the store can be told, also what has gone to another member, which skips it', async () => {
    const { kit, store, handled, all } = await start();
    await kit.advance('10s');
    const before = [...handled];
    store.mend();
    await kit.advance('5m');
    expect([...handled].toSorted()).toEqual(all);
    expect(before.length).toBeLessThanOrEqual(all.length);
    const acknowledged = kit.consumed('payments', { outcome: 'acknowledged' });
    expect(new Set(acknowledged.map(({ payload }) => payload))).toEqual(new Set(all));
    expect(new Set(acknowledged.map(({ application }) => application)).size).toBe(2);
    const extended = store.of('extend').length;
    await kit.advance('5m');
    expect(store.of('extend')).toHaveLength(extended);
  });
});
