import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '../../../lib/platform/index.js';
import { TimerHeap } from '../../../lib/store/timers/timer-heap.js';
import { processorMillis } from '../../support/processor-time.js';

const drain = (heap: TimerHeap, now = Infinity): number[] =>
  heap.takeDue(now, Infinity, Infinity).map(({ offset }) => offset);

/** As `toEqual`, which takes seconds for so many. */
function expectSame(values: readonly number[], expected: readonly number[]): void {
  expect(values).toHaveLength(expected.length);
  expect(values.findIndex((value, at) => value !== expected[at])).toBe(-1);
}

describe('TimerHeap', () => {
  it('hands out what is due in the order of time, then of the log', () => {
    const heap = new TimerHeap();
    for (const [offset, time] of [
      [10, 500],
      [20, 300],
      [30, 500],
      [40, 300],
      [50, 900],
    ] as const) {
      heap.add(offset, time, 100);
    }
    expect(heap.nextTime).toBe(300);
    expect(drain(heap, 500)).toEqual([20, 40, 10, 30]);
    expect(heap.nextTime).toBe(900);
    expect(heap.size).toBe(5);
  });

  it('takes no more than asked for, in number or in bytes, but always one', () => {
    const heap = new TimerHeap();
    for (let at = 0; at < 10; at++) heap.add(at, at, 1_000);
    expect(heap.takeDue(100, 3, Infinity)).toHaveLength(3);
    expect(heap.takeDue(100, 100, 2_500)).toHaveLength(2);
    expect(heap.takeDue(100, 100, 1)).toHaveLength(1);
  });

  it('ignores an offset that it has passed', () => {
    const heap = new TimerHeap();
    expect(heap.add(10, 1, 1)).toBe(true);
    expect(heap.add(10, 2, 1)).toBe(false);
    expect(heap.add(5, 2, 1)).toBe(false);
    expect(heap.size).toBe(1);
  });

  it('hands out again what was given back, and nothing that was removed', () => {
    const heap = new TimerHeap();
    for (let at = 1; at <= 4; at++) heap.add(at, at * 100, 1);
    expect(drain(heap, 200)).toEqual([1, 2]);
    heap.giveBack(2);
    heap.giveBack(3);
    heap.remove(1);
    expect(heap.remove(1)).toBe(false);
    heap.remove(4);
    expect(drain(heap)).toEqual([2, 3]);
    expect(heap.size).toBe(2);
  });

  it('takes one out of turn, and lets it come in turn when it is given back', () => {
    const heap = new TimerHeap();
    for (let at = 1; at <= 3; at++) heap.add(at, at * 100, 1);
    expect(heap.take(1)).toBe(true);
    expect(heap.take(1)).toBe(false);
    expect(heap.nextTime).toBe(200);
    heap.giveBack(1);
    expect(drain(heap)).toEqual([1, 2, 3]);
    expect(heap.nextTime).toBe(Infinity);
  });

  it('behaves like a sorted list whatever happens', () => {
    const random = new SeededRandom(11);
    const heap = new TimerHeap();
    const model = new Map<number, { time: number; taken: boolean }>();
    let offset = 0;
    for (let step = 0; step < 20_000; step++) {
      const dice = random.below(10);
      const known = [...(dice > 4 && model.size < 400 ? model.keys() : [])];
      const some = known[random.below(known.length || 1)];
      if (dice < 5 || model.size === 0) {
        offset += 1 + random.below(5);
        const time = random.below(1_000);
        heap.add(offset, time, 1);
        model.set(offset, { time, taken: false });
      } else if (dice < 7) {
        const expected = [...model]
          .filter(([, { time, taken }]) => !taken && time <= 500)
          .sort((a, b) => a[1].time - b[1].time || a[0] - b[0])
          .slice(0, 4)
          .map(([at]) => at);
        expect(heap.takeDue(500, 4, Infinity).map((due) => due.offset)).toEqual(expected);
        for (const at of expected) model.get(at)!.taken = true;
      } else if (some !== undefined && dice === 7) {
        heap.giveBack(some);
        model.get(some)!.taken = false;
      } else if (some !== undefined && dice === 8) {
        expect(heap.take(some)).toBe(!model.get(some)!.taken);
        model.get(some)!.taken = true;
      } else if (some !== undefined) {
        expect(heap.remove(some)).toBe(true);
        model.delete(some);
      } else {
        for (const at of [...model.keys()].slice(0, 200)) {
          heap.remove(at);
          model.delete(at);
        }
      }
      expect(heap.size).toBe(model.size);
    }
    const left: number[] = [];
    heap.forEach((at) => left.push(at));
    expect(left).toEqual([...model.keys()].sort((a, b) => a - b));
    heap.truncate(left[left.length >> 1] as number);
    expect(heap.size).toBe(left.length >> 1);
  });

  it('keeps what a view has seen, and moves what lives together once nobody looks', () => {
    const random = new SeededRandom(3);
    const heap = new TimerHeap();
    const model = new Map<number, number>();
    let offset = 0;
    const add = (count: number): void => {
      for (let at = 0; at < count; at++) {
        const time = random.below(1_000_000_000);
        model.set((offset += 1 + random.below(300)), time);
        heap.add(offset, time, offset % 1000);
      }
    };
    const removeMost = (): void => {
      for (const at of model.keys()) if (random.below(10) > 0 && heap.remove(at)) model.delete(at);
    };
    const check = (view: ReturnType<TimerHeap['view']>, expected: ReadonlyMap<number, number>): void => {
      const column = (name: 'offsets' | 'times' | 'sizes'): number[] => {
        const values: number[] = [];
        for (const piece of view.column(name)) for (const value of piece) values.push(value);
        return values;
      };
      const offsets = [...expected.keys()];
      expect(view.count).toBe(expected.size);
      expectSame(column('offsets'), offsets);
      expectSame(column('times'), [...expected.values()]);
      expectSame(
        column('sizes'),
        offsets.map((at) => at % 1000),
      );
    };
    add(80_000);
    const before = new Map(model);
    const held = heap.view();
    removeMost();
    add(80_000);
    check(held, before);
    held.release();
    const cutAt = [...model.keys()][model.size >> 1]!;
    const full = new Map(model);
    const again = heap.view();
    heap.truncate(cutAt);
    for (const at of model.keys()) if (at >= cutAt) model.delete(at);
    offset = cutAt - 1;
    add(70_000);
    check(again, full);
    again.release();
    removeMost();
    add(140_000);
    const last = heap.view();
    check(last, model);
    last.release();
    expect(heap.size).toBe(model.size);
    const due = heap.takeDue(500_000_000, Infinity, Infinity).map(({ time }) => time);
    const expected = [...model.values()].filter((time) => time <= 500_000_000).sort((a, b) => a - b);
    expectSame(due, expected);
  });

  it('takes a million timers in well under a few seconds and hands them out in order', () => {
    const heap = new TimerHeap();
    const random = new SeededRandom(5);
    const begin = processorMillis();
    for (let at = 0; at < 1_000_000; at++) heap.add(at * 200, random.below(1_000_000_000), 200);
    expect(processorMillis() - begin).toBeLessThan(5_000);
    const times = heap.takeDue(500_000_000, 100_000, Infinity).map(({ time }) => time);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });
});
