import { describe, expect, it } from '@jest/globals';
import { ConsumerGroup } from '../../lib/broker/consumer-group.js';
import { VirtualClock } from '../../lib/platform/index.js';
import { buildSubscriptionData } from '../../lib/protocol/index.js';
import { createInProcessPair } from '../../lib/remoting/index.js';

describe('what a group remembers of pulls', () => {
  const channel = createInProcessPair(new VirtualClock()).server;
  const join = (group: ConsumerGroup, ...topics: string[]): void => {
    const subscriptionDataSet = topics.map((topic) => buildSubscriptionData(topic, '*', 1));
    const data = {
      groupName: 'g',
      consumeType: 'CONSUME_PASSIVELY',
      messageModel: 'CLUSTERING',
      consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
      subscriptionDataSet,
      unitMode: false,
    } as const;
    group.update(data, 'one', channel, 0, 0, 0);
  };

  it('goes with the member, so that its channel is not kept', () => {
    const group = new ConsumerGroup('g');
    join(group, 'orders');
    group.notePull(channel, 'orders', 3, 0);
    const member = group.memberOf(channel)!;
    expect(group.queuesOf(member)).toEqual([['orders', 3]]);
    group.removeClient('one');
    group.forgetPulls(member);
    expect(group.queuesOf(member)).toEqual([]);
  });

  it('goes with the subscription, so that topics that come and go do not pile up', () => {
    const group = new ConsumerGroup('g');
    join(group, 'orders', 'payments');
    const member = group.memberOf(channel)!;
    group.notePull(channel, 'orders', 0, 0);
    group.notePull(channel, 'payments', 1, 0);
    join(group, 'payments');
    expect(group.queuesOf(member)).toEqual([['payments', 1]]);
  });
});
