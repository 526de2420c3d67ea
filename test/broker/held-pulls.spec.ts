import { beforeEach, describe, expect, it } from '@jest/globals';
import { HeldPull, HeldPulls } from '../../lib/broker/held-pulls.js';
import type { Subscription } from '../../lib/broker/subscription.js';
import { VirtualClock } from '../../lib/platform/index.js';
import type { PullMessageRequestHeader } from '../../lib/protocol/index.js';
import type { Channel } from '../../lib/remoting/index.js';

const WAIT = 1000;

describe('held pulls', () => {
  const first = {} as Channel;
  const second = {} as Channel;
  let clock: VirtualClock;
  let resumed: string[];
  let held: HeldPulls;

  beforeEach(() => {
    clock = new VirtualClock();
    resumed = [];
    held = new HeldPulls(clock, 100, ({ header }) => resumed.push(`${header.topic}/${header.queueId}`));
  });

  function hold(channel: Channel, topic: string, queueId: number): void {
    const header = { topic, queueId } as PullMessageRequestHeader;
    held.hold(new HeldPull(header, channel, () => {}, {} as Subscription, 0, clock.monotonic() + WAIT));
  }

  it('leave in any order, again and again, each once', () => {
    const queues = [0, 1, 2, 3];
    for (const order of [queues, [2, 0, 3, 1], queues.toReversed()]) {
      resumed = [];
      for (const queueId of queues) hold(first, 'a', queueId);
      for (const queueId of [...order, ...order]) held.wake('a', queueId, 1, undefined);
      expect(resumed).toEqual(order.map((queueId) => `a/${queueId}`));
      expect(held.size).toBe(0);
    }
  });

  it('of one queue are resumed in the order in which they came, whoever has left meanwhile', () => {
    hold(first, 'a', 0);
    hold(second, 'a', 0);
    hold(first, 'a', 1);
    hold(second, 'a', 1);
    held.drop(first);
    expect(held.size).toBe(2);
    held.release();
    expect(resumed).toEqual(['a/0', 'a/1']);
  });

  it('are answered at their deadline, also where others waited and left before', async () => {
    hold(first, 'a', 0);
    hold(first, 'b', 0);
    held.wake('a', 0, 1, undefined);
    await clock.advance(WAIT);
    expect(resumed).toEqual(['a/0', 'b/0']);
    hold(first, 'a', 0);
    hold(second, 'b', 0);
    await clock.advance(WAIT);
    expect(resumed).toEqual(['a/0', 'b/0', 'a/0', 'b/0']);
    expect(held.size).toBe(0);
  });
});
