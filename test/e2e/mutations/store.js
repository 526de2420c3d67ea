/** @type {import('./mutate.js').Mutation[]} */
export const storeMutations = [
  {
    id: 'store/acknowledge-before-sync',
    says: 'a send is acknowledged before it is on the disk',
    file: 'lib/store/commitlog/segments.ts',
    find: 'if (sync)\n            await this.sync();',
    replace: '',
  },
  {
    id: 'store/queue-offsets-repeat',
    says: 'queue offsets are given twice',
    file: 'lib/store/commitlog/commit-log.ts',
    find: 'queue.nextOffset++',
    replace: 'queue.nextOffset',
  },
  {
    id: 'store/delayed-anywhere',
    says: 'a delayed message is delivered to the first queue, and as a retry',
    file: 'lib/store/timers/timer-delivery.ts',
    find: 'return messageOf(record, topic, queueId, appendProperty',
    replace:
      'return messageOf({ ...record, reconsumeTimes: record.reconsumeTimes + 1 }, topic, queueId, appendProperty',
  },
];
