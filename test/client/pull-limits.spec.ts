import { describe, expect, it } from '@jest/globals';
import { FLOW_LIMITS, ProcessQueue } from '../../lib/client/consumer/process-queue.js';
import { pullLimits } from '../../lib/client/consumer/pull-limits.js';
import { PulledBodyDecoder } from '../../lib/client/consumer/pulled-body.js';
import { ListenerTable } from '../../lib/client/consumer/listener-table.js';
import { createCounters } from '../../lib/client/counters.js';
import { ConsumeMode } from '../../lib/client/index.js';
import { withConsumerDefaults } from '../../lib/client/options.js';
import { encodeRecord, recordSize } from '../../lib/protocol/index.js';
import { ACK } from './support.js';

const emptyQueue = (): ProcessQueue => new ProcessQueue({ topic: 't', brokerName: 'b', queueId: 0 }, 0, false);

function filled(messages: number): { queue: ProcessQueue; settle: (count: number) => void } {
  const settings = withConsumerDefaults({ group: 'g', mode: ConsumeMode.CONCURRENT });
  const listeners = new ListenerTable(settings);
  listeners.add({ name: 'l', topic: 't', handle: () => ACK });
  const queue = emptyQueue();
  const size = recordSize(1, 1, 0, 0);
  const body = Buffer.alloc(size * messages);
  for (let index = 0; index < messages; index++) {
    encodeRecord(body, index * size, {
      queueId: 0,
      flag: 0,
      queueOffset: index,
      physicalOffset: index * size,
      sysFlag: 0,
      bornTimestamp: 1,
      bornHost: '127.0.0.1:1',
      storeTimestamp: 2,
      storeHost: '127.0.0.1:2',
      reconsumeTimes: 0,
      preparedTransactionOffset: 0,
      body: Buffer.from('x'),
      topic: 't',
      properties: '',
    });
  }
  const decoder = new PulledBodyDecoder(listeners, '%RETRY%g', createCounters());
  const pulled = decoder.decode(queue, body, messages);
  if (pulled instanceof Promise) throw new Error('nothing here is compressed');
  queue.append(pulled.deliveries, pulled.nextOffset);
  let settled = 0;
  return {
    queue,
    settle: (count) => {
      for (const delivery of pulled.deliveries.slice(settled, (settled += count))) queue.complete(delivery);
    },
  };
}

describe('what a pull asks for', () => {
  it('is what Java clients ask of a broker that is not ours, and says nothing of bytes there', () => {
    expect(pullLimits(undefined, false, emptyQueue())).toEqual({ messages: 32, bytes: undefined });
  });

  it('is as much as fits in a pull from a broker of ours', () => {
    const { messages, bytes } = pullLimits(undefined, true, emptyQueue());
    expect(messages).toBeGreaterThanOrEqual(256);
    expect(bytes).toBeGreaterThanOrEqual(256 * 1024);
  });

  it('is what the application says, whoever the broker is', () => {
    expect(pullLimits(7, true, emptyQueue())).toEqual({ messages: 7, bytes: undefined });
    expect(pullLimits(7, false, emptyQueue())).toEqual({ messages: 7, bytes: undefined });
  });

  it('overshoots what may wait for handlers by one small pull at the most', () => {
    for (const waiting of [0, 600, 700, 990, 999]) {
      const { queue } = filled(waiting);
      expect(waiting + pullLimits(undefined, true, queue).messages).toBeLessThan(FLOW_LIMITS.messages + 32);
    }
  });
});

describe('a queue that is full', () => {
  it('is read again as soon as one is settled, however many of the others are stuck, and then with a pull worth it', async () => {
    const { queue, settle } = filled(FLOW_LIMITS.messages);
    expect(queue.full).toBe(true);
    const waiting = queue.room();
    settle(1);
    await waiting;
    expect(pullLimits(undefined, true, queue).messages).toBe(32);
  });

  it('lets go of who waits for room when it is given up', async () => {
    const { queue } = filled(FLOW_LIMITS.messages);
    const waiting = queue.room();
    queue.drain();
    await expect(waiting).resolves.toBeUndefined();
  });
});
