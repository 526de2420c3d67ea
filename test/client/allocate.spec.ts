import { describe, expect, it } from '@jest/globals';
import {
  allocate,
  allocateAveragely,
  allocateByCircle,
  REBALANCE_STRATEGIES,
  type RebalanceStrategy,
} from '../../lib/client/consumer/allocate.js';

const queuesOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    topic: 't',
    brokerName: index % 2 === 0 ? 'a' : 'b',
    queueId: index,
  }));
const membersOf = (count: number) => Array.from({ length: count }, (_, index) => `10.0.0.${index}@${index}#x`);
const share = (strategy: RebalanceStrategy, queues: number, members: readonly string[], self: string) =>
  allocate(strategy, { group: 'g', topic: 't', queues: queuesOf(queues), members, self }, 't').map(
    ({ queueId }) => queueId,
  );

describe('dividing queues among members', () => {
  it('gives every queue to exactly one member, and no member more than one above another', () => {
    for (let queues = 0; queues <= 12; queues++) {
      for (let members = 1; members <= 14; members++) {
        const all = Array.from({ length: queues }, (_, index) => index);
        const ids = Array.from({ length: members }, (_, index) => `m${index}`);
        const parts = ids.map((id) => allocateAveragely(all, ids, id));
        expect(parts.flat()).toEqual(all);
        const sizes = parts.map((part) => part.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }
    }
  });

  it('is RocketMQ’s: the first members get one more', () => {
    const ids = ['a', 'b', 'c'];
    const queues = [0, 1, 2, 3, 4, 5, 6, 7];
    expect(ids.map((id) => allocateAveragely(queues, ids, id))).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [6, 7],
    ]);
  });

  it('gives nothing to whom the list does not name', () => {
    expect(allocateAveragely([1, 2], ['a'], 'stranger')).toEqual([]);
  });

  it('by circle deals them out one by one', () => {
    const ids = ['a', 'b', 'c'];
    expect(ids.map((id) => allocateByCircle([0, 1, 2, 3, 4, 5, 6, 7], ids, id))).toEqual([
      [0, 3, 6],
      [1, 4, 7],
      [2, 5],
    ]);
    expect(allocateByCircle([1, 2], ['a'], 'stranger')).toEqual([]);
  });

  it.each(REBALANCE_STRATEGIES)('%s gives every queue to exactly one member', (strategy) => {
    for (const queues of [0, 1, 7, 16]) {
      for (const members of [1, 2, 5]) {
        const ids = membersOf(members);
        const parts = ids.flatMap((id) => share(strategy, queues, ids, id));
        expect(parts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: queues }, (_, index) => index));
      }
    }
  });

  // What rocketmq-client 5.3.3 gives.
  it.each([
    ['average', ['a0 a1 a2 a3 a4 a5', 'a6 a7 b0 b1 b2', 'b3 b4 b5 b6 b7']],
    ['average-by-circle', ['a0 a3 a6 b1 b4 b7', 'a1 a4 a7 b2 b5', 'a2 a5 b0 b3 b6']],
    ['consistent-hash', ['a4 a6 b3 b7', 'a1 a3 a7 b5', 'a0 a2 a5 b0 b1 b2 b4 b6']],
  ] as const)('%s gives what Java gives', (strategy, expected) => {
    const members = ['10.0.0.1@1#a', '10.0.0.2@22#b', '10.0.0.3@333#c'];
    const queues = ['broker-a', 'broker-b'].flatMap((brokerName) =>
      Array.from({ length: 8 }, (_, queueId) => ({ topic: 'orders', brokerName, queueId })),
    );
    const given = members.map((self) =>
      allocate(strategy, { group: 'g', topic: 'orders', queues, members, self }, 'orders')
        .map(({ brokerName, queueId }) => `${brokerName.at(-1)}${queueId}`)
        .join(' '),
    );
    expect(given).toEqual(expected);
  });

  it('by consistent hash takes queues from nobody but the member that leaves', () => {
    const before = membersOf(5);
    const after = before.filter((_, index) => index !== 2);
    for (const id of after) {
      const kept = share('consistent-hash', 64, before, id);
      expect(share('consistent-hash', 64, after, id)).toEqual(expect.arrayContaining(kept));
    }
  });

  it('may be told by a function, which cannot invent queues', () => {
    const own: RebalanceStrategy = ({ queues, self, members }) => queues.filter(() => members[0] === self);
    expect(share(own, 3, ['a', 'b'], 'a')).toEqual([0, 1, 2]);
    expect(share(own, 3, ['a', 'b'], 'b')).toEqual([]);
    expect(() => share(() => [{ topic: 't', brokerName: 'z', queueId: 9 }], 3, ['a'], 'a')).toThrow(/queue 9 of z/);
  });
});
